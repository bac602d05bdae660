"""Real processes of the command line by the hundred: a server that has imported all forks one for each call.

A cold start costs seconds, nearly all for imports. The server has done nothing but import, and of its threads only
one has ever worked (Polars and its allocator have some that sleep), so what is forked is what a cold start comes to.
"""

import contextlib
import ctypes
import gc
import json
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
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
    stdout: IO[bytes]
    stderr: IO[bytes]
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

    def end(self):
        """Exit code, stdout and stderr."""
        code = self.wait()
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
        request = {
            "start": [str(argument) for argument in arguments],
            "cwd": str(Path.cwd()),
            "environ": dict(os.environ),
            **options,
        }
        pid = self.ask(request, out_end, err_end)
        os.close(out_end)
        os.close(err_end)
        self.started.append(Forked(self, pid, os.fdopen(out, "rb"), os.fdopen(err, "rb")))
        return self.started[-1]

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

    mlcli.config.loading.load.parse_config("dataset: iris", "any.yaml", "any")  # what pydantic puts off until then
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
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for descriptor, stream in zip(descriptors, (1, 2), strict=True):
            os.dup2(descriptor, stream)
            os.close(descriptor)
        # Those of before may be files, and believe that they can seek.
        sys.stdout, sys.stderr = (open(stream, "w", 1, "utf-8", closefd=False) for stream in (1, 2))  # noqa: SIM115
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
