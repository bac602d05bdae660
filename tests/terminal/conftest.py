import pytest

from tests.terminal.shell import Typist


@pytest.fixture
def on_terminal(fork_server, monkeypatch):
    """Starts a command on a terminal of its own: on_terminal("train", "iris.yaml", size=(24, 80), NO_COLOR="1")."""
    for name in ("NO_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    opened = []

    def start(*arguments, **options):
        opened.append(Typist(fork_server, *arguments, **options))
        return opened[-1]

    yield start
    for one in opened:
        one.close()
