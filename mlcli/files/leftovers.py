"""Temporaries: how they are named, claimed while in use, and cleared when their writer has died.

A live writer holds a lock on its temporary, and the kernel frees it on death; so whoever gets the
lock knows that the temporary is abandoned.
"""

import contextlib
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mlcli.files import disk

_LEFTOVER = re.compile(r"\.(?P<name>.+)\.(?P<role>tmp|old)-[0-9a-f]{8}")


def beside(target: Path, role: str) -> Path:
    """A new hidden name next to `target`; role is tmp (being written or deleted) or old (whole, replaced)."""
    return target.with_name(f".{target.name}.{role}-{secrets.token_hex(4)}")


def discard(path: Path, target: Path) -> None:
    """Delete `path`, first renamed to a temporary: half a deleted folder must never be taken for a whole one."""
    doomed = beside(target, "tmp")
    disk.rename(path, doomed)
    disk.delete(doomed)


@contextmanager
def claimed(target: Path, create: Callable[[Path], None]) -> Iterator[Path]:
    """A new temporary beside `target`, locked while in use, deleted at the end unless renamed away."""
    with contextlib.ExitStack() as stack:
        while not _claim(temporary := beside(target, "tmp"), create, stack):
            pass
        try:
            yield temporary
        finally:
            if os.path.lexists(temporary):
                disk.delete(temporary)


def recover_folder(target: Path) -> None:
    """Undo what a crash left beside `target`: the old one comes back if there is no new one, the rest goes."""
    _recover(target.parent, target.name)


def recover_children(parent: Path) -> None:
    """`recover_folder` for everything in `parent`."""
    _recover(parent, None)


def _claim(temporary: Path, create: Callable[[Path], None], stack: contextlib.ExitStack) -> bool:
    """Create and lock; False when another process's recovery came between the two, and had the lock first."""
    create(temporary)
    try:
        disk.lock(stack.enter_context(disk.opened(temporary)), wait=True)
    except FileNotFoundError:
        return False
    return os.path.lexists(temporary)


def _recover(parent: Path, name: str | None) -> None:
    leftovers = _leftovers(parent, name)
    if not leftovers:
        return
    # To read a folder that one may not write, or to lose a race to clean up, is no reason to fail.
    with contextlib.suppress(OSError), disk.locked_folder(parent):
        for path, target, role in leftovers:
            with contextlib.suppress(OSError):
                _settle(path, target, role)


def _leftovers(parent: Path, name: str | None) -> list[tuple[Path, Path, str]]:
    """(path, the target it belongs to, role)."""
    try:
        entries = sorted(path.name for path in parent.iterdir())
    except OSError:
        return []
    matches = [match for entry in entries if (match := _LEFTOVER.fullmatch(entry))]
    return [(parent / m[0], parent / m["name"], m["role"]) for m in matches if name in (None, m["name"])]


def _settle(path: Path, target: Path, role: str) -> None:
    if role == "tmp":
        with disk.opened(path) as descriptor:
            if disk.lock(descriptor):
                disk.delete(path)
    elif os.path.lexists(target):
        discard(path, target)
    else:
        disk.rename(path, target)
