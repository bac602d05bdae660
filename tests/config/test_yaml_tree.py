"""The strict reader of YAML."""

import pytest

from mlcli.config.loading.yaml import read_yaml, read_yaml_value
from mlcli.config.tree import Place
from mlcli.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("NULL", None), ("nUll", "nUll"),
        ("true", True), ("FALSE", False), ("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"), ("y", "y"),
        ("0", 0), ("-12", -12), ("+3", 3), ("010", 10), ("0o17", 15), ("0x1F", 31), ("0b11", "0b11"), ("-0x1", "-0x1"),
        ("1_000", "1_000"), ("12:30", "12:30"), ("2024-01-31", "2024-01-31"),
        ("1e-3", 0.001), ("1.0e-4", 0.0001), ("1E3", 1000.0), (".5", 0.5), ("5.", 5.0), ("-.5e+1", -5.0),
        ("1e", "1e"), (".", "."), ("e3", "e3"), ("1.2.3", "1.2.3"), ("-", "-"), ("٣", "٣"),
        ("'1'", "1"), ('"true"', "true"), ("''", ""), ('"a\\tb"', "a\tb"), ("'null'", "null"),
        ("[1, a, [2.0, ~]]", (1, "a", (2.0, None))), ("{a: 1, 'b c': {1: yes}}", {"a": 1, "b c": {"1": "yes"}}),
        ("9223372036854775807", 2**63 - 1), ("-9223372036854775808", -(2**63)), ("ñandú 🦤", "ñandú 🦤"),
    ],
)  # fmt: skip
def test_scalars_follow_the_core_schema(text: str, value: object) -> None:
    read = read_yaml(f"a: {text}" if text != "-" else 'a: "-"', "f").value["a"]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: b#c # d#e\n", "b#c"), ("a: '#' # b\n", "#"), ("a: |\n  b'#c\n", "b'#c\n"), ("a: c# # d\n", "c#"),
        ("a: [1, # b#c\n 2]\n", (1, 2)), ("a: ?b\n", "?b"), ("? a\n: 1\n", 1), ("{? a : 1}\n", 1),
        ("a: |\n  x\n   ", "x\n \n"),
    ],
)  # fmt: skip
def test_signs_of_comments_and_keys_inside_text_are_text(text: str, value: object) -> None:
    assert read_yaml(text, "f").value == {"a": value}


def test_every_key_and_value_has_its_place() -> None:
    tree = read_yaml("# first\na: 1\nsección:\n  - x\n  - {k: [1, 2]}\ntext: |\n  two\n  lines\n", "f")
    assert tree.value == {"a": 1, "sección": ("x", {"k": (1, 2)}), "text": "two\nlines\n"}
    assert tree.keys == {
        ("a",): Place("f", 2, 1),
        ("sección",): Place("f", 3, 1),
        ("sección", 1, "k"): Place("f", 5, 6),
        ("text",): Place("f", 6, 1),
    }
    assert tree.values[("sección", 1, "k", 1)] == Place("f", 5, 13)
    assert tree.values[("a",)] == Place("f", 2, 4)


STOPPED = [
    ("", 1, 1, "the file is empty"),
    ("# nothing\n", 1, 1, "the file is empty"),
    ("---\n", 2, 1, "the file is empty"),
    ("- a\n", 1, 1, "must be keys with values, such as 'seed: 0'; got a list"),
    ("iris\n", 1, 1, "got the single value 'iris'"),
    ("a: 1\n---\nb: 2\n", 2, 1, "a second document starts here"),
    ("a: 1\n...\nb: 2\n", 3, 1, "nothing may follow the end of the document"),
    ("a:\n\tb: 1\n", 2, 1, "a tab cannot indent; use blanks"),
    ("\ta: 1\n", 1, 1, "a tab cannot indent"),
    ("a:\n  b: 1\n  \tc: 2\n", 3, 3, "a tab cannot indent"),
    ("a: >\n\tb\n", 2, 1, "a tab cannot indent"),
    ("a: [1, 2\nb: 3\n", 1, 4, "'[' is not closed, or a comma is missing or doubled, before line 2, column 2"),
    ("a: {b: 1\n", 1, 4, "'{' is never closed"),
    ("a: [1,,2]\n", 1, 4, "'[' is not closed, or a comma is missing or doubled"),
    ("a: [{b: 1, c: 2\n", 1, 5, "'{' is never closed"),
    ("a: 'x'#y\nb: 1\n", 1, 7, "a comment needs a blank before its '#'"),
    ("ä: [1, 2,#y\n 3]\n", 1, 10, "a comment needs a blank before its '#'"),
    ("a: >#y\n  x\n", 1, 5, "a comment needs a blank before its '#'"),
    ("a: [1]#y\n", 1, 7, "a comment needs a blank before its '#'"),
    ("a: [?x]\n", 1, 6, "text cannot start with '?' here"),
    ("{?a: 1}\n", 1, 3, "text cannot start with '?' here"),
    ("{a: 1, ? }\n", 1, 10, "a key is missing here"),
    ("a: ]\n", 1, 4, "']' closes a bracket that was never opened"),
    ("a: 'x\nb: 1\n", 1, 4, "the quote that opens here is never closed"),
    ('a: "x\n', 1, 4, "the quote that opens here is never closed"),
    ("a: @x\n", 1, 4, "text cannot start with '@'; put it in quotes"),
    ("a: %x\n", 1, 4, "text cannot start with '%'"),
    ("a: ,\n", 1, 4, "text cannot start with ','"),
    ("a: b: c\n", 1, 5, "':' is not expected here"),
    ("a:1\nb: 2\n", 2, 2, "':' is not expected here"),
    ("a: 1\n  b: 2\n", 2, 4, "':' is not expected here"),
    ("a:\n  b: 1\n c: 2\n", 3, 2, "indentation or quotes do not fit"),
    ("a: 'it's'\n", 1, 8, "indentation or quotes do not fit"),
    ("a: -\n", 1, 4, "a list item cannot start here"),
    ("a: |x\n", 1, 5, "after '|' or '>' the text starts on the next line"),
    ('a: "\\q"\n', 1, 5, "unknown escape in double quotes"),
    ("a: !e!x 1\n", 1, 4, "tags are not allowed"),
    ("%FOO\n---\na: 1\n", 1, 5, "a line cannot start with '%'"),
    ("? [a]\n: 1\n", 1, 3, "a key must be text"),
    ("&k a: 1\n*k : 2\n", 2, 1, "aliases are not allowed"),
    ("a: " + "[" * 33 + "]" * 33, 1, 36, "nested deeper than 32 levels"),
    ("[" * 900, 1, 34, "nested deeper than 32 levels"),
    ("a: 1\nb: \x07\n", 2, 4, "control characters are not allowed: U+0007"),
    ("a: \x00\n", 1, 4, "control characters are not allowed"),
    ("a: \ud800\n", 1, 4, "control characters are not allowed"),
]


@pytest.mark.parametrize(("text", "line", "column", "message"), STOPPED)
def test_unreadable_text_gets_one_clear_error(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_yaml(text, "f")
    problem = caught.value.problems[-1]
    assert message in problem.message
    assert (problem.source, problem.line, problem.column) == ("f", line, column)


@pytest.mark.parametrize("text", ["[" * 100_000, "a: [1, " + "{b: " * 100_000, "- " * 100_000])
def test_nesting_without_end_is_stopped_wherever_the_parser_gives_up(text: str) -> None:
    with pytest.raises(ConfigError, match=r"f:1:\d+: nested deeper than 32 levels"):
        read_yaml(text, "f")


@pytest.mark.parametrize(("piece", "line", "column"), [("- 1\n", 10_000, 3), ("a: 1\n", 10_000, 4)])
def test_more_values_than_any_configuration_has(piece: str, line: int, column: int) -> None:
    read_yaml("list:\n" + "- 1\n" * 9_998, "f")
    with pytest.raises(ConfigError) as caught:
        read_yaml(piece * 20_000, "f")
    problem = caught.value.problems[-1]
    assert "there are more than 10,000 values" in problem.message
    assert (problem.line, problem.column) == (line, column)


def test_what_leaves_the_rest_readable_is_collected() -> None:
    text = 'a: !!int 1\nb: &x 2\nc: *x\na: 3\nd: .nan\ne: [-.inf]\nf: 1e999\ng: 99999999999999999999\nh: "\\0"\n'
    tree = read_yaml(text, "f")
    found = {(problem.path, problem.line, problem.column): problem.message for problem in tree.problems}
    assert list(found) == [
        ("a", 1, 4), ("b", 2, 4), ("c", 3, 4), ("a", 4, 1), ("d", 5, 4), ("e[0]", 6, 5), ("f", 7, 4), ("g", 8, 4),
        ("h", 9, 4),
    ]  # fmt: skip
    assert found["a", 1, 4] == "tags are not allowed: !!int; remove it"
    assert found["b", 2, 4] == "anchors are not allowed: &x; repeat the value"
    assert found["c", 3, 4] == "aliases are not allowed: *x; repeat the value"
    assert found["a", 4, 1] == "the key is already on line 1; keep one of them"
    assert found["d", 5, 4].startswith(".nan is not a usable number")
    assert found["g", 8, 4].startswith("99999999999999999999 is too large")
    assert tree.broken == {("c",), ("d",), ("e", 0), ("f",), ("g",), ("h",)}


def test_python_objects_are_never_built() -> None:
    tree = read_yaml("a: !!python/object/apply:os.system [echo]\n", "f")
    assert tree.value == {"a": ("echo",)}
    assert tree.problems[0].message == "tags are not allowed: !!python/object/apply:os.system; remove it"


@pytest.mark.parametrize("text", ["a: [1", "a: 'x", "*x", "!!str a", ".nan", "\x07", "a\n---\nb"])
def test_values_of_the_command_line_have_no_lines(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_yaml_value(text, "--set k=v")
    assert all((problem.source, problem.line) == ("--set k=v", None) for problem in caught.value.problems)
