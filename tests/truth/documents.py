"""Suites of documents: the YAML test suite, and JSONTestSuite (Seriot, Parsing JSON is a minefield, 2016)."""

import json
import math
import tempfile
from pathlib import Path

from mlcli.config.loading.yaml import read_yaml_value
from mlcli.data.readers.jsonl import read_jsonl
from mlcli.data.readers.text_file import open_text
from mlcli.data.tables.rows import BLANKS, as_cells
from mlcli.io.json import read_json
from tests.truth.suites import REFUSED, Suite, judge

# What libyaml reads of texts that YAML 1.2 does not allow, as their writer means it: brackets and quotes whose later
# lines are not indented enough, a dash alone in brackets, tabs and blanks where only blanks or nothing may stand.
LENIENT = {
    "9C9N": {"flow": ["a", "b", "c"]},
    "DK95/01": {"foo": "bar baz"},
    "G5U8": [["-", "-"]],
    "MUS6/00": None,
    "QB6E": {"quoted": "a b c"},
    "S98Z": {"empty block scalar": ""},
    "Y79Y/003": [["foo", "foo"]],
    "YJV2": ["-"],
}


def typed(value):
    """JSON of a value, in which 1, 1.0 and true differ."""
    return json.dumps(value, sort_keys=True)


def yaml_suite(folder):
    for path in sorted(folder.rglob("in.yaml")):
        name = str(path.parent.relative_to(folder))
        if name.startswith(("name/", "tags/")):  # links to the others
            continue
        text, expected = path.read_text(encoding="utf-8"), path.with_name("in.json")
        if path.with_name("error").exists():
            group, value = "not YAML", typed(LENIENT[name]) if name in LENIENT else REFUSED
        elif not expected.exists():
            group, value = "YAML without a form in JSON", REFUSED
        else:
            group, value = "YAML", typed(first_value(expected.read_text(encoding="utf-8")))
        yield judge(group, name, lambda text=text: typed(read_yaml_value(text, "truth")), value)


def first_value(text):
    """The first value of JSON texts, of which there is one a document; null where there is none."""
    return json.JSONDecoder().raw_decode(text.strip())[0] if text.strip() else None


def json_suite(folder):
    kinds = {"y": "valid", "n": "invalid", "i": "either"}
    with tempfile.TemporaryDirectory() as place:
        for path in sorted((folder / "test_parsing").glob("*.json")):
            kind, data = kinds[path.name[0]], path.read_bytes()
            yield judge(f"bundle, {kind}", path.name, lambda path=path: typed(read_json(path)), typed_or_refused(data))
            if kind == "valid":
                text = path.read_text(encoding="utf-8")
                yield judge(
                    "config", path.name, lambda text=text: typed(read_yaml_value(text, "x")), typed(json.loads(text))
                )
            yield judge_lines(f"lines, {kind}", path.name, data, Path(place))
            inner = data.strip()
            if inner[:1] + inner[-1:] == b"[]" and b"\n" not in inner:
                line = b'{"first": 1, "value": ' + inner[1:-1] + b"}\n"
                yield judge_lines(f"a value in a line, {kind}", path.name, line, Path(place))


def typed_or_refused(data):
    """What Python's json reads, where it is finite; else REFUSED."""
    try:
        value = json.loads(data.decode(), parse_constant=float, parse_float=finite)
        text = typed(value)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return REFUSED
    return text


def finite(text):
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def judge_lines(group, name, data, folder):
    """The case of a file of JSON lines: rows of flat objects, read as Python's json reads each line."""
    path = folder / "truth.jsonl"
    path.write_bytes(data)
    return judge(group, name, lambda: as_cells(read_jsonl(open_text(path)), {}).frame.to_dicts(), rows_of(data))


def rows_of(data):
    """Cells as mlcli has them, by key; REFUSED where a line is no flat object."""
    try:
        rows = [json.loads(line, parse_float=finite) for line in data.decode().rstrip().split("\n")]
    except (ValueError, RecursionError):
        return REFUSED
    if not all(isinstance(row, dict) for row in rows):
        return REFUSED
    values = [value for row in rows for value in row.values()]
    if any(isinstance(value, dict | list) for value in values):
        return REFUSED
    keys = dict.fromkeys(key for row in rows for key in row)
    return [{key: cell_of(row.get(key)) for key in keys} for row in rows]


def cell_of(value):
    if isinstance(value, bool):
        return str(value).lower()
    return value.strip(BLANKS) if isinstance(value, str) else None if value is None else float(value)


SUITES = (
    Suite(
        "yaml",
        "YAML test suite",
        "yaml/yaml-test-suite",
        "229Q/in.yaml",
        "Every text is read as a config is, and compared with the suite's JSON; types count. A config is a subset of "
        "YAML 1.2: one document of lists, mappings with text as keys, and scalars of the core schema. Anchors, "
        "aliases, tags, directives, several documents, keys that are no text, the same key twice, control "
        "characters, infinities, NaN and integers beyond 64 bits are refused. yes, no, on, off, dates and 12:30 are "
        f"text, unlike in YAML 1.1. Of the texts that are not YAML, {len(LENIENT)} are read as they are meant, which "
        f"counts as right: brackets and quotes whose later lines are not indented enough, a dash alone in brackets, "
        f"a tab inside quotes.",
        "the suite's events and its dumped YAML: mlcli keeps neither.",
        yaml_suite,
        branch="data-2022-01-17",
    ),
    Suite(
        "json",
        "JSONTestSuite",
        "nst/JSONTestSuite",
        "test_parsing",
        "Every text is read as a document of a bundle or run, as a file of JSON lines, and, where it is a list on one "
        "line, its content as one value of an object on a line. What is valid must be read as Python's `json` reads "
        "it, or be refused where it is no flat object; what is invalid must be refused; of what parsers may decide, "
        "mlcli must read the same as `json` or refuse. Numbers too large for float64 are refused.",
        "test_transform, whose results the suite leaves open.",
        json_suite,
    ),
)
