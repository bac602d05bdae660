"""Makes this Python resemble one on Windows, as far as mlcli can tell; Python imports this at its start.

mlcli sees os, signal and a library without what Windows lacks, and its module for the platform is told that this is
Windows, with an msvcrt on top of Linux' byte locks. Other packages see Linux, which they were built for. Changes of
the disk are refused as Windows refuses them: an open or mapped file is neither renamed, replaced nor deleted, a folder
is neither opened nor replaced, and some names are nobody's. A backslash parts folders.
"""

import builtins
import contextlib
import errno
import fcntl
import importlib.machinery
import itertools
import os
import pathlib
import select
import signal
import struct
import subprocess  # noqa: F401 -- before msvcrt is here, which would make it take the system for Windows
import sys
import types
import warnings

NO_OS = """
    fork forkpty kill killpg pread pwrite preadv pwritev sched_getaffinity sched_setaffinity getuid geteuid getgid
    getpgrp getpgid getppid setpgid setsid tcgetpgrp tcsetpgrp uname sysconf statvfs fstatvfs getloadavg mkfifo chown
    lchown fchown fchmod O_NOFOLLOW O_DIRECTORY O_NONBLOCK O_CLOEXEC O_SYNC O_DSYNC posix_spawn nice getegid
"""
NO_SIGNAL = """
    SIGHUP SIGPIPE SIGTSTP SIGCONT SIGSTOP SIGKILL SIGALRM SIGUSR1 SIGUSR2 SIGWINCH SIGCHLD SIGQUIT SIGTTIN SIGTTOU
    alarm pause setitimer getitimer pthread_kill pthread_sigmask sigwait sigpending siginterrupt
"""
BARE = {}
NO_MODULES = {"fcntl", "termios", "tty", "pty", "resource", "grp", "pwd", "syslog"}
SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV}
RESERVED = {"con", "prn", "aux", "nul", *(f"{name}{number}" for name in ("com", "lpt") for number in range(1, 10))}
HERE = os.getcwd()
F_OFD_SETLK, F_OFD_SETLKW = 37, 38
CONTENT, OPEN_BYTE = 1 << 29, 1 << 28

builtin_import, set_signal, os_open, os_unlink = builtins.__import__, signal.signal, os.open, os.unlink
own_call = False


def lock_byte(descriptor, kind, byte, command=F_OFD_SETLK):
    """A lock that belongs to whoever opened the file, not to the process as Linux' older ones do."""
    try:
        fcntl.fcntl(descriptor, command, struct.pack("hhqqi4x", kind, os.SEEK_SET, byte, 1, 0))
    except BlockingIOError:
        raise PermissionError(errno.EACCES, "Permission denied") from None


def open_of_windows(path, flags, mode=0o777):
    """Open a file; that a lock's file is open, other processes see by a byte that all who have it open share."""
    while True:
        descriptor = os_open(path, flags, mode)
        if not os.fspath(path).endswith(".lock"):
            return descriptor
        lock_byte(descriptor, fcntl.F_RDLCK, OPEN_BYTE, F_OFD_SETLKW)
        if os.path.exists(path) and os.path.samestat(os.fstat(descriptor), os.stat(path)):
            return descriptor
        os.close(descriptor)


def unlink_of_windows(path, **options):
    """Delete a file; a lock's only where no process has it open."""
    if options or not os.fspath(path).endswith(".lock"):
        os_unlink(path, **options)
        return
    descriptor = os_open(path, os.O_RDWR)
    try:
        lock_byte(descriptor, fcntl.F_WRLCK, OPEN_BYTE)
        os_unlink(path, **options)
    finally:
        os.close(descriptor)


class Console(types.ModuleType):
    """What mlcli calls of msvcrt."""

    LK_NBLCK = 2

    def locking(self, descriptor, mode, size):
        """A range is locked from the position on, for whoever opened the file; others cannot even read it."""
        start = os.lseek(descriptor, 0, os.SEEK_CUR)
        assert mode == self.LK_NBLCK
        assert start > CONTENT, "nobody could read the content"
        writable = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
        lock_byte(descriptor, fcntl.F_WRLCK if writable else fcntl.F_RDLCK, start)

    def kbhit(self):
        return bool(select.select([0], [], [], 0)[0])

    def getwch(self):
        return os.read(0, 1).decode("latin-1")


class PlatformFinder:
    """Finds mlcli.io.platform, which takes the system for Windows while it is imported."""

    def find_spec(self, name, path, target=None):
        if name != "mlcli.io.platform":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        run = spec.loader.exec_module

        def exec_module(module):
            before, sys.platform, sys.modules["msvcrt"] = sys.platform, "win32", Console("msvcrt")
            try:
                run(module)
            finally:
                sys.platform = before
                del sys.modules["msvcrt"]

        spec.loader.exec_module = exec_module
        return spec


def without(module, names):
    """The module as mlcli sees it."""
    bare = types.ModuleType(module.__name__)
    bare.__dict__.update({name: value for name, value in vars(module).items() if name not in names.split()})
    return bare


def is_mlcli(names):
    return str(names.get("__name__")).startswith("mlcli") or names.get("__package__") == "mlcli"


def import_of_windows(name, globals=None, locals=None, fromlist=(), level=0):
    if is_mlcli(globals or {}):
        if name in NO_MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        if name in BARE:
            return BARE[name]
    return builtin_import(name, globals, locals, fromlist, level)


def signal_of_windows(number, handler):
    if number not in SIGNALS:
        raise ValueError("invalid signal value")
    return set_signal(number, handler)


def open_files():
    """Paths of the files that this process has open."""
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            yield os.readlink(f"/proc/self/fd/{descriptor}")


def mapped_files():
    """Paths of the files that this process has mapped, as far as they can be mlcli's."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        for line in maps:
            if not line.endswith((".so\n", "]\n")) and "/" in line:
                yield line.split(maxsplit=5)[5].rstrip("\n")


def refuse_busy(*paths):
    whole = [os.path.realpath(path) for path in paths]
    for used in itertools.chain(mapped_files(), open_files()):
        for path in whole:
            if used == path or used.startswith(f"{path}/"):
                raise PermissionError(errno.EACCES, f"in use: {used}", path)


def is_here(path):
    return os.path.abspath(path).startswith(f"{HERE}/")


def refuse_name(path):
    """Of what lies below the working directory; elsewhere are the names of Linux."""
    for name in os.path.relpath(os.path.abspath(path), HERE).split("/") if is_here(path) else ():
        if set(name) & set('<>:"|?*\\') or name.partition(".")[0].lower() in RESERVED or name[-1] in " .":
            raise OSError(errno.EINVAL, "no name for a file", path)


def refuse_as_windows_does(event, arguments):
    """An audit hook: Python calls it before it changes the disk."""
    global own_call
    if own_call or not event.startswith(("open", "os.")):
        return
    own_call = True
    try:
        judge(event, arguments)
    finally:
        own_call = False


def judge(event, arguments):
    match event, arguments:
        case "open", (str() as path, *_):
            if path.startswith(("/proc/", "/sys/")) and asked_by_mlcli():
                raise FileNotFoundError(errno.ENOENT, "no such file", path)
            if is_here(path):
                refuse_name(path)
                if os.path.isdir(path):
                    raise PermissionError(errno.EACCES, "a folder is not opened", path)
        case "os.mkdir", (path, *_):
            refuse_name(path)
        case "os.rename", (source, target, *_):
            refuse_name(target)
            refuse_busy(source, target)
            if os.path.isdir(target):
                raise PermissionError(errno.EACCES, "a folder is not replaced", target)
        case (("os.remove" | "os.rmdir"), (path, *_)) if not os.fspath(path).endswith(".lock"):
            refuse_busy(path)


def asked_by_mlcli():
    """Whether the library does this for mlcli, not for another package."""
    frame = sys._getframe(3)
    while frame is not None and frame.f_globals.get("__name__") in ("pathlib", "tempfile", "gzip", "zipfile", "shutil"):
        frame = frame.f_back
    return frame is not None and is_mlcli(frame.f_globals)


def main():
    warnings.filterwarnings("ignore", category=EncodingWarning)
    warnings.filterwarnings("error", category=EncodingWarning, module=r"mlcli\..*")
    BARE.update(os=without(os, NO_OS), signal=without(signal, NO_SIGNAL))
    BARE["os"].name, BARE["os"].O_BINARY, BARE["signal"].signal = "nt", 0, signal_of_windows
    BARE["os"].open, os.unlink = open_of_windows, unlink_of_windows
    builtins.__import__ = import_of_windows
    pathlib._posix_flavour.altsep = "\\"
    sys.meta_path.insert(0, PlatformFinder())
    sys.addaudithook(refuse_as_windows_does)


main()
