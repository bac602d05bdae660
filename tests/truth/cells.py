"""Suites of cells: numbers with the float64 they must become, to the bit, and dates."""

import datetime
import json
import math
import struct

import polars as pl

from mlcli.data.readers.csv import read_delimited
from mlcli.data.readers.csv_dialect import Dialect
from mlcli.data.readers.jsonl import read_jsonl
from mlcli.data.readers.text_file import read_text
from mlcli.data.tables.dates import as_dates
from mlcli.data.tables.inference import as_numbers
from mlcli.data.tables.rows import EXACT
from mlcli.errors import DataError
from tests.truth.suites import REFUSED, Case, Suite, judge


def read_suite(folder):
    """The number of each text."""
    found = {}
    for path in sorted((folder / "data").glob("*.txt")):
        for line in path.read_text().splitlines():
            *_, bits, text = line.split(" ")
            found[text] = struct.unpack(">d", bytes.fromhex(bits))[0]
    return found


def parse_number(folder):
    suite = read_suite(folder)
    texts = list(suite)
    yield from judge_all("text", suite, texts, as_numbers(pl.DataFrame({"x": texts}), ".")["x"].to_list())
    small = [text for text in texts if abs(suite[text]) < EXACT]
    lines = "".join(f"{text},a\n" for text in small)
    frame = read_delimited(read_text(f"x,y\n{lines}".encode(), "truth"), Dialect(), numbers=["x"]).frame
    yield from judge_all("numbers at once", suite, small, frame["x"].to_list())
    written = [text for text in texts if is_json(text)]
    yield from judge_all("JSON lines", suite, written, read_lines(written))


def is_json(text):
    """Whether it is a number in JSON with a decimal point or an exponent; whole numbers have a reader of their own."""
    try:
        return isinstance(json.loads(text), float)
    except ValueError:
        return False


def read_lines(texts):
    """The numbers of lines of JSON, None for those that are refused, which are found by halves."""
    lines = "".join(f'{{"x": {text}, "y": 0.5}}\n' for text in texts)
    try:
        return read_jsonl(read_text(lines.encode(), "truth")).frame["x"].to_list()
    except DataError:
        middle = len(texts) // 2
        return [None] if len(texts) == 1 else read_lines(texts[:middle]) + read_lines(texts[middle:])


def judge_all(group, suite, texts, numbers):
    """A case a text; None is a number that was refused. Infinities must be."""
    for text, number in zip(texts, numbers, strict=True):
        expected = suite[text]
        if number is None:
            yield Case(group, text, "refused", text)
        elif math.isfinite(expected) and struct.pack(">d", number) == struct.pack(">d", expected):
            yield Case(group, text, "right")
        else:
            yield Case(group, text, "wrong", f"read {number!r}, expected {expected!r}")


def json_schema_dates(folder):
    for name in ("date", "date-time"):
        path = folder / "tests" / "draft2020-12" / "optional" / "format" / f"{name}.json"
        cases = [case for group in json.loads(path.read_text(encoding="utf-8")) for case in group["tests"]]
        for case in cases:
            text, expected = case["data"], REFUSED
            if not isinstance(text, str):
                continue
            if case["valid"] or (name == "date" and ":" in text and text[-1] == "Z"):  # a date may have a time
                expected = instant(text.upper().replace(":60", ":59"))
            kind = "RFC 3339" if case["valid"] else "not RFC 3339"
            yield judge(f"{name}, {kind}", text, lambda text=text: read_date(text), expected)


def instant(text):
    """The moment in UTC, to the microsecond."""
    moment = datetime.datetime.fromisoformat(text)
    return moment.astimezone(datetime.UTC).replace(tzinfo=None) if moment.tzinfo else moment


def read_date(text):
    found = as_dates(pl.Series("x", [text]))[0]
    if found is None:
        raise DataError(f"{text!r} is not a date")
    return found


SUITES = (
    Suite(
        "numbers",
        "Numbers as text",
        "nigeltao/parse-number-fxx-test-data",
        "data",
        "45,990 texts of numbers, collected from several projects: halfway cases, hundreds of digits, the smallest "
        "and the largest. All 64 bits must be those of the correctly rounded number; infinities must be refused. "
        "They are read as cells of text, as a CSV column that is known to have numbers (below 2^53), and as JSON "
        "(all that JSON writes so).",
        "float16 and float32, which mlcli reads no text as.",
        parse_number,
    ),
    Suite(
        "dates",
        "Dates of the JSON Schema test suite",
        "json-schema-org/JSON-Schema-Test-Suite",
        "tests/draft2020-12/optional/format/date.json",
        "Texts of the formats date and date-time, as cells of a column that is declared as dates without a format: the "
        "moment in UTC must be the same. mlcli refuses years before 1000, leap seconds, a small t or z and fractions "
        "of more than nine digits.",
        "other formats: mlcli reads no times of day, durations or addresses.",
        json_schema_dates,
    ),
)
