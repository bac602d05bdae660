"""How much memory a command may take, and the refusal of what would take more."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlcli.errors import ResourceError, UsageError
from mlcli.io.platform import address_space, machine_memory

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SETTING = "MLCLI_MEMORY"

_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kmgt]?)(i?)b?")
_POWERS = "kmgt"
# The largest block that glibc's threshold adapts to: larger ones are always mapped, and given back when they are freed.
MAPPED_FROM = 32 << 20
# Bytes from which an array is worth a mapping of its own: within the heap, it would leave gaps when it is freed.
LARGE = 1 << 20
# Without the block's header, aligned to pages.
_LARGEST_BLOCK = MAPPED_FROM - (64 << 10)
_CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Available:
    """Bytes that may still be taken, and what sets that limit."""

    size: int
    limit: str


def keep_freed_memory() -> None:
    """Let the C library keep up to 64 MiB of freed memory for reuse: faulting it in anew can double a step's time.

    Not where MLCLI_MEMORY limits it, which counts freed memory, too. glibc gives back more than twice the largest block
    that was freed so far, of at most 32 MiB; others ignore it.
    """
    if os.environ.get(SETTING):
        return
    import numpy as np

    np.empty(_LARGEST_BLOCK, dtype=np.uint8)


def mapped_length(length: int, each: int) -> int:
    """How many numbers of `each` bytes to ask memory for where `length` are needed, so that it goes back when freed.

    What is not touched of it takes no memory.
    """
    return max(length, MAPPED_FROM // each + 1) if length * each >= LARGE else length


def large_array(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Memory for numbers, which goes back to the system with the array."""
    import numpy as np

    size = math.prod(shape)
    return np.empty(mapped_length(size, np.dtype(np.float64).itemsize))[:size].reshape(shape)


def require_memory(needed: int, what: str, remedy: str) -> None:
    """Raise ResourceError where less is available.

    what : what takes it and how the estimate was made, such as "a.csv: reading 9 cells"
    """
    available = available_memory()
    if available is not None and needed > available.size:
        raise ResourceError(
            f"{what} takes about {shown_size(needed)} of memory, and {shown_size(available.size)} are available "
            f"({available.limit}); {remedy}"
        )


def available_memory() -> Available | None:
    """The tightest of the limits on this process; None where none is known."""
    return min(_limits(), key=lambda limit: limit.size, default=None)


def _limits() -> Iterator[Available]:
    if setting := os.environ.get(SETTING):
        own = _own("RssAnon") or _own("VmRSS")  # pages of files count as free, as in a control group
        yield Available(max(0, _read_size(setting) - own), f"{SETTING} is {setting}")
    if (free := _figures(Path("/proc/meminfo")).get("MemAvailable")) is not None:
        yield Available(free, "free on this machine")
    yield from _cgroup_limits()
    if (limit := address_space()) is not None:
        yield Available(max(0, limit - _own("VmSize")), "left of what ulimit -v allows")
    if (size := machine_memory()) is not None:
        yield Available(size, "in this machine")


def _cgroup_limits() -> Iterator[Available]:
    """Of each control group (version 2) that this process is in; memory that only caches files counts as free."""
    own = file_text(Path("/proc/self/cgroup")).rpartition("0::/")[2].strip()
    innermost = _CGROUPS / own
    for folder in (place for place in (innermost, *innermost.parents) if place.is_relative_to(_CGROUPS)):
        limit, used = (file_text(folder / name).strip() for name in ("memory.max", "memory.current"))
        if limit.isdigit() and used.isdigit():
            cached = re.search(r"^inactive_file (\d+)$", file_text(folder / "memory.stat"), re.MULTILINE)
            taken = int(used) - (int(cached[1]) if cached else 0)
            yield Available(max(0, int(limit) - taken), "left to this container")


def _own(name: str) -> int:
    """A number of bytes that the system reports for this process; 0 where it does not."""
    return _figures(Path("/proc/self/status")).get(name, 0)


def _figures(path: Path) -> dict[str, int]:
    """The figures in kB of a file in /proc, in bytes."""
    return {name: int(kilobytes) << 10 for name, kilobytes in re.findall(r"(\w+):\s+(\d+) kB", file_text(path))}


def file_text(path: Path) -> str:
    """Text of one of the system's files; empty where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _read_size(text: str) -> int:
    found = _SIZE.fullmatch(text.strip().lower())
    if found is None:
        raise UsageError(f"{SETTING}: must be a size such as 2GB or 512MiB; got {text!r:.60}")
    number, unit, binary = found.groups()
    return int(float(number) * (1024 if binary else 1000) ** (1 + _POWERS.index(unit) if unit else 0))


def shown_size(size: int) -> str:
    """A number of bytes as people read it."""
    for power, unit in ((12, "TB"), (9, "GB"), (6, "MB")):
        if size >= 10**power:
            return f"{size / 10**power:,.1f} {unit}"
    return f"{size / 1000:,.0f} kB"
