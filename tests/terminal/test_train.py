"""A training watched and stopped on a pseudo-terminal."""

import json
import select
import termios
import tty

import pytest

ENDLESS = ("-S", "training.epochs=1000000", "-S", "training.early_stopping=null")


def test_q_stops_a_training_that_is_watched_and_keeps_its_best(workspace, on_terminal):
    one = on_terminal("train", "configs/iris.yaml", *ENDLESS)
    begun = one.read_until(b"rows/s")
    one.type(b"q")
    code, ended = one.end()
    shown = (begun + ended).decode()
    assert code == 130
    assert one.modes() == one.before
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
def test_where_curves_cannot_be_drawn_there_is_a_line_an_epoch(workspace, on_terminal, size, environment):
    one = on_terminal("train", "configs/iris.yaml", "-S", "training.epochs=3", size=size, **environment)
    code, shown = one.end()
    assert code == 0
    assert one.modes() == one.before
    assert b"1049h" not in shown
    assert b"epoch 3/3" in shown


def test_ctrl_z_leaves_the_curves_and_going_on_brings_them_back(workspace, on_terminal):
    one = on_terminal("train", "configs/iris.yaml", *ENDLESS)
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


def test_keys_typed_during_a_short_training_are_not_left_to_the_shell(workspace, on_terminal):
    short = on_terminal("train", "configs/iris.yaml", "-S", "training.epochs=20")
    short.read_until(b"Training iris/001")
    short.type(b"q" * 20)
    assert short.end()[0] in (0, 130)
    tty.setcbreak(short.theirs, termios.TCSANOW)  # what is there, whole line or not
    assert not select.select([short.theirs], [], [], 0)[0]
