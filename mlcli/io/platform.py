"""What Linux, macOS and Windows do differently, in one place: no other module asks which system it runs on.

Windows opens no folders, lets nobody rename or delete an open file, keeps readers out of locked bytes, takes signal 0
for Ctrl-C, and has neither job control nor a limit that is set by `ulimit`.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# The exit code where a reader closed the pipe: 128 and SIGPIPE, a signal that Windows lacks.
CLOSED_PIPE_CODE = 141

if sys.platform == "win32":
    import msvcrt

    # The locked byte lies behind any content, which others can then read.
    _LOCKED_BYTE = 1 << 30
    _BUSY_SECONDS, _PAUSE = 1.0, 0.01
    # What the console sends for keys that are no characters, as terminals elsewhere send it.
    _SEQUENCES = {
        **{"H": "\x1b[A", "P": "\x1b[B", "M": "\x1b[C", "K": "\x1b[D", "G": "\x1b[H", "O": "\x1b[F"},
        **{"I": "\x1b[5~", "Q": "\x1b[6~", "R": "\x1b[2~", "S": "\x1b[3~"},
    }

    # The name of the network interface that reaches this machine alone; empty where it has none.
    LOOPBACK = ""
    OPENS_FOLDERS = False
    OPEN_UNLINKED = os.O_RDWR | os.O_CREAT | os.O_BINARY
    OPEN_TO_READ = os.O_RDONLY | os.O_BINARY
    OPEN_TO_SYNC = os.O_RDWR | os.O_BINARY
    OPEN_TO_LOCK = OPEN_UNLINKED
    # Ctrl-Z and what continues a stopped process.
    SUSPEND_SIGNALS: tuple[int, ...] = ()
    # What has a server read its files again.
    RELOAD_SIGNALS: tuple[int, ...] = ()

    def lock(descriptor: int, *, wait: bool = False) -> bool:
        """Lock an open file until it is closed; False where another has it. Raises OSError where locking fails."""
        while True:
            os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
            try:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            except PermissionError:
                if not wait:
                    return False
                time.sleep(_PAUSE)
            else:
                return True

    def is_locked(descriptor: int) -> bool:
        """Whether another has locked an open file; until it is closed nobody else can lock it."""
        return not lock(descriptor)

    def sync(descriptor: int) -> None:
        """Make what was written to an open file durable."""
        os.fsync(descriptor)

    def retry_busy(act: Callable[[], object]) -> None:
        """Rename or delete; tried again for a second where somebody, often a virus scanner, has the file open."""
        end = time.monotonic() + _BUSY_SECONDS
        while True:
            try:
                act()
            except PermissionError:
                if time.monotonic() > end:
                    raise
                time.sleep(_PAUSE)
            else:
                return

    def may_be_running(pid: int) -> bool:
        """Whether a process of this number may run, which is not checked here: the signal would be a Ctrl-C."""
        return True

    def kill_command(pid: int) -> str:
        """What a user types to end a process."""
        return f"taskkill /F /PID {pid}"

    def address_space() -> int | None:
        """Bytes that `ulimit -v` allows this process; None where there is no limit."""
        return None

    def machine_memory() -> int | None:
        """Bytes of memory in this machine; None where it is unknown."""
        return None

    def usable_cores() -> int:
        """Processors that this process may run on."""
        return os.cpu_count() or 1

    def busy_seconds() -> float | None:
        """Seconds for which the processors of this process have worked for any program; None where it is unknown."""
        return None

    def process_age() -> float:
        """Seconds since this process was started; 0 where it is unknown."""
        return 0.0

    def in_foreground(fd: int) -> bool:
        """Whether the terminal is this program's, not the shell's that runs it in the background."""
        return True

    def terminal_settings(fd: int) -> list[Any]:
        """What `restore_terminal` puts back; the keys of a console need no settings."""
        return []

    def read_single_keys(fd: int, before: list[Any]) -> None:
        """Have keys come one by one, without echo, all else being as in the settings before."""

    def restore_terminal(fd: int, before: list[Any]) -> None:
        """Put back what `terminal_settings` gave."""

    def read_typed(fd: int, seconds: float) -> bytes:
        """What is typed within so many seconds; empty where that is nothing, or the terminal is gone."""
        end = time.monotonic() + seconds
        while not msvcrt.kbhit():
            if time.monotonic() >= end:
                return b""
            time.sleep(_PAUSE)
        character = msvcrt.getwch()
        if character in "\x00\xe0":
            character = _SEQUENCES.get(msvcrt.getwch(), "")
        return character.encode("utf-8", "ignore")

else:
    import fcntl
    import resource
    import select
    import termios

    LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"
    OPENS_FOLDERS = True
    OPEN_UNLINKED = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    OPEN_TO_READ = OPEN_TO_SYNC = OPEN_TO_LOCK = os.O_RDONLY | os.O_NONBLOCK
    SUSPEND_SIGNALS = (signal.SIGTSTP, signal.SIGCONT)
    RELOAD_SIGNALS = (signal.SIGHUP,)

    def lock(descriptor: int, *, wait: bool = False) -> bool:
        """Lock an open file until it is closed; False where another has it. Raises OSError where locking fails."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        return True

    def is_locked(descriptor: int) -> bool:
        """Whether another has locked an open file; until it is closed nobody else can lock it."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # network file systems want no right to write for it
        except BlockingIOError:
            return True
        return False

    def sync(descriptor: int) -> None:
        """Make what was written to an open file durable; macOS leaves it in the drive's cache unless asked to."""
        if sys.platform == "darwin":
            try:
                fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            except OSError:  # a file system without it
                os.fsync(descriptor)
        else:
            os.fsync(descriptor)

    def retry_busy(act: Callable[[], object]) -> None:
        """Rename or delete, which an open file does not prevent."""
        act()

    def may_be_running(pid: int) -> bool:
        """Whether a process of this number may run."""
        try:
            os.kill(pid, 0)
        except PermissionError:  # someone else's
            return True
        except (OSError, OverflowError, TypeError):
            return False
        return True

    def kill_command(pid: int) -> str:
        """What a user types to end a process."""
        return f"kill {pid}"

    def address_space() -> int | None:
        """Bytes that `ulimit -v` allows this process; None where there is no limit."""
        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        return None if limit == resource.RLIM_INFINITY else limit

    def machine_memory() -> int | None:
        """Bytes of memory in this machine; None where it is unknown, and on Linux, where /proc says more."""
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if sys.platform == "darwin" else None

    def usable_cores() -> int:
        """Processors that this process may run on; macOS knows only the number of all."""
        if sys.platform == "darwin":
            return os.cpu_count() or 1
        return len(os.sched_getaffinity(0))

    def busy_seconds() -> float | None:
        """Seconds for which the processors of this process have worked for any program; None where it is unknown."""
        try:
            lines = Path("/proc/stat").read_text(encoding="ascii").splitlines()
            own = {f"cpu{number}" for number in os.sched_getaffinity(0)}
        except (OSError, AttributeError):  # AttributeError: macOS
            return None
        counts = [list(map(int, rest[:8])) for name, *rest in map(str.split, lines) if name in own]
        # user, nice, system, idle, waiting for a disk, interrupts, soft interrupts, taken by the host
        return sum(sum(count) - count[3] - count[4] for count in counts) / os.sysconf("SC_CLK_TCK")

    def process_age() -> float:
        """Seconds since this process was started; 0 where it is unknown."""
        try:
            behind_name = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
        except (OSError, AttributeError):  # AttributeError: macOS
            return 0.0
        return max(0.0, since_boot - int(behind_name[19]) / os.sysconf("SC_CLK_TCK"))

    def in_foreground(fd: int) -> bool:
        """Whether the terminal is this program's, not the shell's that runs it in the background."""
        try:
            return os.tcgetpgrp(fd) == os.getpgrp()
        except OSError:  # a terminal that controls no processes
            return True

    def terminal_settings(fd: int) -> list[Any]:
        """What `restore_terminal` puts back."""
        return termios.tcgetattr(fd)

    def read_single_keys(fd: int, before: list[Any]) -> None:
        """Have keys come one by one, without echo, all else being as in the settings before."""
        after = [*before[:6], list(before[6])]
        after[3] &= ~(termios.ICANON | termios.ECHO)
        after[6][termios.VMIN], after[6][termios.VTIME] = 1, 0
        termios.tcsetattr(fd, termios.TCSADRAIN, after)

    def restore_terminal(fd: int, before: list[Any]) -> None:
        """Put back what `terminal_settings` gave."""
        try:
            termios.tcsetattr(fd, termios.TCSADRAIN, before)
        except termios.error:  # the terminal is gone
            return

    def read_typed(fd: int, seconds: float) -> bytes:
        """What is typed within so many seconds; empty where that is nothing, or the terminal is gone."""
        try:
            return os.read(fd, 1024) if select.select([fd], [], [], seconds)[0] else b""
        except OSError:
            return b""


def is_closed_pipe(error: BaseException | None) -> bool:
    """Whether the reader of stdout is gone, which Windows calls an invalid argument and polars reports in words."""
    if isinstance(error, BrokenPipeError):
        return True
    return isinstance(error, OSError) and (
        "Broken pipe" in str(error) or (not OPENS_FOLDERS and error.errno == errno.EINVAL)
    )


def stop_link(path: Path) -> None:
    """Raise OSError (ELOOP) for a link where opening follows links."""
    if not OPENS_FOLDERS and path.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
