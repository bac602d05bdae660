"""A shell on a pseudo-terminal, and somebody who types there."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time

# As a shell does: it gives a context the terminal, takes it back when the context stops, and lets it go on at a line.
SHELL = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
if not (context := os.fork()):
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.argv[1], sys.argv[1:])
while os.WIFSTOPPED(status := os.waitpid(context, os.WUNTRACED)[1]):
    os.tcsetpgrp(0, os.getpgrp())
    print("stopped", flush=True)
    os.read(0, 100)
    os.tcsetpgrp(0, context)
    os.kill(context, signal.SIGCONT)
os._exit(os.waitstatus_to_exitcode(status) % 256)
"""


class Typist:
    """Types to a program that a shell runs on a pseudo-terminal of 24 × 80 characters, and reads what it shows."""

    def __init__(self, program, **environment):
        self.ours, self.theirs = pty.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(self.theirs)
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), self.theirs)
        command = [sys.executable, "-c", SHELL, *program]
        self.process = subprocess.Popen(command, start_new_session=True, env=os.environ | environment, **streams)

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
        return self.process.returncode, shown

    def modes(self):
        return termios.tcgetattr(self.theirs)

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.ours)
        os.close(self.theirs)
