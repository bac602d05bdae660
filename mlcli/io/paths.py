"""The folders mlcli reads from and writes to."""

import glob
import hashlib
import itertools
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from mlcli.errors import DataError, ResourceError, UsageError
from mlcli.io.text import printable, suggestion

HTTPS = "https://"
_DIGITS = re.compile(r"(\d+)")


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
    places = _places(path)
    for place in places:
        if _exists(place):
            if not (place.is_file() or place.is_dir()):
                raise DataError(f"{place}: a pipe or a device; name a regular file")
            return place
    tried = " and ".join(str(place) for place in places)
    advice = f"; it is available from {origin}" if origin else ""
    raise DataError(f"{path}: no such file or folder (tried {tried}); {_nearest(path, places)}{advice}")


def download_path(url: str) -> Path:
    """Where the file of an address is kept: in `downloads` of the data folder, named after the address."""
    name = re.sub(r"[^A-Za-z0-9._-]", "_", urlsplit(url).path.rpartition("/")[2]) or "file"
    return data_dir() / "downloads" / f"{hashlib.sha256(url.encode()).hexdigest()[:12]}-{name[-80:]}"


def find_paths(path: str, origin: str | None = None) -> tuple[Path, ...]:
    """The file of that name or https address, the files in such a folder, or those that match a pattern (`2024/*.csv`).

    In the order of their names, numbers in them by size; hidden files and those that begin with _ are left out.
    Raises DataError where there are none.
    """
    if path.startswith(HTTPS):
        path = str(download_path(path))
    elif path.startswith("http://"):
        raise DataError(
            f"{path}: plain http lets others change what arrives; use https://, or download the file yourself"
        )
    matching: list[Path] = []
    if glob.has_magic(path) and not any(_exists(place) for place in _places(path)):
        for place in _places(path):
            matching = matching or [Path(found) for found in glob.glob(str(place), recursive=True)]  # noqa: PTH207
    else:
        place = find_path(path, origin)
        if place.is_file():
            return (place,)
        matching = list(place.iterdir())
    found = [one for one in matching if one.is_file() and not one.name.startswith((".", "_"))]
    if not found:
        tried = " and ".join(str(place) for place in _places(path))
        raise DataError(
            f"{path}: {'no file matches' if glob.has_magic(path) else 'a folder without files'} (tried {tried})"
        )
    return tuple(sorted(found, key=_by_number))


def _by_number(path: Path) -> list[tuple[bool, str]]:
    return [(part.isdigit(), part.zfill(20) if part.isdigit() else part) for part in _DIGITS.split(str(path))]


def free_path(path: Path) -> Path:
    """The path, or the first of NAME-2.yaml, NAME-3.yaml, … beside it that does not exist."""
    numbered = (path.with_stem(f"{path.stem}-{number}") for number in itertools.count(2))
    return next(one for one in itertools.chain([path], numbered) if not os.path.lexists(one))


def refuse_overwriting(path: Path, advice: str = "name another file with -o") -> None:
    """Raise UsageError where there is a file already."""
    if os.path.lexists(path):
        raise UsageError(f"{path} already exists and is not overwritten; {advice}")


def _places(path: str) -> list[Path]:
    return [Path(path)] if Path(path).is_absolute() else [Path(path), data_dir() / path]


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
