"""Whether a dataset can be prepared without the network."""

from mlcli.config.dataset import DatasetConfig, ImagesConfig, MnistConfig
from mlcli.data.mnist import COLLECTIONS, download_megabytes, find_mnist
from mlcli.data.paths import find_path
from mlcli.data.sources import source_files
from mlcli.errors import DataError


def at_hand(config: DatasetConfig) -> bool:
    """Whether its files are here, or it needs none; a database that is not a file counts as here."""
    if isinstance(config, MnistConfig):
        return would_download(config) is None
    try:
        if isinstance(config, ImagesConfig):
            _ = [find_path(path, config.origin) for path in (config.path, config.test_path) if path]
        else:
            source_files(config)
    except DataError:
        return False
    return True


def would_download(config: DatasetConfig) -> str | None:
    """What `prepare` would download: its title and size; None when nothing."""
    if not isinstance(config, MnistConfig) or len(find_mnist(config.name)) == len(COLLECTIONS[config.name].files):
        return None
    return f"{COLLECTIONS[config.name].title}, {download_megabytes(config.name):.1f} MB"
