"""Names the user wrote, checked against the names there are."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from mlcli.errors import DataError

_LISTED = 12


def suggestion(name: str, valid: Sequence[str]) -> str:
    """End of a message about an unknown name: the nearest valid ones, or else all of them."""
    folded = {text.casefold(): text for text in valid}
    near = [folded[text] for text in get_close_matches(name.casefold().strip(), list(folded), n=3, cutoff=0.6)]
    if near:
        return f"did you mean {' or '.join(repr(text) for text in near)}?"
    more = f", … ({len(valid)} in all)" if len(valid) > _LISTED else ""
    return f"there are: {', '.join(valid[:_LISTED])}{more}" if valid else "there are none"


def require_columns(names: Iterable[str], available: Sequence[str], key: str, label: str) -> None:
    """Raise DataError for the names given by a configuration key that are no column of the source."""
    known = set(available)
    unknown = [name for name in names if name not in known]
    if unknown:
        parts = [f"no column {name!r}; {suggestion(name, available)}" for name in unknown[:5]]
        raise DataError(f"{label}: {key}: {'; '.join(parts)}")


def check_header(names: Sequence[str], place: str) -> None:
    """Raise DataError for empty or repeated column names; place: where the names stand."""
    for position, name in enumerate(names, start=1):
        if not name:
            raise DataError(
                f"{place}: column {position} of {len(names)} has no name; name it, "
                "or write the file without its row index (pandas: to_csv(index=False))"
            )
    seen: dict[str, int] = {}
    for position, name in enumerate(names, start=1):
        if name in seen:
            raise DataError(
                f"{place}: columns {seen[name]} and {position} are both called {name!r}; rename one of them"
            )
        seen[name] = position


def shown(value: object) -> str:
    """A cell as messages quote it: on one line, at most 40 characters."""
    text = repr(value)
    return text if len(text) <= 42 else f"{text[:38]}…{text[-1]}"
