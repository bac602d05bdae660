"""How delimited text is laid out, and the error for lines that are no rows."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mlcli.config.tree import Value
from mlcli.data.readers.text_file import TextFile
from mlcli.errors import DataError
from mlcli.io.text import shown

CellKind = Literal["number", "date", "text", ""]

_LISTED = 6
_SEP = re.compile(rb'"?sep=([^"\r\n])"?\r?\n', re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?[$€£]?(\d+([.,]\d+)*|[.,]\d+)([eE][-+]?\d+)? ?%?")
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T]\d.*)?|\d{1,2}:\d\d(:\d\d.*)?")
_MISSING = {"", "na", "n/a", "nan", "null", "none", "?", "-", "--", ".", "nil", "missing", "n.a.", "n.d.", "#n/a"}


@dataclass(frozen=True)
class Dialect:
    """How delimited text is laid out: the keys of these names in the dataset section.

    header      : None: the first line is the header unless it looks like a row
    skip_footer : None or more than 0: a total as the last line is refused
    """

    delimiter: str = ","
    skip_rows: int | tuple[int, ...] = 0
    skip_footer: int | None = None
    header: bool | None = None
    columns: tuple[str, ...] = ()

    @property
    def skipped(self) -> tuple[int, ...]:
        """The lines of skip_rows, counted from 1."""
        return tuple(range(1, self.skip_rows + 1)) if isinstance(self.skip_rows, int) else self.skip_rows


class EdgeError(DataError):
    """Lines that are no rows, or a header that is one.

    found   : what is where
    note    : the same with the keys of the dataset section by which the file is read rightly
    dialect : with these keys
    """

    def __init__(self, found: str, advice: str, dialect: Dialect, **keys: Value) -> None:
        self.dialect = replace(dialect, **keys)  # type: ignore[arg-type]
        from mlcli.config.loading.dump import flow

        written = ", ".join(f"dataset.{key}: {flow(value)}" for key, value in keys.items())
        self.found = found
        self.note = f"{found}; so {' and '.join(f'dataset.{key}' for key in keys)} is set"
        super().__init__(f"{found}; {advice.format(written)}")


def split_sep(text: TextFile, dialect: Dialect) -> tuple[TextFile, Dialect, list[str]]:
    """Follow Excel's first line `sep=;`, which is then left out."""
    found = None if dialect.skip_rows else _SEP.match(text.buffer[:16])
    if not found:
        return text, dialect, []
    delimiter = found[1].decode()
    note = f"line 1, 'sep={delimiter}', gives the delimiter and is not read"
    return text.without_lines([1]), replace(dialect, delimiter=delimiter), [note]


def kind_of_cell(cell: str) -> CellKind:
    """Empty for a missing cell."""
    if _NUMBER.fullmatch(cell):
        return "number"
    return "date" if _DATE.fullmatch(cell) else "" if cell.lower() in _MISSING else "text"


def without(text: TextFile, lines: Collection[int]) -> int | tuple[int, ...]:
    """The value of skip_rows that leaves out these lines of the file, and those that are left out already."""
    numbers = sorted({*text.left, *lines})
    return len(numbers) if numbers == list(range(1, len(numbers) + 1)) else tuple(numbers)


def listed(cells: Sequence[str]) -> str:
    """The first cells, as messages quote a line."""
    if not any(cells):
        return "a line of empty cells"
    return shown(", ".join(cells[:_LISTED]) + (", …" if len(cells) > _LISTED else ""))
