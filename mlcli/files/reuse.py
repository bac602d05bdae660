"""What an earlier command left in a folder, taken up again."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from mlcli.errors import ArtefactError
from mlcli.files.leftovers import recover_folder
from mlcli.reporter import Reporter

T = TypeVar("T")


def take_up(folder: Path, load: Callable[[Path], T], reporter: Reporter, otherwise: str) -> T | None:
    """What `load` makes of a folder; None where there is none, or where it is refused, after a warning.

    otherwise : what is done in that case, such as "fitting the features anew"
    """
    recover_folder(folder)
    if not folder.exists():
        return None
    try:
        return load(folder)
    except ArtefactError as error:
        reporter.warn(f"{error}; {otherwise}")
        return None
