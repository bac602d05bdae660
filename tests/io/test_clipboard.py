"""The clipboard: that of an X server, where there is one, and by way of a Tk that stands in for the window system's."""

import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest

from mlcli.errors import UsageError
from mlcli.io.clipboard import read_clipboard


@pytest.fixture
def x_server(monkeypatch):
    """An X server of this test alone."""
    for program in ("Xvfb", "xclip"):
        if shutil.which(program) is None:
            pytest.skip(f"needs an X server: {program} is not installed")
    pytest.importorskip("tkinter", reason="this Python is without tkinter")
    number, told = os.pipe()
    command = ["Xvfb", "-displayfd", str(told), "-screen", "0", "64x64x8"]
    with subprocess.Popen(command, pass_fds=[told], stderr=subprocess.DEVNULL) as server:
        os.close(told)
        with os.fdopen(number) as display:
            monkeypatch.setenv("DISPLAY", f":{display.readline().strip()}")
        yield
        server.terminate()


def test_cells_that_another_program_copied(x_server):
    with pytest.raises(UsageError, match="there is no text in the clipboard"):
        read_clipboard()
    cells = "Größe\tПол\ty\n1,5\tж\ta\n"
    subprocess.run(["xclip", "-selection", "clipboard"], input=cells.encode(), check=True)
    assert read_clipboard() == cells


class TclError(Exception):
    pass


def tk_of(text=None, display=True):
    """tkinter with this text in its clipboard, None for none; display : whether there is a window system."""

    class Window:
        closed = 0

        def __init__(self):
            if not display:
                raise TclError("no display name")

        def withdraw(self):
            pass

        def clipboard_get(self):
            if text is None:
                raise TclError("CLIPBOARD selection doesn't exist")
            return text

        def destroy(self):
            Window.closed += 1

    return SimpleNamespace(Tk=Window, TclError=TclError)


def test_the_text_is_read_and_the_window_closed(monkeypatch):
    fake = tk_of("größe\ty\n1\ta\n")
    monkeypatch.setitem(sys.modules, "tkinter", fake)
    assert read_clipboard() == "größe\ty\n1\ta\n"
    assert fake.Tk.closed == 1


@pytest.mark.parametrize(
    ("module", "told"),
    [
        (None, "this Python is without tkinter, which reads it .*; pipe the table instead: `pbpaste | mlcli init -`"),
        (tk_of(display=False), r"there is no clipboard here \(no display name\); pipe the table instead"),
        (tk_of(), "there is no text in the clipboard; copy the cells with their header"),
    ],
    ids=["no tkinter", "no display", "no text"],
)
def test_what_is_not_there_is_said(monkeypatch, module, told):
    monkeypatch.setitem(sys.modules, "tkinter", module)
    with pytest.raises(UsageError, match=told):
        read_clipboard()
