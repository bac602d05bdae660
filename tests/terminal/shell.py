"""Somebody who types to a command that a shell runs on a pseudo-terminal."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time


class Typist:
    """Types to a command on a pseudo-terminal of so many lines and characters, and reads what it shows.

    process : of the shell, whose exit code is the command's
    """

    def __init__(self, server, *arguments, size=(24, 80), program=None, **environment):
        self.ours, self.theirs = pty.openpty()
        self.resize(*size)
        self.before = self.modes()
        self.process = server.start_on(self.theirs, *arguments, program=program, variables=environment)

    def resize(self, lines, characters):
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, characters, 0, 0))

    def type(self, keys):
        os.write(self.ours, keys)

    def read_until(self, wanted):
        """What is shown up to there, and a little more."""
        shown, end = b"", time.monotonic() + 60
        while wanted not in shown:
            assert time.monotonic() < end, shown[-2000:]
            if select.select([self.ours], [], [], 0.1)[0]:
                shown += os.read(self.ours, 4096)
        return shown

    def end(self):
        """The exit code, and what is shown until then."""
        shown, end = b"", time.monotonic() + 60
        while self.process.poll() is None or select.select([self.ours], [], [], 0)[0]:
            assert time.monotonic() < end, shown[-2000:]
            if select.select([self.ours], [], [], 0.05)[0]:
                shown += os.read(self.ours, 65536)
        return self.process.code, shown

    def modes(self):
        return termios.tcgetattr(self.theirs)

    def close(self):
        self.process.send(signal.SIGKILL)
        self.process.wait()
        os.close(self.ours)
        os.close(self.theirs)
