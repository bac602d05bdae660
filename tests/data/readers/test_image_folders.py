import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mlcli.config.sections.dataset import ImagesConfig
from mlcli.data.readers.image_folders import image_names, list_image_folders
from mlcli.data.sources import read_source
from mlcli.errors import DataError


def make_folder(root, **classes):
    for name, values in classes.items():
        (root / name).mkdir(parents=True)
        for index, value in enumerate(values):
            Image.new("L", (5, 6), value).save(root / name / f"{index}.png")
    return root


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return make_folder(tmp_path / "pictures", dog=[10, 20], cat=[30])


def read(**keys):
    found = read_source(ImagesConfig(name="images", path="pictures", **keys))
    return found.rows, found.test


def test_classes_by_name(pictures):
    images, test = read()
    assert images.class_names == ("cat", "dog")
    assert images.labels.tolist() == [0, 1, 1]
    assert images.labels.dtype == np.int64
    assert images.pixels.shape == (3, 28, 28)
    assert images.pixels[:, 0, 0].tolist() == [30, 10, 20]
    assert test is None


def test_size_and_colour(pictures):
    assert read(size=(6, 5), color="rgb")[0].pixels.shape == (3, 6, 5, 3)


def test_hidden_and_system_files_are_passed_over(pictures):
    for name in (".DS_Store", "Thumbs.db", "cat/.hidden.png", "cat/desktop.ini", "README.md"):
        (pictures / name).write_text("")
    (pictures / ".git").mkdir()
    assert len(read()[0]) == 3


def test_test_folder(pictures, tmp_path):
    make_folder(tmp_path / "test", cat=[1], dog=[2])
    images, test = read(test_path="test")
    assert test.pixels[:, 0, 0].tolist() == [1, 2]
    assert test.class_names == images.class_names


def test_a_class_may_be_called_as_a_split_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_folder(tmp_path / "pictures", train=[1], bus=[2])
    assert read()[0].class_names == ("bus", "train")


def test_files_to_be_read(pictures):
    (files,) = list_image_folders(ImagesConfig(name="images", path="pictures"))
    assert [str(path.relative_to(files.folder)) for path in files.paths] == ["cat/0.png", "dog/0.png", "dog/1.png"]


def test_files_are_named_with_their_class(pictures, tmp_path):
    make_folder(tmp_path / "test", cat=[1], dog=[2])
    config = ImagesConfig(name="images", path="pictures", test_path="test")
    assert image_names(config) == ("cat/0.png", "dog/0.png", "dog/1.png")


class TestErrors:
    def check(self, said, **keys):
        with pytest.raises(DataError, match=said):
            read(**keys)

    def test_missing_folder(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        self.check(r"pictures.*https://example\.org", origin="https://example.org")

    def test_a_file_in_its_place(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "pictures").write_text("")
        self.check("pictures: not a folder")

    def test_stray_files(self, pictures):
        (pictures / "cat" / "notes.txt").write_text("")
        (pictures / "cat" / "more.md").write_text("")
        self.check(r"cat/more\.md: one of 2 files that are not images")

    def test_a_folder_in_a_class(self, pictures):
        (pictures / "cat" / "more").mkdir()
        self.check(r"cat/more: a folder in a folder of images; move its images into pictures/cat, or remove it")

    def test_classes_one_folder_deeper(self, pictures):
        pictures.rename("inner")
        (pictures / "whole").mkdir(parents=True)
        Path("inner").rename("pictures/whole/inner")
        self.check(r"only one sub-folder, whole; .*; if inner is a class, set dataset\.path: pictures/whole$")

    @pytest.mark.parametrize(
        ("splits", "said"),
        [
            (("train", "val"), "set dataset.path: pictures/train and dataset.test_path: pictures/val$"),
            (
                ("Training", "test", "valid"),
                "pictures/Training and dataset.test_path: pictures/test; validation",
            ),
            (("train",), "pictures/train$"),
            (("val", "test"), "put the images of each class into a folder of its own"),
        ],
    )
    def test_splits_are_no_classes(self, pictures, splits, said):
        pictures.rename("classes")
        for name in splits:
            shutil.copytree("classes", pictures / name)
        self.check(f"pictures: .* of splits, not of classes; .*{said}")

    def test_images_right_in_the_splits(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        make_folder(tmp_path / "pictures", train=[1], test=[2])
        self.check("test, train are names of splits.*such as train/cat")

    def test_loose_pictures(self, pictures):
        Image.new("L", (2, 2)).save(pictures / "loose.png")
        self.check(r"loose\.png: one of 1 images outside a class")

    def test_empty_class(self, pictures):
        (pictures / "bird").mkdir()
        self.check("bird: no images")

    def test_one_class(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        make_folder(tmp_path / "pictures", cat=[1])
        self.check("only one sub-folder, cat; expected at least two")

    def test_no_class(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "pictures").mkdir()
        self.check("no sub-folders; expected at least two")

    def test_other_test_classes(self, pictures, tmp_path):
        make_folder(tmp_path / "test", cat=[1], cow=[2])
        self.check(r"test: its classes differ from those of pictures \(cow, dog\)", test_path="test")

    def test_unreadable_picture(self, pictures):
        (pictures / "dog" / "0.png").write_bytes(b"\x89PNG")
        self.check(r"dog/0\.png: cannot be read as an image")
