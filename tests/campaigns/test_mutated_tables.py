"""Damaged and odd tables: each is refused with exit 3, or every cell is what another reader finds there."""

import csv
import io
import json
import math
import re
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from mlcli.config.loading.load import load_config
from mlcli.data.prediction_input import parse_input
from mlcli.data.store import load_prepared
from mlcli.data.tables.types import Schema
from mlcli.io import disk
from tests.campaigns.mutations import mutate

CONFIG = """
dataset: {{name: {name}, path: t.{name}, target: y, split: {{test: 0, valid: 0}}}}
model: {{hidden: [2]}}
training: {{epochs: 1}}
"""
MISSING = {"", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?"}
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
BLANKS = " \t\r\n\u00a0"

HEADER = ["n", "amount", "kind", "day", "note", "y"]
ROWS = [
    [
        i,
        f"{i * 0.37 - 3:.2f}" if i % 9 else "",
        "abc"[i % 3],
        f"2026-01-{i % 28 + 1:02d}",
        f"note, {i % 4}",
        "pq"[i % 2],
    ]
    for i in range(40)
]
ODD_CELLS = [
    "1_000", "1,000", "1.000,5", "0x1F", "1e400", "-1e-400", "inf", "-Infinity", "NaN", "nan", "1d5", "1f", "١٢", "½",
    "5.", ".5", "1E+05", "--1", "1 000", " 7 ", "\u00a07", "'7", "$7", "7%", "9007199254740993", "+5",
    "0.1000000000000000055511151231257827", "4.9e-324", "1.7976931348623157e308", "1e300", "-0", "007", "true", "TRUE",
    "NA", "?", "None", "-", "n/a", "#N/A", "2026-13-45", "12:30", "a\nb", "a\r\nb", "a\rb", 'say "hi"', '"', "x;y",
    "x" * 70_000, "ñ🦤", "e\u0301", "\u200b", "\ufeff", "\u2028", "\x85", "\x1f", "\x0b", "=1+1", "\\", "\\n", "#", "",
]  # fmt: skip
PIECES = [
    b",", b";", b"\t", b"|", b'"', b'""', b'"""', b"'", b"\n", b"\r", b"\r\n", b"\n\n", b"\0", b"\xff", b"\xe9",
    b"\xef\xbb\xbf", b"\xff\xfe", b"\xc2\xa0", b"\xe2\x80\xa8", b"\x85", b" ", b"#", b"\\", b"1e999", b"_", b".", b"-",
    b"{", b"}", b"[", b"]", b":", b"NaN", b"true", b"null", b"\\u0000", b"\\ud800", b'"a": 1, ', b"9" * 30,
]  # fmt: skip


def odd_rows(random):
    """The table with up to three odd cells, and now and then a repeated header, a ragged or a repeated row."""
    header, rows = [*HEADER], [[*map(str, row)] for row in ROWS]
    for _ in range(random.choice([0, 0, 1, 1, 2, 3])):
        random.choice(rows)[random.randrange(len(header))] = random.choice(ODD_CELLS)
    if random.random() < 0.05:  # a whole column of them
        column, cell = random.randrange(len(header)), random.choice(ODD_CELLS)
        for row in rows:
            row[column] = cell
    if random.random() < 0.1:
        header[random.randrange(len(header))] = random.choice([*HEADER, *ODD_CELLS])
    if random.random() < 0.1:
        random.choice(rows).append("1")
    if random.random() < 0.1:
        random.choice(rows).pop()
    return header, rows


def csv_file(random):
    """Bytes of the table as one of many programs could have saved it."""
    header, rows = odd_rows(random)
    text = io.StringIO()
    quoting = random.choice([csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
    csv.writer(text, lineterminator=random.choice(["\n", "\n", "\r\n", "\r"]), quoting=quoting).writerows(
        [header, *rows]
    )
    content = text.getvalue().encode()
    if random.random() < 0.1:
        content = random.choice([b"\xef\xbb\xbf" + content, content.decode().encode("utf-16"), content.rstrip()])
    if random.random() < 0.1:
        content = content.replace(b"\n", b"\r\n", random.randrange(20))
    return content


CELL = re.compile(r'[ \t]*"((?:[^"]|"")*)"[ \t]*(,|\r*\n|\r*\Z)|([^",\n]*)(,|\n|\Z)')


def read_csv(content):
    """Header and rows as RFC 4180's grammar has them, blanks around cells left off; raises for all else."""
    text = content.decode("utf-8-sig").rstrip("\r\n")
    records, at = [[]], 0
    while at <= len(text):
        found = CELL.match(text, at)
        assert found, text[at:][:40]
        quoted, after_quoted, plain, after_plain = found.groups()
        assert "\r" not in (plain or "").rstrip("\r")
        records[-1].append((plain if quoted is None else quoted.replace('""', '"')).strip(BLANKS))
        if not (after_quoted or after_plain or "").endswith(","):
            records.append([])
        at = found.end() if found.end() < len(text) or text.endswith(",") else len(text) + 1
    header, *rows = records[:-1]
    assert all(len(row) == len(header) for row in rows), "ragged"
    return header, rows


def same_cell(found, text):
    """Whether a prepared cell is the text's: its number, the text itself, or null where it is missing."""
    if found is None or text in MISSING:
        return found is None and text in MISSING
    if isinstance(found, bool):
        return text.lower() in (("true", "t", "yes", "y") if found else ("false", "f", "no", "n"))
    if isinstance(found, datetime):
        return found == datetime.fromisoformat(text)
    if isinstance(found, float):
        exact = not text.lstrip("+-").isdigit() or int(text) == int(found)
        return bool(NUMBER.fullmatch(text)) and float(text) == found and math.isfinite(found) and exact
    return found == text or (NUMBER.fullmatch(text) is not None and float(found) == float(text))


def jsonl_file(random):
    header, rows = odd_rows(random)
    if random.random() < 0.2:
        header[random.randrange(len(header))] = random.choice(HEADER)
    return "".join(json_line(random, header, row) for row in rows).encode()


def json_line(random, header, row):
    ascii_only = random.random() < 0.5
    cells = (text if JSON_NUMBER.fullmatch(text) else json.dumps(text or None, ensure_ascii=ascii_only) for text in row)
    return "{" + ", ".join(f"{json.dumps(name)}: {cell}" for name, cell in zip(header, cells, strict=False)) + "}\n"


def read_jsonl(content):
    """Header and cells by Python's own reader."""
    lines = content.decode("utf-8-sig").rstrip().split("\n")
    objects = [json.loads(line, object_pairs_hook=without_repeats, parse_int=str, parse_float=str) for line in lines]
    header = list(dict.fromkeys(key for one in objects for key in one))
    return header, [[json_text(one.get(key)) for key in header] for one in objects]


def without_repeats(pairs):
    found = dict(pairs)
    assert len(found) == len(pairs), "a key stands twice in one object"
    return found


def json_text(value):
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else value.strip(BLANKS)


FORMATS = {"csv": (csv_file, read_csv), "jsonl": (jsonl_file, read_jsonl)}


@pytest.fixture
def unsynced(monkeypatch):
    monkeypatch.setattr(disk, "sync", lambda path: None)


@pytest.mark.parametrize("name", FORMATS)
def test_text(campaign, workspace, mlcli, unsynced, name):
    make, read = FORMATS[name]
    (workspace / "t.yaml").write_text(CONFIG.format(name=name))
    path = workspace / f"t.{name}"
    for _ in range(campaign.size(6, 1000)):
        content = make(campaign.random)
        if campaign.random.random() < 0.3:
            content = mutate(campaign.random, content, PIECES, [make(campaign.random)])
        path.write_bytes(content)
        prepared = mlcli("prepare", "t.yaml", "--json")
        assert prepared.code in (0, 3), (prepared.err, content)
        if prepared.code == 0:
            (one,) = prepared.json["datasets"]
            compare(pl.read_parquet(f"{one['folder']}/train.parquet"), *read(content))
            compare_incoming(path, load_prepared(Path(one["folder"])).splits.train)
            campaign.record(f"prepared, trained: exit {follow(mlcli, path, len(read(content)[1]))}")
        else:
            campaign.record("exit 3")


def compare(frame, header, rows):
    """Every cell of the prepared table against the other reader's."""
    assert frame.height == len(rows)
    gone = [name for name in header if name not in frame.columns]
    for name in gone:  # wholly empty
        assert all(row[header.index(name)] in MISSING for row in rows), name
    for name in frame.columns:
        cells = [row[header.index(name)] for row in rows]
        for found, text in zip(frame[name].to_list(), cells, strict=True):
            assert same_cell(found, text), (name, found, text)


def compare_incoming(path, table):
    """Rows to predict are read as they were to train, to the bit."""
    config = load_config(Path("t.yaml")).dataset
    rows = parse_input(str(path), Schema(columns=table.features), config).table.frame
    assert rows.equals(table.frame.select(rows.columns)), path.read_bytes()


def follow(mlcli, path, n_rows):
    """Train on what was prepared, and predict the same rows; the exit code of the training."""
    trained = mlcli("train", "t.yaml", "--quiet")
    if trained.code:
        assert trained.code in (3, 6), trained.err
        return trained.code
    predicted = mlcli("predict", path, "--quiet", "-o", "predicted.jsonl")
    assert predicted.code == 0, predicted.err
    assert Path("predicted.jsonl").read_bytes().count(b"\n") == n_rows
    return 0
