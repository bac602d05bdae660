"""`mlcli init`: a configuration for the user's data, or a copy of an example."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlcli.config.loading.load import MAX_BYTES, load_config, parse_config
from mlcli.config.reference.json_schema import SCHEMA_NAME, editor_line, is_schema, save_schema
from mlcli.config.sections.config import Config
from mlcli.data.readers.compression import ZIP, unpack
from mlcli.data.sources import read_source
from mlcli.data.tables.types import Doubt
from mlcli.errors import ConfigError, DataError, UsageError, config_error
from mlcli.io.atomic import write_file
from mlcli.io.network import download_once
from mlcli.io.paths import HTTPS, download_path, refuse_overwriting
from mlcli.io.text import nearest, some_of
from mlcli.reporter import SILENT, Reporter
from mlcli.suggest import MINUTES
from mlcli.suggest.columns import ColumnRole
from mlcli.suggest.source import TableFound, find_source
from mlcli.suggest.suggest_config import SuggestedConfig, suggest_config

PACKAGE = Path(__file__).parent.parent
DEFAULT_OUTPUT = Path("mlcli.yaml")
# Name of a table that comes from stdin or the clipboard, and the suffix by its first bytes.
TABLE = "table"
_STARTS = {b"PAR1": ".parquet", b"\xd0\xcf\x11\xe0": ".xls", b"{": ".jsonl"}

ChooseTarget = Callable[[str, TableFound], str]


@dataclass(frozen=True)
class InitResult:
    """What was written, and why."""

    config: Path
    schema: Path
    summary: tuple[str, ...]
    columns: tuple[ColumnRole, ...]
    doubts: tuple[Doubt, ...]


@dataclass(frozen=True)
class ExampleResult:
    """What was copied."""

    config: Path
    schema: Path
    tables: tuple[Path, ...]


def init(
    data: str,
    target: str | None,
    output: Path,
    choose_target: ChooseTarget,
    minutes: float = MINUTES,
    reporter: Reporter = SILENT,
) -> InitResult:
    """Inspect the data, and write a configuration and its schema; no other file is overwritten.

    minutes       : that training a table may take
    choose_target : called for the target where the data has columns and none is named
    """
    schema = output.with_name(SCHEMA_NAME)
    refuse_existing([output], schema)
    sha256 = download_once(data, download_path(data), None, reporter) if data.startswith(HTTPS) else None
    found = find_source(data)
    if sha256 is not None:
        found = replace(found, keys=found.keys | {"sha256": sha256})
    if isinstance(found, TableFound):
        target = target or choose_target(data, found)
    elif target is not None:
        raise UsageError(f"--target: {data} has no named columns, and its labels are the target; leave the option out")
    suggested = suggest_config(found, target or "", editor_line(Path(SCHEMA_NAME)), minutes)
    # Reading the data as training will refuses now what training would refuse later.
    cleaning = read_source(_written(suggested, data, output).dataset).cleaning
    save_schema(schema)
    write_file(output, suggested.text.encode())
    return InitResult(output, schema, suggested.summary, suggested.columns, cleaning.doubts if cleaning else ())


def keep_table(content: bytes, label: str, save: Path | None, output: Path, reporter: Reporter) -> Path:
    """Write a table that is in no file yet, unpacked, so that training can read it: to `save`, or beside the output.

    label : where it comes from, for messages. Raises UsageError where another file would be overwritten.
    """
    table = bytes(unpack(content, label))
    if not table.strip():
        raise DataError(f"{label}: there is nothing; expected a table with its header")
    path = save or output.with_name(f"{TABLE}{_suffix_of(table)}")
    if not (path.is_file() and path.read_bytes() == table):
        refuse_overwriting(path, "name another file with --save, or move it away")
        write_file(path, table)
    reporter.say(f"Table: {path}, as it came from {label}")
    return path


def _suffix_of(table: bytes) -> str:
    """By how the file begins; delimited text where nothing else is known."""
    if table.startswith(ZIP):
        return ".ods" if b"opendocument" in table[:200] else ".xlsx"
    return next((suffix for start, suffix in _STARTS.items() if table.lstrip().startswith(start)), ".csv")


def _written(suggested: SuggestedConfig, data: str, output: Path) -> Config:
    """The configuration as it will be read; DataError where it would have to name too many columns."""
    try:
        if len(suggested.text.encode()) > MAX_BYTES:
            raise config_error("", f"it would be larger than {MAX_BYTES >> 20} MiB")
        return parse_config(suggested.text, str(output), output.stem)
    except ConfigError as error:
        dropped = some_of([role.name for role in suggested.columns if role.use == "drop"], 3)
        raise DataError(
            f"{data}: a configuration cannot name so many columns ({error.problems[0].message}); leave out of the file "
            f"what is not a feature: {dropped}"
        ) from error


def examples_folder() -> Path:
    """Where configs/ and data/ are: in the installed package, or beside it where mlcli runs from its sources."""
    installed = PACKAGE / "examples"
    return installed if installed.is_dir() else PACKAGE.parent


def example_names() -> tuple[str, ...]:
    """Names of the examples."""
    return tuple(sorted(path.stem for path in (examples_folder() / "configs").glob("*.yaml")))


def read_example(name: str) -> dict[Path, bytes]:
    """Contents of an example's configuration, then of the table that it names, by the path to write them to.

    Raises UsageError for an unknown name.
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


def copy_example(name: str, output: Path | None) -> ExampleResult:
    """Copy an example's configuration here, or to `output`, with the schema beside it and the table that it names."""
    (config, text), *tables = read_example(name).items()
    config = output or config
    schema = config.with_name(SCHEMA_NAME)
    missing = [one for one in tables if not (one[0].is_file() and one[0].read_bytes() == one[1])]
    refuse_existing([config, *(path for path, _ in missing)], schema)
    for path, content in missing:
        write_file(path, content)
    save_schema(schema)
    write_file(config, f"{editor_line(Path(SCHEMA_NAME))}\n".encode() + text)
    return ExampleResult(config, schema, tuple(path for path, _ in tables))


def refuse_existing(files: Sequence[Path], schema: Path) -> None:
    """Raise UsageError where a file exists already; a schema of mlcli may be overwritten."""
    for path in (*files, *([schema] if not (schema.exists() and is_schema(schema)) else [])):
        refuse_overwriting(path, "name another file with -o, or move it away")
