"""Command lines that are not understood, each with one message and its remedy."""

import json

import pytest

MISTAKES = {
    ("trian",): "no such command: 'trian'; did you mean 'train'? see mlcli --help",
    ("nonsense",): "no such command: 'nonsense'; see mlcli --help",
    ("train", "--quite"): "no such option: --quite; did you mean --quiet? see mlcli train --help",
    ("train", "--epochs", "3"): "no such option: --epochs; the configuration's training.epochs is set by "
    "-S training.epochs=…; see mlcli train --help",
    ("train", "--batch-size", "3"): "no such option: --batch-size; the configuration's training.batch_size is set by "
    "-S training.batch_size=…; see mlcli train --help",
    ("train", "one.yaml", "two.yaml"): "unexpected: two.yaml; see mlcli train --help",
    ("improve", "--trials", "0"): "--trials: must be greater than or equal to 1; see mlcli improve --help",
    ("improve", "--trials", "many"): "--trials: must be a whole number; see mlcli improve --help",
    ("improve", "--timeout", "long"): "--timeout: must be a number; see mlcli improve --help",
}


@pytest.mark.parametrize(("arguments", "message"), MISTAKES.items(), ids=map(" ".join, MISTAKES))
def test_one_message(mlcli, arguments, message):
    result = mlcli(*arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err == f"error: {message}\n"


def test_json_tells_of_it_on_stdout(mlcli):
    result = mlcli("train", "--epochs", "--json")
    assert result.code == 2
    assert json.loads(result.out)["error"]["kind"] == "UsageError"


def test_no_command_at_all_shows_the_help(mlcli):
    result = mlcli()
    assert result.code == 2
    assert "Usage: mlcli" in result.out + result.err


# In the workspace are configs/iris.yaml, table.csv and the folder folder.csv.
ELSEWHERE = {
    ("train", "nowhere.yaml"): (2, "nowhere.yaml: no such file; name a YAML file that exists"),
    ("train", "configs/irs.yaml"): (2, "configs/irs.yaml: no such file; did you mean 'configs/iris.yaml'?"),
    ("train", "configs"): (2, "configs: a folder; name the YAML file in it"),
    ("train", "table.csv"): (
        2,
        "table.csv: a table; write a configuration for it with: mlcli init table.csv --target COLUMN",
    ),
    ("train", "configs/iris.yaml", "-S", "optimizer.lrr=1"): (
        2,
        "--set optimizer.lrr=1: unknown key; did you mean 'lr'?",
    ),
    ("train", "configs/iris.yaml", "-S", "model.hidden.0=3"): (
        2,
        "--set model.hidden.0=3: model.hidden is not a section; it has no key 0",
    ),
    ("train", "configs/iris.yaml", "-S", "device=cuda:9"): (2, "device: cuda:9 is not available"),
    ("train", "configs/iris.yaml", "-S", "dataset={name: csv, path: folder.csv, target: y}"): (
        3,
        "folder.csv: a folder without files (tried folder.csv and data/folder.csv)",
    ),
    ("evaluate", "configs/iris.yaml"): (2, "'configs/iris.yaml' is a configuration, not a run: runs has none yet"),
    ("init", "folder.csv"): (3, "folder.csv: no sub-folders; expected at least two, one per class"),
    ("init", "table.csv", "--target", "yy"): (3, "table.csv: --target: no column 'yy'; did you mean 'y'?"),
    ("init", "table.csv", "--target", "y", "-o", "configs/iris.yaml"): (
        2,
        "configs/iris.yaml already exists and is not overwritten; name another file with -o",
    ),
    ("schema", "-o", "table.csv"): (2, "table.csv already exists and is not overwritten; name another file with -o"),
}


@pytest.mark.parametrize(
    ("arguments", "expected"), ELSEWHERE.items(), ids=[" ".join(arguments) for arguments in ELSEWHERE]
)
def test_mistakes_say_what_where_and_what_to_do(workspace, mlcli, arguments, expected):
    (workspace / "table.csv").write_text("x,y\n" + "1,a\n2,b\n" * 20)
    (workspace / "folder.csv").mkdir()
    code, message = expected
    result = mlcli(*arguments)
    assert result.code == code
    assert f"error: {message}" in result.err
    assert result.err.count("error: ") == 1
