"""The configurations that come with mlcli, and the small tables that they name."""

from __future__ import annotations

from pathlib import Path

from mlcli.config.load import load_config
from mlcli.config.wording import nearest
from mlcli.errors import UsageError

PACKAGE = Path(__file__).parent.parent


def examples_folder() -> Path:
    """Where configs/ and data/ are: in the installed package, or beside it where mlcli runs from its sources."""
    installed = PACKAGE / "examples"
    return installed if installed.is_dir() else PACKAGE.parent


def example_names() -> tuple[str, ...]:
    """Names of the examples."""
    return tuple(sorted(path.stem for path in (examples_folder() / "configs").glob("*.yaml")))


def read_example(name: str) -> dict[Path, bytes]:
    """Content of an example's configuration, then of the table that it names, by where they are to lie.

    Raises UsageError for a name that is none.
    """
    names = example_names()
    if name not in names:
        near = nearest(name, names)
        advice = f"; did you mean {near}?" if near else "."
        raise UsageError(f"--example: no example {name!r}{advice} There are: {', '.join(names)}")
    folder = examples_folder()
    config = folder / "configs" / f"{name}.yaml"
    files = {Path(config.name): config.read_bytes()}
    table = getattr(load_config(config).dataset, "path", None)
    if table is not None and (folder / table).is_file():
        files[Path(table)] = (folder / table).read_bytes()
    return files
