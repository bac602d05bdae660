"""`mlcli explain` on the screen."""

import pytest

from mlcli.use_cases.explain import explain


def test_a_key_is_explained_to_the_end(mlcli):
    shown = mlcli("explain", "optimizer.rmsprop.momentum")
    assert shown.code == 0
    assert shown.err == ""
    assert shown.out == (
        "optimizer.momentum\n"
        "  Of        rmsprop\n"
        "  Meaning   Share of the previous update that is kept.\n"
        "  Takes     a number >= 0 and < 1\n"
        "  Default   0.0\n"
        "  When      Raise it when plain gradient descent oscillates or is slow.\n"
        "  Course    momentum (momento)\n"
        "  Example   optimizer: {name: rmsprop, momentum: 0.9}\n"
    )


@pytest.mark.parametrize("columns", ["60", "200"])
def test_all_keys_stand_on_a_line_each(mlcli, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    lines = mlcli("explain").out.splitlines()
    names = [topic.path[-1] for topic in explain(None).topics]
    assert [line.split()[0] for line in lines[: len(names)]] == names
    assert max(map(len, lines[: len(names)])) <= min(110, int(columns))


def test_the_document_has_every_key(mlcli):
    document = mlcli("explain", "--json").json
    assert {"optimizer.lr", "dataset.split.by"} <= {entry["key"] for entry in document["keys"]}
    assert all(account["meaning"] for entry in document["keys"] for account in entry["accounts"])


def test_an_unknown_key_exits_2(mlcli):
    refused = mlcli("explain", "optimizer.lrr")
    assert refused.code == 2
    assert refused.err == "error: no key 'optimizer.lrr'; did you mean optimizer.lr? All of them: mlcli explain\n"
    assert refused.out == ""
