"""Real processes of the command line by the hundred: a server that has imported all forks one for each call.

A cold start costs seconds, nearly all for imports. The server has done nothing but import, and of its threads only
one has ever worked (Polars and its allocator have some that sleep), so what is forked is what a cold start comes to.
"""

import contextlib
import ctypes
import fcntl
import gc
import json
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

MESSAGE = 1 << 16
SECONDS = 60


@dataclass
class Forked:
    """A command that runs; `wait` gives its exit code, or the negative number of the signal that ended it."""

    server: "ForkServer"
    pid: int
    stdout: IO[bytes] | None = None
    stderr: IO[bytes] | None = None
    code: int | None = None

    def poll(self):
        if self.code is None:
            self.code = self.server.ask({"poll": self.pid})
        return self.code

    def wait(self, seconds=SECONDS):
        deadline = time.monotonic() + seconds
        while self.poll() is None:
            assert time.monotonic() < deadline, f"still running after {seconds} s"
            time.sleep(0.003)
        return self.code

    def send(self, number):
        """Send a signal, unless it is over."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def end(self, seconds=SECONDS):
        """Exit code, stdout and stderr."""
        code = self.wait(seconds)
        return code, self.stdout.read().decode(), self.stderr.read().decode()


@dataclass
class ForkServer:
    """The client's side."""

    process: subprocess.Popen
    line: socket.socket
    started: list[Forked] = field(default_factory=list)

    @classmethod
    def launch(cls):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "tests.fork_server", str(theirs.fileno())]
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment, start_new_session=True)
        theirs.close()
        assert ours.recv(MESSAGE), "the server did not come up"
        return cls(process, ours)

    def start(self, *arguments, **options):
        """A command in the working directory and environment of now; options are those of `prepare_child`."""
        (out, out_end), (err, err_end) = os.pipe(), os.pipe()
        pid = self._begin(arguments, options, out_end, err_end)
        os.close(out_end)
        os.close(err_end)
        self.started.append(Forked(self, pid, os.fdopen(out, "rb"), os.fdopen(err, "rb")))
        return self.started[-1]

    def start_on(self, terminal, *arguments, **options):
        """The same under a shell on a terminal, given by the descriptor of its end; the shell is what is returned."""
        return Forked(self, self._begin(arguments, options, terminal))

    def _begin(self, arguments, options, *descriptors):
        command = [str(argument) for argument in arguments]
        request = {"start": command, "cwd": str(Path.cwd()), "environ": dict(os.environ), **options}
        return self.ask(request, *descriptors)

    def ask(self, request, *descriptors):
        socket.send_fds(self.line, [json.dumps(request).encode()], descriptors)
        return json.loads(self.line.recv(MESSAGE))

    def clear(self):
        """Kill and forget what was started."""
        for child in self.started:
            child.send(signal.SIGKILL)
            child.wait()
            child.stdout.close()
            child.stderr.close()
        self.started.clear()

    def stop(self):
        self.clear()
        self.line.close()
        self.process.wait(SECONDS)


def serve(line):
    """Answer until the client is gone."""
    import_all()
    line.send(b"ready")
    while True:
        message, descriptors, _, _ = socket.recv_fds(line, MESSAGE, 2)
        if not message:
            return
        request = json.loads(message)
        if "start" in request:
            line.send(json.dumps(fork(request, descriptors, line)).encode())
        else:
            line.send(json.dumps(poll(request["poll"])).encode())
        for descriptor in descriptors:
            os.close(descriptor)


def import_all():
    import mlcli.cli.app
    import mlcli.config.loading.load
    import mlcli.terminal.results
    import mlcli.terminal.train
    import mlcli.use_cases.predict
    import mlcli.use_cases.train

    mlcli.config.loading.load.parse_config("dataset: iris", "any.yaml", "any")  # what is imported for it
    gc.freeze()  # else every child would search, and so copy, all that was imported


def poll(pid):
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def fork(request, descriptors, line):
    pid = os.fork()
    if pid:
        return pid
    try:
        line.close()
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["environ"])
        is_terminal = len(descriptors) == 1
        if not is_terminal:
            descriptors = [os.open(os.devnull, os.O_RDONLY), *descriptors]
        for stream in range(3):
            os.dup2(descriptors[0 if is_terminal else stream], stream)
        for descriptor in descriptors:
            os.close(descriptor)
        if is_terminal:
            run_under_shell()
        # Those of before may be files, and believe that they can seek.
        sys.stdin, *written = (open(stream, "rw"[stream > 0], 1, "utf-8", closefd=False) for stream in range(3))  # noqa: SIM115
        sys.stdout, sys.stderr = written
        prepare_child(**request)
        sys.argv = ["mlcli", *request["start"]]
        from mlcli.__main__ import main

        main()
    except SystemExit as leaving:  # a signal's, after all was done; the interpreter would leave so
        os._exit(leaving.code)
    finally:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(99)  # never back into the server


def run_under_shell():
    """As a shell does: gives a command the terminal, takes it back when it stops, and lets it go on at a line.

    Returns in the command's process alone.
    """
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    if not (command := os.fork()):
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        return
    while os.WIFSTOPPED(status := os.waitpid(command, os.WUNTRACED)[1]):
        os.tcsetpgrp(0, os.getpgrp())
        os.write(1, b"stopped\n")
        os.read(0, 100)
        os.tcsetpgrp(0, command)
        os.kill(command, signal.SIGCONT)
    os._exit(os.waitstatus_to_exitcode(status) % 256)


def prepare_child(dies_at=None, file_limit=None, bound=False, variables=None, program=None, **_):
    """How a child differs from others.

    dies_at    : SIGKILL from within, at this change of the disk
    file_limit : bytes a file may have
    bound      : by the permissions of files, as everybody but root is
    variables  : more of the environment
    program    : run before the command
    """
    os.environ.update(variables or {})
    if dies_at is not None:
        die_at(dies_at)
    if file_limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))
    if bound and os.geteuid() == 0:
        give_up_capabilities()
    if program is not None:
        exec(program, {})


def give_up_capabilities():
    """capset(2): no capability is effective or permitted any more, CAP_DAC_OVERRIDE among them."""
    header = struct.pack("Ii", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    if ctypes.CDLL(None, use_errno=True).capset(header, bytes(24)):
        raise OSError(ctypes.get_errno(), "capset")


def die_at(number):
    from tests.campaigns.simulated_disks import OPERATIONS, disk

    count = 0

    def wrap(operation):
        def counted(*arguments):
            nonlocal count
            count += 1
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return operation(*arguments)

        return counted

    for name in OPERATIONS:
        setattr(disk, name, wrap(getattr(disk, name)))


if __name__ == "__main__":
    with contextlib.closing(socket.socket(fileno=int(sys.argv[1]))) as client:
        serve(client)
