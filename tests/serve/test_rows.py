"""Bodies as rows; rows that are read together are as each alone."""

import json
import random

import pytest

from mlcli.reporter import SILENT
from mlcli.serve.answers import Options, answer, answer_together
from mlcli.serve.errors import RequestError
from mlcli.serve.rows import body_of_objects, read_objects


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('{"a": 1}', ['{"a": 1}']),
        ('\ufeff{"a": 1}', ['{"a": 1}']),
        (' [ {"a" : 1} ,\n{"b":\r\n"x\\n"} ]\n', ['{"a" : 1}', '{"b":  "x\\n"}']),
        ("[]", []),
        ("[1, null]", ["1", "null"]),
        ("", None),
        ("[", None),
        ("[1", None),
        ("[1,]", None),
        ("[1}", None),
        ('{"a": 1} {"a": 2}', None),
        ('[{"a": 1}] x', None),
        ("{'a': 1}", None),
        ("[" * 10_000, None),
        ("9" * 5000, None),
    ],
)
def test_values_keep_their_text(text, lines):
    if lines is None:
        with pytest.raises(RequestError) as refused:
            read_objects(text.encode())
        assert refused.value.status == 400
    else:
        assert [line for line, _ in read_objects(text.encode())] == lines


def test_bytes_that_are_not_utf_8_are_named():
    with pytest.raises(RequestError, match="UTF-8"):
        read_objects(b'{"a": "\xff"}')


ROW = {"age": 30, "plan": "plus", "member": True, "since": "2024-03-05"}


@pytest.mark.parametrize(
    ("change", "plain"),
    [
        ({"age": 31.5}, True),
        ({"age": None, "plan": None}, True),
        ({"plan": "caffè"}, True),
        ({"extra": 1}, True),
        ({"age": "30"}, False),
        ({"age": True}, False),
        ({"age": 2**53}, False),
        ({"plan": 3}, False),
        ({"plan": " plus"}, False),
        ({"plan": "NA"}, False),
        ({"plan": "caffe\u0300"}, False),
        ({"member": "yes"}, False),
        ({"since": "2024-02-30"}, False),
        ({"since": "2024-03-05T10:11"}, False),
        ({"extra": [1]}, False),
        ({"": 1}, False),
    ],
)
def test_which_rows_need_no_reading(kinds, change, plain):
    assert (kinds.plain.cells("", ROW | change) is not None) is plain


@pytest.mark.parametrize("text", ['{"age": 1, "age": 2', '{"age": 1e5', '{"age": 1E-99999'])
def test_text_that_needs_reading(kinds, text):
    ((text, row),) = read_objects((text + ', "plan": "plus", "member": true, "since": null}').encode())
    assert kinds.plain.cells(text, row) is None


CELLS = {
    "age": [0, 7, 30.5, "41", "x", None, 10**6, -1e308, 2**53 - 1, -0.0, 0.1],
    "plan": ["basic", "plus", "gold", "Gold ", "unheard of", "caffè", "", None, 3, "NA", "-"],
    "member": [True, False, "yes", "N", "perhaps", 1, 0, None],
    "since": ["2024-03-05", "1999-12-31", "2024-03-05T10:11", "2024-03-05T10:11:12Z", "5 March", None, "2024-3-5", ""],
}


def test_rows_together_are_as_each_is_read_alone(kinds):
    """The same bits and warnings, and what is refused is not taken for plain."""
    chance, plain = random.Random(0), []
    for _ in range(100):
        odd = chance.choice([0.0, 0.3])
        row = {name: chance.choice(cells) if chance.random() < odd else ROW[name] for name, cells in CELLS.items()}
        row["age"] = chance.uniform(18, 70) if row["age"] == 30 else row["age"]
        body = body_of_objects(kinds, read_objects(json.dumps(row, ensure_ascii=False).encode()), 1)
        if body.cells is not None:
            plain.append((body.cells, answer(kinds, body, Options(), 1, SILENT)))
    assert 30 < len(plain) < 90
    for found, (_, alone) in zip(answer_together(kinds, [cells for cells, _ in plain]), plain, strict=True):
        assert found.rows == alone.rows
        assert found.warnings == alone.warnings
    assert sum(bool(alone.warnings) for _, alone in plain) > 2
