"""`mlcli init`: from data, or from an example, to a configuration that trains well as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mlcli.config.loading.load import load_config, parse_config
from mlcli.config.reference.json_schema import SCHEMA_NAME, editor_line, is_schema, save_schema
from mlcli.config.rules.messages import nearest
from mlcli.data.sources import read_source
from mlcli.errors import UsageError
from mlcli.io.atomic import write_file
from mlcli.io.paths import refuse_overwriting
from mlcli.suggest.source import TableFound, find_source
from mlcli.suggest.suggest_config import SuggestedConfig, suggest_config

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


DEFAULT_OUTPUT = Path("mlcli.yaml")

ChooseTarget = Callable[[str, TableFound], str]


@dataclass(frozen=True)
class InitResult:
    """What was written, and why so."""

    config: Path
    schema: Path
    proposal: SuggestedConfig

    def to_json(self) -> dict[str, Any]:
        """The document of `init --json`."""
        return {
            "config": str(self.config),
            "schema": str(self.schema),
            "summary": list(self.proposal.summary),
            "columns": [asdict(verdict) for verdict in self.proposal.columns],
        }


@dataclass(frozen=True)
class ExampleResult:
    """What was copied."""

    config: Path
    schema: Path
    tables: tuple[Path, ...]

    def to_json(self) -> dict[str, Any]:
        """The document of `init --example --json`."""
        return {"config": str(self.config), "schema": str(self.schema), "tables": [str(path) for path in self.tables]}


def init(data: str, target: str | None, output: Path, choose_target: ChooseTarget) -> InitResult:
    """Look at the data, and write a configuration and its schema beside it; no other file is written over.

    choose_target : asked for the target where the data has columns and none is named
    """
    schema = output.with_name(SCHEMA_NAME)
    refuse_existing([output], schema)
    found = find_source(data)
    if isinstance(found, TableFound):
        target = target or choose_target(data, found)
    elif target is not None:
        raise UsageError(
            f"--target: {data} has no named columns, so what is predicted goes without saying; leave it out"
        )
    proposal = suggest_config(found, target or "", editor_line(Path(SCHEMA_NAME)))
    # What is written is what training takes: it refuses data that cannot be trained on now, not later.
    read_source(parse_config(proposal.text, str(output), output.stem).dataset)
    save_schema(schema)
    write_file(output, proposal.text.encode())
    return InitResult(output, schema, proposal)


def copy_example(name: str, output: Path | None) -> ExampleResult:
    """Copy an example's configuration here, or to `output`, with the schema beside it and the table that it names."""
    (config, text), *tables = read_example(name).items()
    config = output or config
    schema = config.with_name(SCHEMA_NAME)
    wanting = [(path, content) for path, content in tables if not _is_there(path, content)]
    refuse_existing([config, *(path for path, _ in wanting)], schema)
    for path, content in wanting:
        write_file(path, content)
    save_schema(schema)
    write_file(config, f"{editor_line(Path(SCHEMA_NAME))}\n".encode() + text)
    return ExampleResult(config, schema, tuple(path for path, _ in tables))


def _is_there(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def refuse_existing(files: Sequence[Path], schema: Path) -> None:
    """Raise UsageError where a file is in the way; a schema of mlcli's may be renewed."""
    for path in (*files, *([schema] if not (schema.exists() and is_schema(schema)) else [])):
        refuse_overwriting(path, "name another file with -o, or move it away")
