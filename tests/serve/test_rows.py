"""Bodies as rows; rows that are read together are as each alone."""

import random

import polars as pl
import pytest

from mlcli.serve.answers import Answer, answer_together
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
    ("change", "alike"),
    [
        ({"age": 31.5}, True),
        ({"plan": "gold"}, True),
        ({"age": None}, False),
        ({"age": "30"}, False),
        ({"plan": 3}, False),
        ({"extra": 1}, False),
        ({"plan": 2.5}, None),
        ({"age": 2**53}, None),
        ({"extra": [1]}, None),
    ],
)
def test_which_rows_may_be_read_together(kinds, change, alike):
    """None: not even with their like."""
    usual, other = (body_of_objects(kinds, [("{}", row)], 1).kinds for row in (ROW, ROW | change))
    assert other is None if alike is None else (other == usual) is alike


CELLS = {
    "age": [0, 7, 30.5, "41", "x", None, 10**6, -1e308, 2**53 - 1],
    "plan": ["basic", "plus", "gold", "Gold ", "unheard of", "", None, 3, "NA"],
    "member": [True, False, "yes", "N", "perhaps", 1, 0, None],
    "since": ["2024-03-05", "2024-03-05T10:11", "2024-03-05T10:11:12Z", "5 March", None, "2024-3-5", ""],
}


def test_rows_together_are_as_each_alone(kinds):
    """The same bits, warnings and refusals."""
    chance = random.Random(0)
    groups = {}
    for _ in range(120):
        odd = chance.choice([0.0, 0.3])
        row = {name: chance.choice(cells) if chance.random() < odd else ROW[name] for name, cells in CELLS.items()}
        row["age"] = chance.uniform(18, 70) if row["age"] == 30 else row["age"]
        text = pl.DataFrame([row], strict=False).write_ndjson().strip()
        body = body_of_objects(kinds, read_objects(text.encode()), 1)
        groups.setdefault(body.kinds, []).append(body)
    together = 0
    for bodies in groups.values():
        for start in range(0, len(bodies), 8):
            part = bodies[start : start + 8]
            alone = [answer_together(kinds, [body])[0] for body in part]
            for one, other in zip(alone, answer_together(kinds, part), strict=True):
                if isinstance(one, Answer):
                    assert one.frame.equals(other.frame)
                    assert one.warnings == other.warnings
                else:
                    assert (type(one), str(one)) == (type(other), str(other))
            together += len(part) > 1
    assert together > 5
