"""Words for YAML that cannot be parsed: what is wrong, where, and what to do."""

from collections.abc import Sequence

import yaml

MAX_DEPTH = 32
TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"

_RESERVED = "@`%,"

_ADVICE = (
    ("mapping values are not allowed", "':' is not expected here; text with ': ' in it needs quotes, a key needs a "
     "blank after its colon, and keys of one section the same indentation"),
    ("could not find expected ':'", "this line is neither a key with a colon nor part of the list or text above it"),
    ("did not find expected key", "indentation or quotes do not fit the lines above; keys of one section start in the "
     "same column"),
    ("expected <block end>", "indentation or quotes do not fit the lines above; keys of one section start in the same "
     "column"),
    ("expected '-' indicator", "a list item starting with '- ' is expected here"),
    ("sequence entries are not allowed", "a list item cannot start here; put '- ' on a line of its own"),
    ("mapping keys are not allowed", "text cannot start with '? '; put it in quotes"),
    ("undefined tag handle", "tags are not allowed; remove it, or quote the text if it starts with '!'"),
    ("escape char", "unknown escape in double quotes; double the backslash, or use single quotes"),
    ("incompatible YAML document", "this %YAML version is not supported; remove the line"),
    ("<document start>", "nothing may follow the end of the document; remove this or the '...' above"),
    ("block scalar", "after '|' or '>' the text starts on the next line; quote the text if the sign is meant"),
    ("anchor", "anchors and aliases are not allowed; quote the text if it starts with '&' or '*'"),
    ("alias", "anchors and aliases are not allowed; quote the text if it starts with '&' or '*'"),
    ("parsing a tag", "tags are not allowed; quote the text if it starts with '!'"),
    ("scanning a tag", "tags are not allowed; quote the text if it starts with '!'"),
    ("directive", "a line cannot start with '%'; quote the text or remove the line"),
)  # fmt: skip


def explain_syntax(error: yaml.MarkedYAMLError, brackets: Sequence[yaml.Mark], text: str) -> tuple[str, yaml.Mark]:
    """Message and place of a syntax error.

    brackets : where the brackets open at the time stand, outermost first
    """
    mark = error.problem_mark or error.context_mark
    if mark is None:
        raise error
    lines = text.splitlines()
    at = _character(lines, mark)
    wording = f"{error.context or ''}: {error.problem or ''}"
    if "maximum nesting depth" in wording:  # libyaml's own limit, met while it reads ahead
        return TOO_DEEP, mark
    if "tab char" in wording or at == "\t":
        return "a tab cannot indent; use blanks", mark
    if "quoted scalar" in wording and "end of stream" in wording:
        return "the quote that opens here is never closed", error.context_mark or mark
    if "cannot start any token" in wording or (at and at in _RESERVED and "node content" in wording and not brackets):
        return f"text cannot start with '{at}'; put it in quotes", mark
    if brackets and "flow" in wording:
        return _open_bracket(_character(lines, brackets[-1]), mark, lines), brackets[-1]
    if at in ("]", "}"):
        return f"'{at}' closes a bracket that was never opened; put it in quotes if it is text", mark
    return next((advice for part, advice in _ADVICE if part in wording), "this is not valid YAML here"), mark


def _open_bracket(sign: str, mark: yaml.Mark, lines: Sequence[str]) -> str:
    if mark.line >= len(lines):
        return f"'{sign}' is never closed"
    before = f"line {mark.line + 1}, column {mark.column + 1}"
    return f"'{sign}' is not closed, or a comma is missing or doubled, before {before}"


def _character(lines: Sequence[str], mark: yaml.Mark) -> str:
    return lines[mark.line][mark.column : mark.column + 1] if mark.line < len(lines) else ""
