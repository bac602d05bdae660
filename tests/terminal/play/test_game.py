"""A game on a pseudo-terminal, played by keys."""

import re

import pytest

from mlcli.config.loading.load import load_config

ASIDE, BACK = b"\x1b[?1049h", b"\x1b[?1049l"


@pytest.fixture
def player(workspace, on_terminal):
    def start(*arguments, **environment):
        one = on_terminal("play", *arguments, **environment)
        one.read_until(b"quit")  # the last word of the first picture
        return one

    return start


def plain(shown):
    """What is shown, without what steers the terminal."""
    return re.sub(rb"\x1b\[[0-?]*[ -/]*[@-~]", b"", shown)


def test_a_game_is_played_written_left_and_taken_up_again(player, workspace):
    one = player("xor")
    one.type(b" ")
    one.read_until(b"running")
    one.type(b"l")
    one.read_until(b"0.1")
    one.type(b"5")  # begins anew
    one.type(b" ss")
    one.read_until(b"paused")
    one.type(b"w")
    one.read_until(b"xor.yaml is written")
    one.type(b"\x1a")
    left = one.read_until(b"stopped")
    assert left.count(BACK) == left.count(b"\x1b[?25h") == 1
    assert one.modes() == one.before
    one.type(b"go on\n")
    assert ASIDE in one.read_until(b"quit")
    one.type(b"q")
    code, shown = one.end()
    assert code == 0
    assert shown.count(BACK) == 1
    assert one.modes() == one.before
    after = plain(shown.partition(BACK)[2])
    assert b"xor: 3-4-2-1 network" in after
    assert b"Next: mlcli train xor.yaml" in after
    config = load_config(workspace / "xor.yaml")
    assert (config.optimizer.lr, config.features.derive) == (0.1, {"x1_x2": "x1 * x2"})
    assert sorted(path.name for path in workspace.iterdir()) == ["configs", "data", "xor.yaml"]
    assert not (workspace / "data/prepared").exists()


def test_ctrl_c_ends_it_and_a_change_of_size_is_followed(player):
    one = player("circle", NO_COLOR="1")
    for size, words in (((15, 50), b"needs 64"), ((30, 100), b"learning rate")):
        one.resize(*size)
        shown = one.read_until(words)
        assert not re.search(rb"\x1b\[[0-9;]*3[0-9]", shown)  # no colour
    one.type(b"\x03")
    code, shown = one.end()
    assert code == 130
    assert BACK in shown
    assert one.modes() == one.before
