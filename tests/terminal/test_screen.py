"""What is said while something stands on the terminal."""

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
