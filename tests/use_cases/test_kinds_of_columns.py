"""A table with a date, yes and no, a remark, an id and holes, from `init` to one row of JSON lines."""

import json

import pytest

WORDS = ["late", "new", "box", "rain", "door", "polite", "lost", "never"]


@pytest.fixture
def orders(workspace):
    rows = [
        f"D{i:03},{1 + i % 28}/{1 + i // 28}/2024,{'' if i % 9 == 2 else 'yes' if i % 4 else 'no'},"
        f"{' '.join(WORDS[(i * k) % 8] for k in range(1, 7))} {i},{10 + i % 4}.5"
        for i in range(120)
    ]
    (workspace / "orders.csv").write_text("\n".join(["order,ordered,member,remark,hours", *rows]))
    return workspace


def test_from_init_to_one_row(orders, mlcli):
    started = mlcli("init", "orders.csv", "--target", "hours", "--json").json
    uses = {column["name"]: (column["use"], column["format"]) for column in started["columns"]}
    assert uses == {
        "order": ("drop", None), "ordered": ("date", "%d/%m/%Y"), "member": ("boolean", None), "remark": ("drop", None),
    }  # fmt: skip
    refused = mlcli("train", "-q", "-S", "dataset.drop=[order]")
    assert (refused.code, "'remark'" in refused.err, "encode: hash" in refused.err) == (3, True, True)
    counted = ["-S", "dataset.drop=[order]", "-S", "features.columns={remark: {encode: hash, buckets: 16}}"]
    plan = {column["name"]: column for column in mlcli("check", *counted, "--json").json["columns"]}
    assert plan["remark"]["becomes"].startswith("hash: words in 16 buckets")
    assert plan["ordered"]["becomes"].startswith("year, month, day, weekday, elapsed")
    assert 0 < plan["ordered"]["inputs"] <= 5
    assert mlcli("train", "-q", *counted, "-S", "training.epochs=2").code == 0
    assert mlcli("evaluate", "-q").code == 0
    row = {"ordered": "24/12/2024", "member": True, "remark": "Late again"}
    (orders / "one.jsonl").write_text(json.dumps(row))
    (orders / "one.csv").write_text("remark,member,ordered\nLate again,y,24/12/2024\n")
    told = [mlcli("predict", name, "--keep", "ordered").out for name in ("one.jsonl", "one.csv")]
    assert told[0] == told[1]
    assert told[0].splitlines()[1].startswith("24/12/2024,")
    (orders / "odd.csv").write_text("remark,member,ordered\nnothing,perhaps,\n")
    odd = mlcli("predict", "odd.csv", "-o", "out.csv", "--json")
    assert odd.json["unseen_categories"] == {"member": 1}
    (orders / "bad.csv").write_text("remark,member,ordered\nnothing,no,2024-12-24\n")
    bad = mlcli("predict", "bad.csv")
    assert (bad.code, "bad.csv:2: column 'ordered': '2024-12-24' is not a date of the form" in bad.err) == (3, True)
