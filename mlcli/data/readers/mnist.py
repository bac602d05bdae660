"""MNIST (LeCun, Cortes, Burges, 1998) and Fashion-MNIST (Xiao, Rasul, Vollgraf, 2017)."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlcli.config.sections.dataset import MnistConfig, MnistName
from mlcli.data.readers.idx import check_pair, parse_idx, read_contents
from mlcli.data.readers.source import Source
from mlcli.data.tables.types import Images, SourceRead
from mlcli.errors import DataError, UnreachableError
from mlcli.io.disk import locked_folder, make_folder
from mlcli.io.network import RemoteFile, download
from mlcli.io.paths import data_dir
from mlcli.reporter import Reporter


@dataclass(frozen=True)
class Collection:
    """Four files: training images and labels, test images and labels.

    folders : where they are looked for; the first is where downloads go
    contents : sha256 of each unpacked file, where there is one true version
    """

    title: str
    folders: tuple[str, ...]
    mirrors: tuple[str, ...]
    files: tuple[RemoteFile, ...]
    contents: tuple[str, ...] | None
    class_names: tuple[str, ...]


COLLECTIONS: dict[MnistName, Collection] = {
    "mnist": Collection(
        "MNIST",
        folders=("mnist", "MNIST/raw"),
        mirrors=("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
        files=(
            RemoteFile("train-images-idx3-ubyte.gz", 9_912_422, "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
            RemoteFile("train-labels-idx1-ubyte.gz", 28_881, "d53e105ee54ea40749a09fcbcd1e9432"),
            RemoteFile("t10k-images-idx3-ubyte.gz", 1_648_877, "9fb629c4189551a2d022fa330f9573f3"),
            RemoteFile("t10k-labels-idx1-ubyte.gz", 4_542, "ec29112dd5afa0611ce80d1b7f02629c"),
        ),
        contents=(
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
        class_names=tuple("0123456789"),
    ),
    "fashion_mnist": Collection(
        "Fashion-MNIST",
        folders=("fashion_mnist", "FashionMNIST/raw", "/usr/share/datasets/fashion-mnist"),
        mirrors=(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ),
        files=(
            RemoteFile("train-images-idx3-ubyte.gz", 26_421_880, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
            RemoteFile("train-labels-idx1-ubyte.gz", 29_515, "25c81989df183df01b3e8a0aad5dffbe"),
            RemoteFile("t10k-images-idx3-ubyte.gz", 4_422_102, "bef4ecab320f06d8554ea6380940ec79"),
            RemoteFile("t10k-labels-idx1-ubyte.gz", 5_148, "bb300cfdad3c16e7a12a480ee83cd310"),
        ),
        contents=None,
        class_names=(
            "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
        ),
    ),
}  # fmt: skip


class MnistSource(Source[MnistConfig]):
    """Training and test images, downloaded where they are not here."""

    def files(self) -> tuple[Path, ...]:
        return find_mnist(self.config.name)

    def is_available(self) -> bool:
        return self.download_size() is None

    def download_size(self) -> str | None:
        name = self.config.name
        if len(find_mnist(name)) == len(COLLECTIONS[name].files):
            return None
        return f"{COLLECTIONS[name].title}, {download_megabytes(name):.1f} MB"

    def fetch(self, reporter: Reporter) -> None:
        fetch_mnist(self.config.name, reporter)

    def read(self) -> SourceRead:
        return SourceRead(*read_mnist(self.config.name, self.files()), "classification")


def find_mnist(name: MnistName) -> tuple[Path, ...]:
    """Those of the four files that are on this machine, plain or gzipped, in the order of `Collection.files`."""
    collection = COLLECTIONS[name]
    found = [_find_file(collection, remote) for remote in collection.files]
    return tuple(path for path in found if path is not None)


def download_megabytes(name: MnistName) -> float:
    """Size of what `fetch_mnist` would download, in 10⁶ bytes."""
    collection = COLLECTIONS[name]
    return sum(remote.size for remote in collection.files if not _find_file(collection, remote)) / 1e6


def fetch_mnist(name: MnistName, reporter: Reporter) -> tuple[Path, ...]:
    """The four files; missing ones are downloaded. Raises UnreachableError saying where to put them."""
    collection = COLLECTIONS[name]
    if len(paths := find_mnist(name)) == len(collection.files):
        return paths
    folder = data_dir() / collection.folders[0]
    make_folder(folder)
    with locked_folder(folder):  # another process may be downloading the same
        try:
            return tuple(
                _find_file(collection, remote) or download(remote, collection.mirrors, folder, reporter)
                for remote in collection.files
            )
        except UnreachableError as error:
            names = ", ".join(file.name for file in collection.files)
            raise UnreachableError(
                f"{error}; {collection.title} is not in {folder}: put there {names} (or the same without .gz)"
            ) from None


def read_mnist(name: MnistName, paths: tuple[Path, ...]) -> tuple[Images, Images]:
    """Training and test images from the four files; raises DataError when they are not what they should be.

    pixels : uint8 (60000, 28, 28) and (10000, 28, 28)
    """
    collection = COLLECTIONS[name]
    contents = [_read_checked(collection, index, path) for index, path in enumerate(paths)]
    return _images(collection, paths[:2], contents[:2]), _images(collection, paths[2:], contents[2:])


def _find_file(collection: Collection, remote: RemoteFile) -> Path | None:
    """Also under the name with a dot (train-images.idx3-ubyte) that some archives give it."""
    plain = remote.name.removesuffix(".gz")
    names = [plain, remote.name, plain.replace("-idx", ".idx")]
    places = [data_dir() / folder / name for folder in collection.folders for name in names]
    return next((place for place in places if place.is_file()), None)


def _read_checked(collection: Collection, index: int, path: Path) -> bytes:
    contents = read_contents(path)[:]
    if collection.contents is None:
        return contents
    found, expected = hashlib.sha256(contents).hexdigest(), collection.contents[index]
    if found != expected:
        raise DataError(
            f"{path}: not {collection.title}: its unpacked contents have sha256 {found}, expected {expected}; "
            "remove it so that it is downloaded, or use dataset.name: idx for a file of your own"
        )
    return contents


def _images(collection: Collection, paths: tuple[Path, ...], contents: list[bytes]) -> Images:
    pixels, labels = parse_idx(paths[0], contents[0], 3), parse_idx(paths[1], contents[1], 1)
    check_pair(paths[0], pixels, paths[1], labels)
    n_classes = len(collection.class_names)
    if pixels.shape[1:] != (28, 28) or not len(labels) or labels.max() >= n_classes:
        raise DataError(
            f"{paths[0]}: {len(pixels)} images of {pixels.shape[1:]} with labels up to {labels.max(initial=0)}, "
            f"expected some of (28, 28) with labels 0–{n_classes - 1}; use dataset.name: idx for files of your own"
        )
    return Images(pixels, labels.astype(np.int64), collection.class_names)
