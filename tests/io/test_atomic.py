import contextlib
import errno
import json
import math
import os
import threading
from pathlib import Path

import pytest

from mlcli.errors import ArtefactError, ResourceError
from mlcli.io import disk
from mlcli.io.atomic import (
    atomic_folder,
    claimed,
    recover_children,
    recover_folder,
    remove_folder,
    verify_folder,
    write_file,
    write_json,
)

OPERATIONS = ("touch", "mkdir", "write", "overwrite", "sync", "rename", "unlink", "rmdir")


class Killed(BaseException):
    """What a process cannot catch, as far as a test can have it."""


class DyingDisk:
    """Counts the disk's operations; from number `last` on, none is done any more."""

    def __init__(self, monkeypatch, last, error=None):
        self.count = 0
        self.last = last
        self.error = error or Killed
        for name in OPERATIONS:
            monkeypatch.setattr(disk, name, self.wrap(getattr(disk, name)))

    def wrap(self, operation):
        def guarded(*args):
            self.count += 1
            if self.count > self.last:
                raise self.error
            return operation(*args)

        return guarded


def write_folder(target, text):
    with atomic_folder(target, "sample") as folder:
        for name in ("a.txt", "b.txt"):
            (folder / name).write_text(f"{text} {name}")


def read_folder(target):
    if not target.exists():
        return None
    verify_folder(target, "sample")
    return {path.name: path.read_text() for path in target.iterdir() if path.name != "MANIFEST.json"}


def contents(text):
    return {"a.txt": f"{text} a.txt", "b.txt": f"{text} b.txt"}


def count_operations(work):
    with pytest.MonkeyPatch.context() as patch:
        seam = DyingDisk(patch, last=math.inf)
        work()
        return seam.count


def names(folder):
    return sorted(path.name for path in folder.iterdir())


class TestAtomicFolder:
    def test_holds_what_was_written_and_nothing_beside_it(self, tmp_path):
        write_folder(tmp_path / "deep" / "model", "new")
        assert read_folder(tmp_path / "deep" / "model") == contents("new")
        assert names(tmp_path / "deep") == ["model"]

    def test_manifest_has_version_kind_sizes_and_hashes(self, tmp_path):
        with atomic_folder(tmp_path / "x", "sample") as folder:
            (folder / "a.txt").write_text("abc")
        manifest = json.loads((tmp_path / "x" / "MANIFEST.json").read_text())
        digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, B.1
        assert manifest == {"schema": 1, "kind": "sample", "files": {"a.txt": {"size": 3, "sha256": digest}}}

    def test_all_is_synced_before_the_rename_and_the_rename_itself(self, tmp_path, monkeypatch):
        done = []

        def logged(name, operation):
            return lambda *args: (done.append(name), operation(*args))[1]

        for name in OPERATIONS:
            monkeypatch.setattr(disk, name, logged(name, getattr(disk, name)))
        write_folder(tmp_path / "model", "new")
        two_files, manifest, folder = ["sync", "sync"], ["touch", "write", "sync"], ["sync"]
        assert done == ["mkdir", *two_files, *manifest, *folder, "rename", "sync"]

    def test_error_in_the_block_keeps_the_old_one(self, tmp_path):
        write_folder(tmp_path / "model", "old")
        with pytest.raises(ZeroDivisionError), atomic_folder(tmp_path / "model", "sample") as folder:
            (folder / "a.txt").write_text(str(1 / 0))
        assert read_folder(tmp_path / "model") == contents("old")
        assert names(tmp_path) == ["model"]

    def test_sub_folder_is_a_mistake(self, tmp_path):
        with pytest.raises(ValueError, match="flat"), atomic_folder(tmp_path / "model", "sample") as folder:
            (folder / "sub").mkdir()
        assert names(tmp_path) == []

    @pytest.mark.parametrize("existing", [False, True])
    def test_killed_at_any_operation_leaves_old_or_new(self, tmp_path, existing):
        def prepare(root):
            root.mkdir()
            if existing:
                write_folder(root / "model", "old")

        prepare(tmp_path / "whole")
        total = count_operations(lambda: write_folder(tmp_path / "whole" / "model", "new"))
        assert total >= (12 if existing else 8)
        seen = set()
        for last in range(total):
            root = tmp_path / str(last)
            prepare(root)
            with pytest.MonkeyPatch.context() as patch:
                DyingDisk(patch, last)
                with pytest.raises(Killed):
                    write_folder(root / "model", "new")
            recover_folder(root / "model")
            found = read_folder(root / "model")
            assert found in ([contents("old"), contents("new")] if existing else [None, contents("new")])
            assert set(names(root)) <= {"model"}
            seen.add(str(found))
        assert len(seen) == 2, "the kills must fall on both sides of the rename"

    def test_killed_during_recovery_and_recovered_again(self, tmp_path):
        def crash(root):
            root.mkdir()
            write_folder(root / "model", "old")
            with pytest.MonkeyPatch.context() as patch:
                DyingDisk(patch, last=8)  # between the two renames
                with pytest.raises(Killed):
                    write_folder(root / "model", "new")
            assert not (root / "model").exists()

        crash(tmp_path / "whole")
        total = count_operations(lambda: recover_folder(tmp_path / "whole" / "model"))
        for last in range(total):
            root = tmp_path / str(last)
            crash(root)
            with pytest.MonkeyPatch.context() as patch:
                DyingDisk(patch, last)
                with pytest.raises(Killed):
                    recover_folder(root / "model")
            recover_folder(root / "model")
            assert read_folder(root / "model") == contents("old")
            assert names(root) == ["model"]

    def test_recovery_leaves_a_live_writer_alone(self, tmp_path):
        with atomic_folder(tmp_path / "model", "sample") as folder:
            (folder / "a.txt").write_text("x")
            recover_folder(tmp_path / "model")
            recover_children(tmp_path)
            assert (folder / "a.txt").exists()

    def test_a_recovery_that_is_faster_than_the_claim_costs_the_writer_nothing(self, tmp_path):
        recoveries = []

        def overtaken(path):
            """Make the folder and, the first time, lose the race for its lock to a recovery that deletes it."""
            disk.mkdir(path)
            if recoveries:
                return
            stack = contextlib.ExitStack()
            assert stack.enter_context(disk.locked_temporary(path))
            recoveries.append(threading.Timer(0.1, lambda: (disk.delete(path), stack.close())))
            recoveries[0].start()

        with claimed(tmp_path / "model", overtaken) as folder:
            recoveries[0].join()
            assert folder.is_dir()

    def test_two_writers_of_the_same_folder(self, tmp_path):
        with atomic_folder(tmp_path / "model", "sample") as folder:
            (folder / "a.txt").write_text("first a.txt")
            (folder / "b.txt").write_text("first b.txt")
            write_folder(tmp_path / "model", "second")
        assert read_folder(tmp_path / "model") == contents("first")
        assert names(tmp_path) == ["model"]

    @pytest.mark.parametrize(("change", "stays"), [(None, True), ("third a.txt", False)])
    def test_the_same_folder_stays_for_those_who_read_it_and_a_damaged_one_goes(self, tmp_path, change, stays):
        write_folder(tmp_path / "model", "first")
        if change:
            (tmp_path / "model" / "a.txt").write_text(change)
        before = (tmp_path / "model").stat().st_ino
        write_folder(tmp_path / "model", "first")
        assert ((tmp_path / "model").stat().st_ino == before) is stays
        assert read_folder(tmp_path / "model") == contents("first")
        assert names(tmp_path) == ["model"]

    def test_recover_children_looks_at_every_name(self, tmp_path):
        (tmp_path / ".one.tmp-00000000").mkdir()
        (tmp_path / ".two.old-00000000").mkdir()
        (tmp_path / ".keep.tmp").mkdir()
        recover_children(tmp_path)
        assert names(tmp_path) == [".keep.tmp", "two"]

    def test_failed_swap_puts_the_old_one_back(self, tmp_path, monkeypatch):
        write_folder(tmp_path / "model", "old")
        rename = disk.rename

        def refuse_new(source, target):
            if target.name == "model" and ".tmp-" in source.name:
                raise OSError(errno.EACCES, "no")
            rename(source, target)

        monkeypatch.setattr(disk, "rename", refuse_new)
        with pytest.raises(ResourceError, match=r"model: permission denied"):
            write_folder(tmp_path / "model", "new")
        assert read_folder(tmp_path / "model") == contents("old")
        assert names(tmp_path) == ["model"]

    def test_through_a_link_to_the_parent(self, tmp_path):
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to("real")
        write_folder(tmp_path / "link" / "model", "old")
        write_folder(tmp_path / "link" / "model", "new")
        assert read_folder(tmp_path / "real" / "model") == contents("new")


class TestRemoveFolder:
    def test_killed_at_any_operation_is_whole_or_gone(self, tmp_path):
        write_folder(tmp_path / "whole" / "model", "old")
        total = count_operations(lambda: remove_folder(tmp_path / "whole" / "model"))
        assert names(tmp_path / "whole") == []
        for last in range(total):
            target = tmp_path / str(last) / "model"
            write_folder(target, "old")
            with pytest.MonkeyPatch.context() as patch:
                DyingDisk(patch, last)
                with pytest.raises(Killed):
                    remove_folder(target)
            recover_folder(target)
            assert read_folder(target) in (None, contents("old"))
            assert set(names(target.parent)) <= {"model"}


class TestAtomicFile:
    def test_killed_at_any_operation_leaves_old_or_new(self, tmp_path):
        total = count_operations(lambda: write_json(tmp_path / "x.json", "new"))
        seen = set()
        for last in range(total):
            path = tmp_path / str(last) / "x.json"
            write_json(path, "old")
            with pytest.MonkeyPatch.context() as patch:
                DyingDisk(patch, last)
                with pytest.raises(Killed):
                    write_json(path, "new")
            recover_folder(path)
            seen.add(json.loads(path.read_text()))
            assert names(path.parent) == ["x.json"]
        assert seen == {"old", "new"}

    def test_a_write_cut_short_is_gone_on_with(self, tmp_path):
        class Grudging:
            """Takes seven bytes at a time, as a file system may."""

            def __init__(self):
                self.taken = b""

            def write(self, data):
                self.taken += bytes(data[:7])
                return len(data[:7])

        content = bytes(range(100))
        disk.write(file := Grudging(), content)
        assert file.taken == content

    def test_json_text(self, tmp_path):
        write_json(tmp_path / "x.json", {"b": 1.5, "a": ["ñ", None]})
        assert (tmp_path / "x.json").read_bytes() == '{\n  "b": 1.5,\n  "a": [\n    "ñ",\n    null\n  ]\n}\n'.encode()

    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_json_refuses_what_is_not_a_number(self, tmp_path, value):
        with pytest.raises(ValueError):
            write_json(tmp_path / "x.json", {"a": value})
        assert names(tmp_path) == []


class TestResourceErrors:
    @pytest.mark.parametrize(
        ("number", "said"),
        [
            (errno.ENOSPC, "disk is full"),
            (errno.EDQUOT, "quota"),
            (errno.EFBIG, "larger than allowed"),
            (errno.EACCES, "permission denied"),
            (errno.EPERM, "not permitted"),
            (errno.EROFS, "read-only"),
            (errno.ENOMEM, "out of memory"),
            (errno.EINVAL, "name is not allowed"),
        ],
    )
    def test_each_cause_has_its_remedy(self, number, said):
        with pytest.raises(ResourceError, match=f"x: .*{said}.*;"), disk.resource_errors(Path("x")):
            raise OSError(number, os.strerror(number))

    def test_disk_full_at_each_operation(self, tmp_path):
        write_folder(tmp_path / "model", "old")
        failed = 0
        while read_folder(tmp_path / "model") == contents("old"):
            with pytest.MonkeyPatch.context() as patch:
                DyingDisk(patch, failed, OSError(errno.ENOSPC, "full"))
                with pytest.raises(ResourceError, match=r"model: the disk is full"):
                    write_folder(tmp_path / "model", "new")
            recover_folder(tmp_path / "model")
            failed += 1
        assert failed >= 8
        assert names(tmp_path) == ["model"]

    def test_a_really_full_disk(self):
        if not Path("/dev/full").exists():
            pytest.skip("no /dev/full here")
        with pytest.raises(ResourceError, match=r"x: the disk is full"), disk.resource_errors(Path("x")):
            Path("/dev/full").write_bytes(b"x")

    def test_memory(self):
        with pytest.raises(ResourceError, match="out of memory"), disk.resource_errors(Path("x")):
            raise MemoryError

    def test_others_pass(self):
        with pytest.raises(FileNotFoundError), disk.resource_errors(Path("x")):
            raise FileNotFoundError(errno.ENOENT, "gone")

    def test_a_file_in_the_way(self, tmp_path):
        (tmp_path / "data").write_text("")
        with pytest.raises(ResourceError, match="data"):
            write_file(tmp_path / "data" / "x", b"")
        (tmp_path / "folder").mkdir()
        with pytest.raises(ResourceError, match="there is a folder"):
            write_file(tmp_path / "folder", b"")

    def test_expected_errors_pass_through(self, tmp_path):
        with pytest.raises(ArtefactError), atomic_folder(tmp_path / "x", "sample"):
            raise ArtefactError("bad")
