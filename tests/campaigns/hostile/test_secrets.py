"""What must not leave: passwords are told and kept nowhere, bundles and reports do not tell who works where."""

import shutil
import sqlite3
from contextlib import closing

import yaml

SECRET = "s3cr3t-of-the-environment"


def ask(home, **keys):
    (home / "q.yaml").write_text(yaml.safe_dump({"dataset": {"name": "sql", "target": "kind", **keys}}))
    return "q.yaml"


def test_a_password_of_the_environment_is_kept_nowhere(home, monkeypatch, mlcli, strike, campaign):
    """A whole life of a run on a database that cannot be found without a secret."""
    hidden = home / "data" / f"{SECRET}.db"
    with closing(sqlite3.connect(hidden)) as connection, connection:
        connection.execute("CREATE TABLE t (a INT, kind TEXT)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", [(i, "pq"[i % 2]) for i in range(40)])
    monkeypatch.setenv("DATABASE", SECRET)
    config = ask(home, url="sqlite:///data/${DATABASE}.db", query="SELECT * FROM t", split={"test": 0.2, "valid": 0.2})
    told = [
        strike("train", config, "-S", "training.epochs=1", "-S", "device=cpu", code=0),
        strike("train", config, "-S", "dataset.query=SELECT nothing FROM t", code=3),
        strike("train", config, "-S", "dataset.url=postgresql://me:${DATABASE}@h/db", code=3),
        mlcli("predict", "--json"),
    ]
    if campaign.large:
        told += [mlcli("evaluate"), mlcli("improve", config, "--trials", "1", "-S", "training.epochs=1")]
    assert not [result for result in told if SECRET in result.out + result.err]
    hidden.unlink()
    told = [strike("prepare", config, code=3), strike("evaluate", code=3)]
    assert not [result for result in told if SECRET in result.out + result.err]
    kept = [path for path in home.rglob("*") if path.is_file()]
    assert len(kept) > 20
    assert not [path for path in kept if SECRET.encode() in path.read_bytes() or SECRET in path.name]


def test_bundles_and_reports_tell_no_folder_and_no_person(home, monkeypatch, mlcli):
    person = home / "alice"
    person.mkdir()
    shutil.copy("data/table.csv", person / "table.csv")
    monkeypatch.setenv("MLCLI_RUNS_DIR", str(person / "runs"))
    monkeypatch.setenv("MLCLI_PREPARED_DIR", str(person / "prepared"))
    for path in (str(person / "table.csv"), "../home/alice/table.csv"):
        dataset = {"name": "csv", "path": path, "target": "species", "origin": f"{person}/readme.txt"}
        (home / "c.yaml").write_text(yaml.safe_dump({"device": "cpu", "dataset": dataset}))
        assert mlcli("train", "c.yaml", "-S", "training.epochs=1", "-S", "evaluation.baselines=[tree]").code == 0
        assert mlcli("evaluate").code == 0
        run = max((person / "runs" / "c").iterdir())
        leaving = [path for part in ("model", "evaluation") for path in (run / part).rglob("*") if path.is_file()]
        assert len(leaving) > 5
        assert not [
            path for path in leaving if b"alice" in path.read_bytes() or str(home).encode() in path.read_bytes()
        ]
