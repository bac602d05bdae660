# ruff: noqa: PTH100, PTH118, PTH120
"""What a command did beside its answer: files touched, programs started, code run, memory and time taken.

Python's audit events tell; paths are judged as the system takes them, bytes included. A hook cannot be taken away
again, so this one idles unless a watch is on.
"""

import contextlib
import os
import resource
import signal
import sys
import sysconfig
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[3]
CANARY = "canary_in_the_mine"
"""Every payload holds this word, and would make a file of this name: code that holds it must never run."""

MEMORY_LIMIT = 800 << 20
SECONDS_OF_WORK = 4.0  # two on a quiet machine
SECONDS_UNTIL_HUNG = 20

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_NEVER = {
    "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile",
    "subprocess.Popen", "pty.spawn", "pickle.find_class", "socket.connect", "socket.bind", "socket.getaddrinfo",
    "sqlite3.enable_load_extension", "sqlite3.load_extension", "urllib.Request", "http.client.connect",
}  # fmt: skip
_CHANGES = {
    "os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.truncate",
    "os.utime",
}  # fmt: skip
_RUNS_CODE = {"exec", "import"}  # literals are compiled to be read, and then not run
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC


def _own_places():
    """Python's files, mlcli's, and what the system's libraries look at."""
    paths = {sys.prefix, sys.base_prefix, sys.exec_prefix, *sysconfig.get_paths().values(), *filter(None, sys.path)}
    places = {os.path.realpath(path) for path in paths} | {"/proc", "/sys", "/usr/lib", "/usr/share", "/etc/mime.types"}
    return (*sorted(places), os.path.realpath(ROOT / "mlcli"))


@dataclass
class Watch:
    """A watch over one command.

    home       : the only folder where anything may be written
    trespasses : what was done that must not be done, one line each
    seconds    : of processor time, of all threads
    memory     : bytes that the command needed at its highest
    """

    home: str
    places: tuple[str, ...]
    trespasses: list[str] = field(default_factory=list)
    seconds: float = 0.0
    memory: int = 0

    def note(self, event, arguments):
        if event in _NEVER:
            self.trespasses.append(f"{event} {arguments!r:.200}")
        elif event in _RUNS_CODE:
            if CANARY in _source(arguments[0]):
                self.trespasses.append(f"{event} of a payload")
        elif event == "open":
            path, _, flags = arguments
            self._judge(event, path, writes=bool(flags & _WRITING), follows=not flags & os.O_NOFOLLOW)
        elif event in _CHANGES:
            self._judge(event, arguments[0], writes=True, follows=False)

    def _judge(self, event, path, *, writes, follows):
        if isinstance(path, int):
            return
        path = os.path.abspath(os.fsdecode(path))
        real = os.path.realpath(path) if follows else os.path.join(os.path.realpath(os.path.dirname(path)), "x")
        allowed = (self.home,) if writes and "__pycache__" not in real else (self.home, *self.places)
        if real != os.devnull and not any(real == place or real.startswith(f"{place}/") for place in allowed):
            self.trespasses.append(f"{event} {'to write ' if writes else ''}{path} ({real})")


def _source(code):
    """The text that would run, as far as it can be told: source, or the constants of compiled code."""
    if code is None or isinstance(code, (str, bytes)):
        return str(code)
    constants = getattr(code, "co_consts", ())
    return repr(constants) if not str(getattr(code, "co_filename", "")).startswith(str(ROOT)) else ""


_watch = None
_installed = False


def _hook(event, arguments):
    watch = _watch
    if watch is not None:
        watch.note(event, arguments)


@contextlib.contextmanager
def watching(home):
    """Watch this process; raises TimeoutError in the main thread where the block hangs."""
    global _watch, _installed
    if not _installed:
        sys.addaudithook(_hook)
        _installed = True
    watch = Watch(os.path.realpath(home), _own_places())
    with _alarm(), _peak(watch):
        started = time.process_time()
        _watch = watch
        try:
            yield watch
        finally:
            _watch = None
            watch.seconds = time.process_time() - started


@contextlib.contextmanager
def _alarm():
    assert threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGALRM, _hung)
    signal.alarm(SECONDS_UNTIL_HUNG)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _hung(number, frame):
    raise TimeoutError(f"no end after {SECONDS_UNTIL_HUNG} s")


@contextlib.contextmanager
def _peak(watch):
    """Measure the memory needed, where the kernel tells; never let a bomb take the machine's."""
    if not _RESET.exists():
        yield
        return
    limits = resource.getrlimit(resource.RLIMIT_AS)
    _RESET.write_text("5")
    before = _kilobytes("VmRSS")
    resource.setrlimit(resource.RLIMIT_AS, ((_kilobytes("VmSize") << 10) + 4 * MEMORY_LIMIT, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
        watch.memory = (_kilobytes("VmHWM") - before) << 10


def _kilobytes(name):
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1])
