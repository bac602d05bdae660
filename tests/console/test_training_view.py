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

import pytest

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
