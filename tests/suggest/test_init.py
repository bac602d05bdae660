"""`mlcli init`: what it writes trains well as it is, whatever the table looks like."""

import datetime
import os
import pty
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from PIL import Image

from mlcli.config.loading.load import load_config
from mlcli.config.loading.yaml import read_yaml
from mlcli.suggest.cells import DEFAULT_MARKERS
from mlcli.use_cases import check
from tests.suggest.nasty import NASTY


@pytest.fixture
def folder(workspace, monkeypatch):
    """A working directory without configurations, where a pace is told at once, and roughly."""
    monkeypatch.setattr(check, "MEASURED_SECONDS", 0.0)
    for path in (workspace / "configs").iterdir():
        path.unlink()
    return workspace


def written(folder, name="mlcli.yaml"):
    return read_yaml((folder / name).read_text(), name).value


@pytest.mark.parametrize("case", NASTY, ids=lambda case: case.name)
def test_what_a_table_needs_is_found_out(folder, mlcli, case):
    (folder / case.name).write_bytes(case.content)
    done = mlcli("init", case.name, "--target", case.target)
    assert done.code == 0, done.err
    dataset = written(folder)["dataset"]
    assert {key: dataset.get(key) for key in case.config} == case.config
    assert dataset.get("drop", ()) == case.dropped
    values = dataset.get("missing", {}).get("values", DEFAULT_MARKERS)
    assert set(values) - set(DEFAULT_MARKERS) == case.markers
    unsaid = {"delimiter", "encoding", "decimal", "types", "keep", "task"} - set(case.config)
    assert not unsaid & set(dataset) - {"task"}
    assert load_config(folder / "mlcli.yaml").dataset.target == case.target


@pytest.mark.parametrize(
    ("delimiter", "cell", "other", "keys", "else_keys"),
    [
        (",", '"{0},{1:03}"', "{0}.5", "{a: {thousands: ','}}", "{a: {decimal: ','}}"),
        (",", '"${0},{1:03}"', "{0}.5", "{a: {thousands: ',', unit: $}}", "{a: {decimal: ',', unit: $}}"),
        (";", "€{0},{1:03}", "{0}.5", "{a: {thousands: ',', unit: €}}", "{a: {decimal: ',', unit: €}}"),
        (";", "{0}.{1:03}", "{0},5", "{a: {thousands: .}}", "{a: {decimal: .}}"),
    ],
)
def test_likely_thousands_are_assumed_aloud(folder, mlcli, delimiter, cell, other, keys, else_keys):
    rows = [delimiter.join([cell.format(i % 31 + 1, 37 * i % 1000), other.format(i)]) for i in range(40)]
    (folder / "t.csv").write_text("\n".join([f"a{delimiter}y", *rows]) + "\n", encoding="utf-8")
    done = mlcli("init", "t.csv", "--target", "y")
    assert done.code == 0
    assert f"taken for a thousands mark; if it is a decimal mark, write dataset.numbers: {else_keys}." in done.err
    assert f"numbers: {keys}" in (folder / "mlcli.yaml").read_text(encoding="utf-8")
    assert mlcli("check", "-q").code == mlcli("check", "-q", "-S", f"dataset.numbers={else_keys}").code == 0


def test_points_that_may_be_thousands_marks_are_told(folder, mlcli):
    rows = [f"{i + 1}.{37 * i % 1000:03};{i % 7};{i}" for i in range(40)]
    (folder / "t.csv").write_text("\n".join(["a;x;y", *rows]) + "\n")
    said = mlcli("init", "t.csv", "--target", "y").err
    other = "{a: {thousands: ., decimal: ','}}"
    assert (
        f"a: '.' in '1.000' is taken for a decimal mark; if it is a thousands mark, write dataset.numbers: {other}."
        in said
    )
    assert "numbers" not in written(folder)["dataset"]
    assert mlcli("check", "-q").code == mlcli("check", "-q", "-S", f"dataset.numbers={other}").code == 0


@pytest.mark.parametrize(("delimiter", "n"), [(";", 40), (",", 19)])
def test_marks_that_may_be_either_are_asked_about(folder, mlcli, delimiter, n):
    rows = [delimiter.join([f'"{i + 1},{37 * i % 1000:03}"', f"{i}.5", str(i % 7)]) for i in range(n)]
    (folder / "t.csv").write_text("\n".join([delimiter.join("ayz"), *rows]) + "\n")
    done = mlcli("init", "t.csv", "--target", "y")
    assert done.code == 0
    assert "its mark is ambiguous" in done.err
    assert written(folder)["dataset"]["drop"] == ("a",)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["01", "1", "2"], "target k: 3 classes (01 20, 1 20, 2 20)"),
        (["+1", "1", "2"], "target k: 2 classes (1 40, 2 20)"),
        (
            ["1", "2", "3"],
            "3 classes (1 20, 2 20, 3 20); if its numbers are amounts or counts, write dataset.task: regr",
        ),
        (["b", "c", "?"], "20 rows have no target: '?' (20 cells); they are left out."),
    ],
)
def test_classes_are_told_as_training_reads_them(folder, mlcli, cells, said):
    rows = [f"{i}.5,{i % 7},{cells[i % 3]}" for i in range(60)]
    (folder / "t.csv").write_text("\n".join(["x,z,k", *rows]) + "\n")
    assert said in mlcli("init", "t.csv", "--target", "k").err
    assert mlcli("check", "-q").code == 0


def score_of(mlcli, metric):
    """Of the first network of the ensemble alone."""
    assert mlcli("train", "-q", "-S", "training.ensemble=1").code == 0
    found = mlcli("evaluate", "--json").json["scores"][metric]
    return found["value"] if isinstance(found, dict) else found


@pytest.mark.parametrize("name", ["a", "class", "count", "cell", "label", "rows", "len", "index"])
def test_a_target_may_have_any_name(folder, mlcli, name):
    (folder / "words.csv").write_text(
        "\n".join([f"x,{name}", *(f"{i % 7},{'no' if i % 7 < 3 else 'yes'}" for i in range(60))])
    )
    (folder / "numbers.csv").write_text("\n".join([f"x,{name}", *(f"{i % 7},{i % 7 * 1.5}" for i in range(60))]))
    assert f"target {name}: 2 classes (yes 33, no 27)" in mlcli("init", "words.csv", "--target", name).err
    assert f"target {name}: a number from 0 to 9" in mlcli("init", "numbers.csv", "--target", name, "-o", "n.yaml").err


@pytest.mark.parametrize("noise", [0, 1])
def test_the_only_column_may_number_the_rows_or_determine_the_target(folder, mlcli, noise):
    """As in a first linear regression."""
    (folder / "t.csv").write_text("\n".join(["x,y", *(f"{i},{2.5 * i + noise * (i % 3)}" for i in range(1, 31))]))
    assert mlcli("init", "t.csv", "--target", "y").code == 0
    assert "drop" not in written(folder)["dataset"]


def test_init_train_evaluate(folder, mlcli, request):
    """One nasty table in every run, all of them in a campaign."""
    for case in NASTY if request.config.getoption("--campaign") else NASTY[:1]:
        (folder / "mlcli.yaml").unlink(missing_ok=True)
        (folder / case.name).write_bytes(case.content)
        assert mlcli("init", case.name, "--target", case.target).code == 0
        metric, least = case.least
        assert score_of(mlcli, metric) >= least, case.name


@pytest.mark.parametrize(
    ("table", "target", "metric", "least"),
    [
        ("adult/adult.data", "classification", "accuracy", 0.85),
        ("california/housing.csv", "median_house_value", "r2", 0.78),
        ("penguins/penguins.csv", "species", "accuracy", 0.95),
    ],
)
def test_real_tables(with_real_data, mlcli, request, table, target, metric, least):
    if not request.config.getoption("--campaign"):
        pytest.skip("trained with --campaign")
    assert mlcli("init", table, "--target", target).code == 0
    assert score_of(mlcli, metric) >= least


FRAME = pl.DataFrame(
    {
        "when": pl.date_range(pl.date(2026, 1, 1), pl.date(2026, 3, 1), eager=True),
        "flag": [i % 3 == 0 for i in range(60)],
        "amount": [float(i % 13) for i in range(60)],
        "grade": ["abc"[i % 3] for i in range(60)],
    }
)


@pytest.mark.parametrize(("n_days", "learned"), [(4 * 730, True), (4 * 720, False)])
def test_days_of_the_calendar_are_learned_from_years_of_rows(folder, mlcli, n_days, learned):
    first = datetime.date(2023, 1, 1)
    days = [first + datetime.timedelta(days=i // 4) for i in range(n_days + 10)]
    pl.DataFrame({"when": days, "y": [i * 7 % 31 + 0.5 for i in range(len(days))]}).write_csv(folder / "t.csv")
    assert mlcli("init", "t.csv", "--target", "y").code == 0
    assert ({"month_day", "nth_weekday"} <= {*written(folder)["features"]["dates"]}) is learned
    assert mlcli("check", "-q").code == 0


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_other_tables(folder, mlcli, kind):
    (FRAME.write_parquet if kind == "parquet" else FRAME.write_ndjson)(folder / f"t.{kind}")
    assert mlcli("init", f"t.{kind}", "--target", "grade").code == 0
    dataset = written(folder)["dataset"]
    assert (dataset["name"], "drop" in dataset) == (kind, False)
    text = (folder / "mlcli.yaml").read_text()
    assert "# split: {by: time, column: when}" in text
    # What is suggested works: uncommented in the place of the other split.
    assert mlcli("prepare", "mlcli.yaml", "-S", "dataset.split={by: time, column: when}").code == 0
    assert mlcli("check", "-q").code == 0


def test_arrays_of_other_names(folder, mlcli):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3))
    np.savez(folder / "t.npz", features=x, label=(x[:, 0] > 0).astype(int))
    assert mlcli("init", "t.npz").code == 0
    assert {key: written(folder)["dataset"][key] for key in "xy"} == {"x": "features", "y": "label"}
    assert mlcli("check", "-q").code == 0
    assert mlcli("init", "t.npz", "--target", "label", "-o", "b.yaml").code == 2


@pytest.mark.parametrize(("pixel", "color"), [((90, 90, 90), "gray"), ((250, 10, 90), "rgb")])
def test_folders_of_pictures(folder, mlcli, pixel, color):
    for name in ("cat", "dog"):
        (folder / "pets" / name).mkdir(parents=True)
        for i in range(10):
            Image.new("RGB", (120, 60), pixel).save(folder / "pets" / name / f"{i}.png")
    assert mlcli("init", "pets").code == 0
    dataset = written(folder)["dataset"]
    assert (dataset["name"], dataset["size"], dataset["color"]) == ("images", (32, 64), color)
    assert mlcli("check", "-q").code == 0


def test_folders_of_splits(folder, mlcli):
    for split, count in (("train", 10), ("test", 2), ("val", 2)):
        for name in ("cat", "dog"):
            (folder / "pets" / split / name).mkdir(parents=True)
            for i in range(count):
                Image.new("L", (9, 9), i).save(folder / "pets" / split / name / f"{i}.png")
    result = mlcli("init", "pets")
    assert result.code == 0
    assert "train and test are splits: the images of test are the test images" in result.err
    assert "pets/val: not read" in result.err
    config = written(folder)
    assert [config["name"], *(config["dataset"][key] for key in ("path", "test_path", "split"))] == [
        "pets",
        "pets/train",
        "pets/test",
        {"valid": 0.2},
    ]
    assert mlcli("check", "-q").code == 0


def test_all_damaged_images_are_counted(folder, mlcli):
    for name in ("cat", "dog"):
        (folder / "pets" / name).mkdir(parents=True)
        for i in range(3):
            (folder / "pets" / name / f"{i}.png").write_text("")
    result = mlcli("init", "pets")
    assert (result.code, "pets/cat/0.png: cannot be read" in result.err, "5 more of 6" in result.err) == (3, True, True)


def test_no_file_is_written_over(folder, mlcli):
    (folder / "t.csv").write_bytes(NASTY[-1].content)
    asked = ["init", "t.csv", "--target", "y"]
    (folder / "mlcli.schema.json").write_text("mine")
    assert mlcli(*asked).code == 2
    assert not (folder / "mlcli.yaml").exists()
    (folder / "mlcli.schema.json").unlink()
    assert mlcli(*asked).code == 0
    before = (folder / "mlcli.yaml").read_bytes()
    again = mlcli(*asked)
    assert (again.code, "mlcli.yaml already exists" in again.err) == (2, True)
    assert mlcli(*asked, "-o", "other.yaml").code == 0  # the schema, which is mlcli's, may be renewed
    assert (folder / "mlcli.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["t.csv"], 2, "t.csv has: x, y"),
        ([], 2, "name either"),
        (["t.csv", "--example", "iris"], 2, "name either"),
        (["--example", "irs"], 2, "did you mean iris?"),
        (["none.csv", "--target", "y"], 3, "no such file"),
        (["t.csv", "--target", "z"], 3, "no column 'z'"),
        (["ragged.csv", "--target", "b"], 3, "ragged.csv:3"),
        (["one.csv", "--target", "b"], 3, "at least two classes"),
        (
            ["one.csv", "--target", "a"],
            3,
            "(id: a different number in every row, like an id; b: the same in every row)",
        ),
        (["book.xlsx", "--target", "b"], 3, "save the sheet as CSV"),
        (["empty", "--target", "b"], 3, "sub-folders"),
    ],
)
def test_what_cannot_be_done_is_said(folder, mlcli, arguments, code, said):
    (folder / "t.csv").write_bytes(NASTY[-1].content)
    (folder / "ragged.csv").write_text("a,b\n1,2\n1\n")
    (folder / "one.csv").write_text("id,a,b\n1,1.5,x\n2,1.5,x\n3,2.5,x\n")
    (folder / "book.xlsx").write_bytes(b"PK\x03\x04")
    (folder / "empty").mkdir()
    refused = mlcli("init", *arguments)
    assert (refused.code, said in refused.err) == (code, True), refused.err
    assert not (folder / "mlcli.yaml").exists()


def test_names_and_cells_cannot_break_the_file(folder, mlcli):
    names = ["a: b", "# c", "d\x1b[31me", "- f", "'g'", '"h"', "{i}", "y"]
    header = ",".join('"' + name.replace('"', '""') + '"' for name in names)
    rows = "\n".join(f"{i},{i % 2},{i % 3},same,{i % 5},x{i},{i * 7 % 11},{'uv'[i % 2]}" for i in range(30))
    (folder / "t.csv").write_text(f"{header}\n{rows}\n")
    assert mlcli("init", "t.csv", "--target", "y").code == 0
    assert {"a: b", "- f"} <= set(written(folder)["dataset"]["drop"])
    assert "\x1b" not in (folder / "mlcli.yaml").read_text()
    assert mlcli("check", "-q").code == 0


def test_on_a_terminal_the_target_is_asked_for(folder):
    (folder / "t.csv").write_bytes(NASTY[-1].content)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "mlcli", "init", "t.csv"]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder) as process:
        os.close(theirs)
        os.write(ours, b"nope\n2\n")
        shown = b""
        try:
            while part := os.read(ours, 4096):
                shown += part
        except OSError:  # closed at the other end
            pass
        assert process.wait() == 0, shown.decode()
    assert b"'nope' is not a column" in shown
    assert written(folder)["dataset"]["target"] == "y"


@pytest.mark.parametrize(
    ("head", "step", "derived"),
    [
        ("Lat,lng,y", 0.5, {"north_east": "Lat + lng", "north_west": "Lat - lng"}),
        ("lat,lng,y", 2.0, {}),  # beyond the poles
        ("lat,x,y", 0.5, {}),
        ("lat,lng,north_east", 0.5, {}),
    ],
)
def test_places_are_found_along_diagonals(folder, mlcli, head, step, derived):
    rows = "".join(f"{step * i},{-i * 7 % 50},{i * 13 % 60 + 0.5}\n" for i in range(60))
    (folder / "places.csv").write_text(f"{head}\n{rows}")
    assert mlcli("init", "places.csv", "--target", head.split(",")[-1]).code == 0
    assert written(folder)["features"].get("derive", {}) == derived


@pytest.mark.parametrize("cell", ["", "7"])
def test_missing_cells_of_numbers_are_an_input_of_their_own(folder, mlcli, cell):
    rows = "".join(f"{i * 7 % 50},{'ab'[i % 2]}\n" for i in range(60))
    (folder / "gaps.csv").write_text(f"x,y\n{cell},a\n{rows}")
    assert mlcli("init", "gaps.csv", "--target", "y").code == 0
    assert written(folder)["features"].get("indicator", False) is (cell == "")


@pytest.mark.parametrize(
    ("largest", "step", "expected"),
    [(200, 1, "poisson"), (200, 0.5, {"name": "huber"}), (4_000, 1, {"name": "huber"})],
    ids=["visits", "halves", "amounts"],
)
def test_skewed_counts_are_learned_as_counts(folder, mlcli, largest, step, expected):
    share = np.random.default_rng(0).exponential(0.1, 300).clip(0, 1)
    target = np.append((share * largest / step).round() * step, [0, step, largest - step])
    pl.DataFrame({"a": np.arange(len(target)), "b": -(target**2), "y": target}).write_csv(folder / "t.csv")
    assert mlcli("init", "t.csv", "--target", "y").code == 0
    assert written(folder)["loss"] == expected


def test_few_skewed_counts_are_numbers_and_the_other_reading_is_named(folder, mlcli):
    target = np.repeat(np.arange(12), [90, 60, 40, 26, 17, 11, 7, 5, 3, 2, 1, 1])
    pl.DataFrame({"a": np.arange(len(target)) % 50, "y": target}).write_csv(folder / "t.csv")
    said = "target y: a number from 0 to 11, taken for a count; if its numbers name classes, write dataset.task: class"
    assert said in mlcli("init", "t.csv", "--target", "y").err
    found = written(folder)
    assert (found["dataset"]["task"], found["loss"]) == ("regression", "poisson")
    assert mlcli("check", "-q", "-S", "dataset.task=classification", "-S", "loss=auto").code == 0
