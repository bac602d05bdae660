"""Names from a stranger, of columns, classes and files: shown as text wherever they turn up, and never obeyed."""

import csv
import io
import json
import os
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import polars as pl
import yaml

from mlcli.runs.prediction_frame import write_predictions
from tests.campaigns.hostile.cases import cases
from tests.campaigns.hostile.conftest import CONTROL
from tests.campaigns.hostile.payloads import png

NASTY = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</svg><script>alert(2)</script>",
    "javascript:alert(3)",
    "{{ 7 * 7 }}{% include '/etc/passwd' %}",
    "\x1b]0;owned\x07\x1b[2J\x1b[31mred",
    "\x9b31mred",
    "line\nerror: forged",
    "back\rspace\x08\x08",
    "[bold red]markup[/] [/]",
    "\u202egnp.exe",
    "$\\frac{1}{0}$ % # & _",
    "=cmd|' /C calc'!A0",
    "-1+1",
    "@SUM(1,1)",
    "nul\x00byte",
    "😀" * 30,
    "x" * 3000,
]


# What the report itself links to, all within the page.
PLACES = {
    f"#{name}"
    for name in (
        "scores",
        "baselines",
        "data",
        "training",
        "answers",
        "importance",
        "effects",
        "mistakes",
        "learned",
        "reproduce",
    )
}


class Tags(HTMLParser):
    """All elements, attributes and text of a page."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.attributes, self.text = set(), set(), ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.add(tag)
        self.attributes |= {(tag, name, value) for name, value in attrs}

    def handle_data(self, data):
        self.text += data


def stranger(home, names=NASTY, **sections):
    """A table of columns and classes with these names, six rows a class."""
    rows = [
        {name: float((i * 7 + j) % 11) for j, name in enumerate(names)} | {"kind": name, "text": names[j % 3]}
        for i in range(6)
        for j, name in enumerate(names)
    ]
    pl.DataFrame(rows).write_parquet(home / "data" / "nasty.parquet")
    config = {
        "name": "nasty",
        "device": "cpu",
        "dataset": {"name": "parquet", "path": "nasty.parquet", "target": "kind"},
        "model": {"hidden": []},
        "training": {"epochs": 2, "precision": "float32"},
        "evaluation": {"baselines": ["majority", "tree"]},
        **sections,
    }
    (home / "nasty.yaml").write_text(yaml.safe_dump(config))
    return "nasty.yaml"


def test_a_whole_life(home, mlcli, figures):
    """All of them at once: in the terminal, in documents, in predictions."""
    stranger(home)
    told = [
        mlcli(*command)
        for command in (("prepare", "nasty.yaml"), ("features", "nasty.yaml"), ("train", "nasty.yaml"), ("evaluate",))
    ]
    shown = mlcli("show", "nasty.yaml", "-o", "nasty.html")
    assert shown.code == 0, shown.err
    assert not CONTROL.search(shown.out), repr(shown.out)
    assert not CONTROL.search((home / "nasty.html").read_text())
    for result in told:
        assert result.code == 0, result.err
        assert not CONTROL.search(result.err), repr(result.err)
        assert "\nerror: forged" not in result.err
    assert "[bold red]markup[/] [/]" in "".join(result.err for result in told)
    judge_documents(home / "runs" / "nasty" / "001" / "evaluation")
    judge_json(mlcli("prepare", "nasty.yaml", "--json"))
    judge_predictions(mlcli)


def judge_documents(folder):
    """Names are text in report and figures: no element, no handler, no link is theirs."""
    page = Tags((folder / "report.html").read_text())
    assert not page.elements & {"script", "img", "iframe", "object", "embed", "link", "base", "form"}
    assert {value for tag, name, value in page.attributes if tag == "a" and name == "href"} <= PLACES
    assert not [name for _, name, _ in page.attributes if name.startswith("on") or name in ("src", "action")]
    links = [value for _, name, value in page.attributes if name in ("href", "xlink:href")]
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in links)
    assert "<script>alert(1)</script>" in page.text
    figures = list((folder / "figures").glob("*.svg"))
    assert figures
    for figure in figures:
        elements = {element.tag.split("}")[1] for element in ET.parse(figure).iter()}
        assert not elements & {"script", "foreignObject", "a"}


def judge_json(result):
    assert not CONTROL.search(result.out)
    assert set(result.json["datasets"][0]["profile"]["classes"]["train"]) == set(NASTY)


def judge_predictions(mlcli):
    """Data is not edited, formulas for spreadsheets included: see SECURITY.md."""
    rows = list(csv.DictReader(io.StringIO(mlcli("predict", "data/nasty.parquet").out, newline="")))
    assert {name.removeprefix("probability_") for name in rows[0]} == {*NASTY, "prediction"}
    assert mlcli("predict", "data/nasty.parquet", "-o", "o.jsonl", "--keep", "kind", "-q").code == 0
    assert set(pl.read_ndjson("o.jsonl")["kind"]) == set(NASTY)


class Terminal(io.TextIOWrapper):
    def isatty(self):
        return True


def test_a_terminal_is_spared_what_a_pipe_gets(monkeypatch):
    shown = io.BytesIO()
    monkeypatch.setattr("sys.stdout", Terminal(shown, encoding="utf-8"))
    write_predictions([pl.DataFrame({"prediction": NASTY})], None, "csv")
    text = shown.getvalue().decode()
    assert text.startswith("prediction\n")
    assert not CONTROL.search(text)
    assert "\\x1b]0;owned\\x07" in text


FILE_NAMES = ["\x1b[31mred.csv", "new\nerror: forged.csv", "a" * 300, "[bold]x[/].csv", "\udcff\udcfe.csv", "-rf.csv"]


@cases("name", FILE_NAMES, 2)
def test_file_names_in_messages(home, strike, name):
    for command in (("prepare", f"./{name}"), ("predict", f"./{name}", "--run", "table"), ("evaluate", f"./{name}")):
        result = strike(*command)
        assert result.code in (2, 3)
        assert sum(line.startswith("error: ") for line in result.err.split("\n")) == 1


def test_class_folders_whose_names_are_no_text(home, strike):
    for name in (b"a\xff", b"b\x1b[31m"):
        folder = home / "data" / "pictures" / os.fsdecode(name)
        folder.mkdir(parents=True)
        for i in range(5):
            (folder / f"{i}.png").write_bytes(png(2, 2, b"\0ab\0cd"))
    (home / "p.yaml").write_text("dataset: {name: images, path: pictures}\n")
    result = strike("prepare", "p.yaml", code=3)
    assert "UTF-8" in result.err


def test_names_in_a_json_error(home, mlcli):
    result = mlcli("prepare", "./\x9b31m\u202e.yaml", "--json")
    assert not CONTROL.search(result.out)
    assert "\x9b31m\u202e" in json.loads(result.out)["error"]["messages"][0]
