import json
import os
import random

import pytest

from mlcli.errors import ArtefactError
from mlcli.io.atomic import atomic_folder, sha256_file, verify_folder
from mlcli.io.json import read_json, read_limited


@pytest.fixture
def folder(tmp_path):
    target = tmp_path / "model"
    with atomic_folder(target, "bundle") as temporary:
        (temporary / "weights.bin").write_bytes(random.Random(0).randbytes(300))
        (temporary / "bundle.json").write_text("{}")
    return target


def edit_manifest(folder, change):
    path = folder / "MANIFEST.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


class TestVerifyFolder:
    def test_whole(self, folder):
        verify_folder(folder, "bundle")

    def test_every_flipped_bit_is_noticed(self, folder):
        path = folder / "weights.bin"
        good = path.read_bytes()
        for position in range(0, len(good) * 8, 7):
            bad = bytearray(good)
            bad[position // 8] ^= 1 << position % 8
            path.write_bytes(bad)
            with pytest.raises(ArtefactError, match=r"weights\.bin.*sha256"):
                verify_folder(folder, "bundle")

    def test_truncated(self, folder):
        path = folder / "weights.bin"
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(ArtefactError, match=r"weights\.bin.*found 299 bytes, expected 300"):
            verify_folder(folder, "bundle")

    def test_missing_file(self, folder):
        (folder / "weights.bin").unlink()
        with pytest.raises(ArtefactError, match=r"weights\.bin.*no such file"):
            verify_folder(folder, "bundle")

    def test_unlisted_file(self, folder):
        (folder / "extra.py").write_text("")
        with pytest.raises(ArtefactError, match=r"extra\.py.*does not list"):
            verify_folder(folder, "bundle")

    def test_link_in_place_of_a_file(self, folder, tmp_path):
        (folder / "weights.bin").rename(tmp_path / "elsewhere")
        (folder / "weights.bin").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(ArtefactError, match="link"):
            verify_folder(folder, "bundle")

    def test_other_kind(self, folder):
        with pytest.raises(ArtefactError, match="found kind 'bundle', expected 'checkpoint'"):
            verify_folder(folder, "checkpoint")

    def test_missing_folder_or_manifest(self, tmp_path):
        with pytest.raises(ArtefactError, match=r"MANIFEST\.json: missing"):
            verify_folder(tmp_path / "none", "bundle")

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (lambda m: m.update(schema=2), "newer mlcli .format 2, this one reads 1.; upgrade mlcli"),
            (lambda m: m.update(schema=None), "format None is unknown, expected 1; create it again"),
            (lambda m: m.update(files=[]), "no list of files"),
            (lambda m: m["files"].update({"../x": {"size": 0, "sha256": ""}}), r"'\.\./x'"),
            (lambda m: m["files"].update({"/etc/passwd": {"size": 0, "sha256": ""}}), "plain name"),
            (lambda m: m["files"].update({"a\\b": {"size": 0, "sha256": ""}}), "plain name"),
            (lambda m: m["files"].update({"..": {"size": 0, "sha256": ""}}), "plain name"),
            (lambda m: m["files"].update({"weights.bin": {"size": "0"}}), "its size and sha256"),
            (lambda m: m["files"].update({"weights.bin": 3}), "its size and sha256"),
        ],
    )
    def test_bad_manifest(self, folder, change, said):
        edit_manifest(folder, change)
        with pytest.raises(ArtefactError, match=said):
            verify_folder(folder, "bundle")


class TestReadJson:
    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"{",
            b"\xff",
            b"NaN",
            b"[Infinity]",
            b"[1e400]",
            b"-1.5e999",
            b"[" * 100_000,
            b"1" * 5000 + b"x",
            b'"\xed\xa0\x80"',
        ],
    )
    def test_damaged(self, tmp_path, content):
        (tmp_path / "x.json").write_bytes(content)
        with pytest.raises(ArtefactError, match=r"x\.json: not valid JSON"):
            read_json(tmp_path / "x.json")

    def test_larger_than_allowed(self, tmp_path):
        (tmp_path / "x.json").write_text("[1, 2]")
        assert read_json(tmp_path / "x.json", limit=6) == [1, 2]
        with pytest.raises(ArtefactError, match="larger than the 5 bytes"):
            read_json(tmp_path / "x.json", limit=5)

    def test_not_a_file(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        for path in (tmp_path, tmp_path / "pipe"):
            with pytest.raises(ArtefactError, match="not a regular file"):
                read_limited(path, 10)


def test_sha256_file(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    assert sha256_file(tmp_path / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
