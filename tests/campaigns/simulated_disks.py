"""Disks that fail: one that stops for good after some operations, one whose power can be cut afterwards.

Both stand in for `mlcli.io.disk`, through which every change passes. Syncing is only noted, which is quick.
"""

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mlcli.io import disk

OPERATIONS = ("touch", "mkdir", "write", "overwrite", "sync", "rename", "unlink", "rmdir")


class Killed(BaseException):
    """What a process cannot catch, as far as a test can have it."""


@contextmanager
def replaced(wrap):
    """The disk with every operation wrapped: wrap(name, operation)."""
    with pytest.MonkeyPatch.context() as patch:
        for name in OPERATIONS:
            operation = (lambda path: None) if name == "sync" else getattr(disk, name)
            patch.setattr(disk, name, wrap(name, operation))
        yield


@contextmanager
def quick_disk():
    """A disk that is never waited for."""
    with replaced(lambda name, operation: operation):
        yield


def dies_after(work, last):
    """Whether the disk stopped for good, after `last` operations, before the work was done."""
    count = 0

    def wrap(name, operation):
        def guarded(*args):
            nonlocal count
            count += 1
            if count > last:
                raise Killed
            return operation(*args)

        return guarded

    with replaced(wrap):
        try:
            work()
        except Killed:
            return True
    return False


@dataclass(frozen=True)
class Link:
    """`name` in `folder` comes to mean `node`."""

    folder: int
    name: str
    node: int


@dataclass(frozen=True)
class Unlink:
    """`name` in `folder` no longer means `node`."""

    folder: int
    name: str
    node: int


@dataclass(frozen=True)
class Move:
    """Both in one, which no power cut divides. All of mlcli's are within one folder."""

    folder: int
    source: str
    target: str
    node: int


@dataclass(frozen=True)
class Append:
    """`data` at the end of the file `node`."""

    node: int
    data: bytes


@dataclass(frozen=True)
class Sync:
    """All that was done so far to the file or folder `node` is on the disk."""

    node: int


@dataclass
class Tree:
    """Folders and files by number; 0 is the root folder."""

    folders: dict[int, dict[str, int]] = field(default_factory=lambda: {0: {}})
    files: dict[int, bytes] = field(default_factory=dict)

    def copy(self):
        return Tree({number: dict(names) for number, names in self.folders.items()}, dict(self.files))

    def new(self, content=None):
        """The number of a new file with this content, or of a new folder."""
        number = len(self.folders) + len(self.files)
        if content is None:
            self.folders[number] = {}
        else:
            self.files[number] = content
        return number

    def apply(self, event):
        match event:
            case Link(folder, name, node):
                self.folders[folder][name] = node
            case Unlink(folder, name, node):
                if self.folders[folder].get(name) == node:
                    del self.folders[folder][name]
            case Move(folder, source, target, node):
                self.apply(Unlink(folder, source, node))
                self.apply(Link(folder, target, node))
            case Append(node, data):
                self.files[node] += data

    def read(self, path, folder=0):
        """Take in what lies in a real folder."""
        for child in sorted(path.iterdir()):
            number = self.new(None if child.is_dir() else child.read_bytes())
            self.folders[folder][child.name] = number
            if child.is_dir():
                self.read(child, number)

    def build(self, path, folder=0):
        """Make a real folder of what can be reached."""
        path.mkdir()
        for name, node in self.folders[folder].items():
            if node in self.folders:
                self.build(path / name, node)
            else:
                (path / name).write_bytes(self.files[node])


class RecordedDisk:
    """Notes what a piece of work does below `root`; then any power cut on the way can be acted out.

    Locks are not noted: what is in a lock file means nothing once its holder is gone.
    """

    def __init__(self, root, work):
        self.root = root.resolve()
        self.before = Tree()
        self.before.read(root)
        self.events = []
        self.live = self.before.copy()
        with replaced(self._wrap):
            work()

    def power_cut(self, after, chance, target):
        """Build at `target` what may be left when the power fails after so many events.

        What was synced is there. Of the rest, any names may be the old or the new ones, whatever their order was,
        and of a file's bytes any first part.
        """
        tree, keep, cut = self.before.copy(), chance.choice((0.0, 1.0, chance.random())), set()
        for index, event in enumerate(self.events[:after]):
            place = getattr(event, "folder", getattr(event, "node", None))
            if Sync(place) in self.events[index:after] or isinstance(event, Sync):
                tree.apply(event)
            elif isinstance(event, Append):
                kept = b"" if event.node in cut else event.data[: chance.randint(0, len(event.data))]
                cut.add(event.node)
                tree.apply(Append(event.node, kept))
            elif chance.random() < keep:
                tree.apply(event)
        tree.build(target)

    def _wrap(self, name, operation):
        def noted(*args):
            operation(*args)
            for event in getattr(self, f"_{name}")(*args):
                self.live.apply(event)
                self.events.append(event)

        return noted

    def _touch(self, path):
        yield Link(self._find(path.parent), path.name, self._new(b""))

    def _mkdir(self, path):
        yield Link(self._find(path.parent), path.name, self._new(None))

    def _write(self, file, data):
        path = Path(file.name)
        if self._find(path) is None:  # opened for the first time
            yield from self._touch(path)
        yield Append(self._find(path), bytes(data))

    def _overwrite(self, descriptor, data):
        return ()

    def _sync(self, path):
        yield Sync(self._find(path))

    def _rename(self, source, target):
        assert source.parent == target.parent
        yield Move(self._find(source.parent), source.name, target.name, self._find(source))

    def _unlink(self, path):
        yield Unlink(self._find(path.parent), path.name, self._find(path))

    def _rmdir(self, path):
        return self._unlink(path)

    def _new(self, content):
        number = self.live.new(content)
        (self.before.folders if content is None else self.before.files)[number] = {} if content is None else content
        return number

    def _find(self, path):
        """The number of a file or folder; None for one that is not noted yet."""
        node = 0
        for name in path.absolute().relative_to(self.root).parts:
            node = self.live.folders[node].get(name)
            if node is None:
                return None
        return node
