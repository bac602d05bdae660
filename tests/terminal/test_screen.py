"""What is said while something stands on the terminal."""

import pytest

from mlcli.errors import DataError
from mlcli.terminal.screen import Screen


class View:
    def __init__(self, capsys):
        self.capsys = capsys
        self.shown = []

    def start(self):
        self.shown.append(self.capsys.readouterr().err)

    def stop(self):
        self.shown.append(self.capsys.readouterr().err)


def test_what_is_said_under_a_view_that_covers_all_comes_after_it(capsys):
    screen, view = Screen(), View(capsys)
    screen.open_view(view, covers=True)
    screen.warn("first")
    screen.table(("second",), [("cell",)])
    screen.error(DataError("third"))
    assert view.shown == ["", ""]
    text = capsys.readouterr().err
    assert text.index("warning: first") < text.index("second") < text.index("cell") < text.index("error: third")
    screen.say("fourth")
    assert capsys.readouterr().err == "fourth\n"


def test_a_repeated_warning_is_shown_once(capsys):
    screen = Screen(quiet=True)
    for text in ("first", "second", "first"):
        screen.warn(text)
    assert capsys.readouterr().err == "warning: first\nwarning: second\n"


def test_what_is_said_beside_a_bar_is_shown_at_once(capsys):
    screen, view = Screen(), View(capsys)
    screen.open_view(view)
    screen.say("first")
    screen.close()
    assert view.shown == ["", "first\n"]


@pytest.mark.parametrize(
    "text", ["word " * 50, "[bold]weights[/bold] :smile: 字 – ✓", "two\ttabs\t", "\x1b[31mred", ""]
)
def test_a_line_without_a_terminal_is_as_rich_writes_it(capsys, monkeypatch, text):
    Screen().warn(text)
    plain = capsys.readouterr().err
    monkeypatch.setenv("TTY_COMPATIBLE", "0")  # by which rich is asked, and finds no terminal
    Screen().warn(text)
    assert plain == capsys.readouterr().err


def test_a_stream_that_is_said_to_be_a_terminal_gets_colours(capsys, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    Screen().say("dim")
    assert "\x1b[2m" in capsys.readouterr().err
