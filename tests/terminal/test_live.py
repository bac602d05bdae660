"""One key at a time, typed into a pseudo-terminal."""

import contextlib
import os
import pty
import select
import termios
import time

import pytest

from mlcli.terminal.live import KeyReader, take_key

SENT = {
    "q": (["q"], ""),
    "é ": (["é", " "], ""),
    "\r\t\x7f": (["enter", "tab", "backspace"], ""),
    "\x1b[A\x1b[B\x1b[C\x1b[D": (["up", "down", "right", "left"], ""),
    "\x1bOA\x1bOH\x1bOF": (["up", "home", "end"], ""),  # application mode
    "\x1b[1;5C\x1b[3~\x1b[5~\x1b[6;2~": (["right", "delete", "page up", "page down"], ""),
    "\x1b[Z": (["shift tab"], ""),
    "\x1b[200~x": (["x"], ""),  # a bracketed paste: no key
    "\x1b[I\x1b[15~q": (["q"], ""),  # focus, F5
    "\x1bq": (["escape", "q"], ""),
    "a\x1b": (["a"], "\x1b"),
    "\x1b[1;": ([], "\x1b[1;"),
    "\x1bO": ([], "\x1bO"),
}


@pytest.mark.parametrize(("text", "expected"), SENT.items())
def test_what_a_terminal_sends_is_taken_apart(text, expected):
    keys = []
    while True:
        key, text = take_key(text)
        if not key:
            break
        keys.append(key)
    assert (keys, text) == expected


@pytest.fixture
def terminal():
    """Our end of a pseudo-terminal, and the program's end as a text file."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs) as program:
        yield ours, program
    os.close(ours)


def modes(stream):
    return termios.tcgetattr(stream)[3] & (termios.ICANON | termios.ECHO | termios.ISIG)


def test_keys_come_one_by_one_without_being_waited_for(terminal):
    ours, program = terminal
    with KeyReader(program, program) as keys:
        assert keys.attended
        assert keys.read() == ""
        os.write(ours, "qé\x1b[A\x1b".encode())
        assert [keys.read(1) for _ in range(4)] == ["q", "é", "up", "escape"]
        os.write(ours, b"\xc3")
        assert keys.read(0.01) == ""
        os.write(ours, b"\xa9")
        assert keys.read(1) == "é"


def test_nothing_is_echoed_and_the_terminal_is_restored(terminal):
    ours, program = terminal
    before = termios.tcgetattr(program)
    with contextlib.suppress(RuntimeError), KeyReader(program, program) as keys:
        assert modes(program) == termios.ISIG
        os.write(ours, b"abc")
        assert keys.read(1) == "a"
        assert not select.select([ours], [], [], 0)[0]
        raise RuntimeError
    assert termios.tcgetattr(program) == before


@pytest.mark.parametrize("typing", [True, False])
def test_without_a_terminal_there_is_never_a_key(terminal, tmp_path, typing):
    (tmp_path / "input").write_text("q")
    with (
        (tmp_path / "input").open() as file,
        KeyReader(*((terminal[1], file) if typing else (file, terminal[1]))) as keys,
    ):
        assert not keys.attended
        assert keys.read(0.001) == ""


def test_a_terminal_that_goes_away_gives_no_keys():
    ours, theirs = pty.openpty()
    with os.fdopen(theirs) as program, KeyReader(program, program) as keys:
        os.close(ours)
        assert keys.read(0.01) == ""


# As views do, it asks for a key again and again.
PROGRAM = """
import sys, time
from mlcli.terminal.live import KeyReader
from mlcli.io.signals import Interruption, leave_on_signals
leave_on_signals()
with KeyReader() as keys, {context}:
    print("reading", flush=True)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if not (key := keys.read(0.2)):
            continue
        print("key", key, flush=True)
        if key == "q":
            break
        if key == "!":
            raise SystemExit(3)
raise SystemExit(0)
"""


@pytest.fixture
def typist(on_terminal):
    def start(context="Interruption()"):
        one = on_terminal(program=PROGRAM.format(context=context))
        one.read_until(b"reading")
        return one

    return start


@pytest.mark.parametrize(
    ("context", "key", "code"),
    [
        ("Interruption()", b"q", 0),
        ("Interruption()", b"!", 3),
        ("Interruption()", b"\x03", 130),  # the second one leaves at once
        ("open('/dev/null')", b"\x03", 130),
    ],
)
def test_however_a_program_ends_its_terminal_is_restored(typist, context, key, code):
    one = typist(context)
    while one.process.poll() is None:
        one.type(key)
        with contextlib.suppress(AssertionError):
            one.process.wait(0.5)  # a further Ctrl-C would kill an interpreter that is ending
    assert one.process.code == code
    assert one.modes() == one.before


def test_ctrl_z_gives_the_terminal_back_until_the_program_goes_on(typist):
    one = typist()
    one.type(b"\x1a")
    one.read_until(b"stopped")
    assert one.modes() == one.before
    one.type(b"go on\n")
    while modes(one.theirs) != termios.ISIG:
        assert one.process.poll() is None, one.end()
        time.sleep(0.01)
    one.type(b"x")
    one.read_until(b"key x")
    one.type(b"q")
    assert one.process.wait(20) == 0
    assert one.modes() == one.before
