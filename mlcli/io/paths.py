"""The folders mlcli reads from and writes to."""

import itertools
import os
from pathlib import Path

from mlcli.errors import DataError, ResourceError, UsageError
from mlcli.io.text import printable, suggestion


def data_dir() -> Path:
    """Datasets and prepared data: MLCLI_DATA_DIR, else data/ in the working directory."""
    return Path(os.environ.get("MLCLI_DATA_DIR") or "data")


def prepared_dir() -> Path:
    """Prepared data: MLCLI_PREPARED_DIR, else prepared/ in the data folder."""
    return Path(os.environ.get("MLCLI_PREPARED_DIR") or data_dir() / "prepared")


def runs_dir() -> Path:
    """Training runs: MLCLI_RUNS_DIR, else runs/ in the working directory."""
    return Path(os.environ.get("MLCLI_RUNS_DIR") or "runs")


def find_path(path: str, origin: str | None = None) -> Path:
    """The file or folder of that name in the working directory, or else in the data folder.

    Raises DataError naming both places, the nearest names there, and origin (where the data is available); and for
    pipes and devices, which would be waited for or read without end.
    """
    places = [Path(path)] if Path(path).is_absolute() else [Path(path), data_dir() / path]
    for place in places:
        if _exists(place):
            if not (place.is_file() or place.is_dir()):
                raise DataError(f"{place}: a pipe or a device; name a regular file")
            return place
    tried = " and ".join(str(place) for place in places)
    advice = f"; it is available from {origin}" if origin else ""
    raise DataError(f"{path}: no such file or folder (tried {tried}); {_nearest(path, places)}{advice}")


def free_path(path: Path) -> Path:
    """The path, or the first of NAME-2.yaml, NAME-3.yaml, … beside it that does not exist."""
    numbered = (path.with_stem(f"{path.stem}-{number}") for number in itertools.count(2))
    return next(one for one in itertools.chain([path], numbered) if not os.path.lexists(one))


def refuse_overwriting(path: Path, advice: str = "name another file with -o") -> None:
    """Raise UsageError where there is a file already."""
    if os.path.lexists(path):
        raise UsageError(f"{path} already exists and is not overwritten; {advice}")


def _exists(place: Path) -> bool:
    try:
        return place.exists()
    except PermissionError as error:
        raise ResourceError(f"{place}: cannot be read: {error.strerror}") from error
    except OSError:  # a name longer than any file's
        return False


def _nearest(path: str, places: list[Path]) -> str:
    """What the user may have meant."""
    if printable(path) != path:
        return "YAML takes a backslash in double quotes for an escape; use single quotes, or /"
    if "\\" in path and any(_exists(Path(str(place).replace("\\", "/"))) for place in places):
        return "write / between folders, also on Windows"
    return suggestion(places[0].name, sorted({entry.name for place in places for entry in _entries(place.parent)}))


def _entries(folder: Path) -> list[Path]:
    try:
        return [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    except OSError:
        return []
