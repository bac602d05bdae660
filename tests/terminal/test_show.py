"""The pictures of a terminal of any size: no line is longer than it is wide, nothing in it steers it."""

import functools

import numpy as np
import polars as pl
import pytest
from rich.cells import cell_len
from rich.console import Console

from mlcli.data.profile import profile_splits
from mlcli.data.tables.types import Column, Images, Splits, Table
from mlcli.eda.explore import ShowResult, explore_images, explore_table
from mlcli.eda.highlights import highlights
from mlcli.terminal.drawing import Canvas, draw_braille, draw_half_blocks, resized
from mlcli.terminal.show import _lines, explored_lines

NASTY = "\x1b[2J日本語の長い列の名前 " + 30 * "x"
SIZES = [(80, 24), (200, 50), (100, 24), (40, 12), (20, 5)]


def shown(rows, task, asked=()):
    profile = profile_splits(Splits(rows, rows, rows, task), None, None)
    if isinstance(rows, Images):
        found = explore_images(rows, profile, "train")
    else:
        found = explore_table(rows, profile, "train", task == "classification", asked)
    return ShowResult(
        NASTY, "train", task, len(rows), "", None, "", found, (NASTY, *highlights(found)), bool(asked), {}
    )


def table(n_numbers, target, n_classes=3, n=60):
    rng = np.random.default_rng(0)
    columns = {f"{NASTY}{i}": rng.normal(size=n) * 10.0 ** (3 * i) for i in range(n_numbers)}
    columns |= {"kind\n": [f"{NASTY}{i % 25}" for i in range(n)], "same": [1.0] * n, "gone": [None] * n}
    classes = [f"{NASTY}{i % n_classes}" for i in range(n)]
    columns["y" + NASTY] = classes if target == "category" else rng.normal(size=n)
    frame = pl.DataFrame(columns, schema_overrides={"gone": pl.Float64})
    kinds = {name: "category" if name == "kind\n" else "number" for name in list(columns)[:-1]}
    features = tuple(Column(name, kind) for name, kind in kinds.items())
    return Table(frame, features, (Column("y" + NASTY, target),))


def pictures(shape, n_classes=3):
    pixels = np.random.default_rng(0).integers(0, 256, (40, *shape), dtype=np.uint8)
    return Images(pixels, np.arange(40) % n_classes, tuple(f"{NASTY}{i}" for i in range(n_classes)))


SHOWN = {
    "classes": lambda: shown(table(4, "category"), "classification"),
    "two classes, two numbers": lambda: shown(table(2, "category", 2), "classification", [f"{NASTY}0", f"{NASTY}1"]),
    "many classes": lambda: shown(table(1, "category", 30), "classification"),
    "many columns": lambda: shown(table(50, "number"), "regression"),
    "a number": lambda: shown(table(1, "number"), "regression"),
    "no numbers": lambda: shown(table(0, "number"), "regression"),
    "detail of classes": lambda: shown(
        table(2, "category"), "classification", [f"{NASTY}0", "kind\n", "same", "gone", "y" + NASTY]
    ),
    "detail of numbers": lambda: shown(table(2, "number"), "regression", [f"{NASTY}0", f"{NASTY}1", "kind\n"]),
    "pictures": lambda: shown(pictures((8, 8)), "classification"),
    "wide pictures in colours": lambda: shown(pictures((20, 40, 3), 12), "classification"),
    "one row": lambda: shown(table(2, "category", n=1), "classification"),
}
SHOWN = {what: functools.cache(find) for what, find in SHOWN.items()}


@pytest.mark.parametrize("what", SHOWN)
def test_nothing_is_cut_off_where_there_is_room(what):
    result = SHOWN[what]()
    for width, height in SIZES[:3]:
        for line in _lines(result, Canvas(width, height, coloured=False), every=False):
            assert cell_len(line.plain.rstrip()) <= width, line.plain


@pytest.mark.parametrize("coloured", [True, False])
@pytest.mark.parametrize("every", [True, False])
@pytest.mark.parametrize("what", SHOWN)
def test_no_line_is_longer_than_the_terminal(what, every, coloured):
    result = SHOWN[what]()
    for width, height in SIZES:
        for line in explored_lines(result, Canvas(width, height, coloured), every=every):
            assert cell_len(line.plain) <= width, line.plain
            assert "\x1b" not in line.plain
            assert "\n" not in line.plain


def text(result, width=80, height=24, *, coloured=False, every=False):
    return "\n".join(line.plain for line in explored_lines(result, Canvas(width, height, coloured), every=every))


def test_more_columns_than_fit_are_counted():
    result = SHOWN["many columns"]()
    assert "… and 23 more columns; --all shows all" in text(result)
    assert "more columns" not in text(result, every=True)


def test_more_classes_than_fit_are_counted():
    result = SHOWN["many classes"]()
    assert "… and 20 more classes of 2 rows" in text(result)
    assert "more classes" not in text(result, every=True)


def test_without_colours_groups_have_marks_and_pictures_dots():
    plain, coloured = (text(SHOWN["two classes, two numbers"](), coloured=one) for one in (False, True))
    assert "o " in plain
    assert not any("\u2800" < letter <= "\u28ff" for letter in plain)
    assert any("\u2800" < letter <= "\u28ff" for letter in coloured)
    assert "▀" not in text(SHOWN["pictures"]())
    assert "▀" in text(SHOWN["pictures"](), coloured=True)


def test_half_blocks_are_the_pixels():
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    lines = draw_half_blocks(pixels)
    assert [line.plain for line in lines] == ["▀▀▀▀", "▀▀▀▀"]
    console = Console(color_system="truecolor", force_terminal=True)
    seen = [[segment.style for segment in line.render(console) if segment.text] for line in lines]
    for row, column in np.ndindex(2, 4):
        style = seen[row][column]
        assert style.color.triplet.red == pixels[2 * row, column]
        below = pixels[2 * row + 1, column] if row == 0 else 0
        assert style.bgcolor.triplet.red == below


def test_dots_are_the_bright_pixels():
    """The left column of four and, of the right one, the lowest: 1 + 2 + 4 + 64 + 128."""
    pixels = np.array([[255, 0], [255, 0], [255, 0], [255, 255]], dtype=np.uint8)
    assert [line.plain for line in draw_braille(pixels)] == [chr(0x2800 + 199)]
    assert draw_braille(np.full((4, 2), 9, dtype=np.uint8))[0].plain == chr(0x2800)


def test_smaller_pictures_are_means_over_areas():
    pixels = np.array([[0, 100], [20, 80], [1, 1], [1, 1]], dtype=np.uint8)
    assert resized(pixels, 2, 1).tolist() == [[50], [1]]
    assert resized(np.stack([pixels] * 3, axis=2), 2, 1).tolist() == [[[50] * 3], [[1] * 3]]
    assert resized(pixels[..., None], 2, 1).tolist() == [[50], [1]]
