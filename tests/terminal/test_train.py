"""A training watched and stopped on a pseudo-terminal."""

import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
import tty

import pytest

from tests.terminal.shell import Typist

ENDLESS = ("-S", "training.epochs=1000000", "-S", "training.early_stopping=null")


def watch(size, *arguments, typed=b"", **environment):
    """Everything shown, the exit code, and the terminal's modes before and after; `typed` once curves are drawn."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    before = termios.tcgetattr(theirs)
    command = [sys.executable, "-m", "mlcli", "train", *arguments]
    cleared = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
    env = cleared | {"TERM": "xterm-256color"} | environment
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    shown, end = b"", time.monotonic() + 60
    while process.poll() is None:
        assert time.monotonic() < end, shown[-2000:]
        if select.select([ours], [], [], 0.05)[0]:
            shown += os.read(ours, 65536)
        if typed and b"rows/s" in shown:
            os.write(ours, typed)
            typed = b""
    while select.select([ours], [], [], 0)[0]:
        shown += os.read(ours, 65536)
    after = termios.tcgetattr(theirs)
    os.close(ours)
    os.close(theirs)
    return shown.decode(), process.returncode, before == after


def test_q_stops_a_training_that_is_watched_and_keeps_its_best(workspace):
    shown, code, restored = watch((24, 80), "configs/iris.yaml", *ENDLESS, typed=b"q")
    assert code == 130
    assert restored
    assert shown.count("\x1b[?1049h") == shown.count("\x1b[?1049l") == 1
    drawn, summary = shown.split("\x1b[?1049l")
    assert any("⠀" < character <= "⣿" for character in drawn)
    assert "mlcli train --resume iris/001" in summary
    folder = workspace / "runs/iris/001"
    assert json.loads((folder / "manifest.json").read_text())["status"] == "interrupted"
    assert (folder / "model").is_dir()


@pytest.mark.parametrize(
    ("size", "environment"), [((24, 80), {"NO_COLOR": "1"}), ((8, 30), {})], ids=["no colours", "small"]
)
def test_where_curves_cannot_be_drawn_there_is_a_line_an_epoch(workspace, size, environment):
    shown, code, restored = watch(size, "configs/iris.yaml", "-S", "training.epochs=3", **environment)
    assert (code, restored) == (0, True)
    assert "1049h" not in shown
    assert "epoch 3/3" in shown


def test_ctrl_z_leaves_the_curves_and_going_on_brings_them_back(workspace):
    one = Typist([sys.executable, "-m", "mlcli", "train", "configs/iris.yaml", *ENDLESS], TERM="xterm-256color")
    try:
        one.read_until(b"rows/s")
        one.type(b"\x1a")
        left = one.read_until(b"stopped")
        assert left.count(b"\x1b[?1049l") == left.count(b"\x1b[?25h") == 1
        assert one.modes() == one.before
        one.type(b"go on\n")
        drawn_again = one.read_until(b"rows/s").partition(b"\x1b[?1049h")[2]
        assert b"\x1b[?25l" in drawn_again
        one.type(b"q")
        code, shown = one.end()
        assert code == 130
        assert shown.count(b"\x1b[?1049l") == 1
        assert one.modes() == one.before
    finally:
        one.close()


def test_keys_typed_during_a_short_training_are_not_left_to_the_shell(workspace):
    short = Typist([sys.executable, "-m", "mlcli", "train", "configs/iris.yaml", "-S", "training.epochs=20"])
    try:
        short.read_until(b"Training iris/001")
        short.type(b"q" * 20)
        assert short.end()[0] in (0, 130)
        tty.setcbreak(short.theirs, termios.TCSANOW)  # what is there, whole line or not
        assert not select.select([short.theirs], [], [], 0)[0]
    finally:
        short.close()
