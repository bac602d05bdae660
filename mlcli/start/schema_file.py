"""The JSON Schema as a file beside the configurations, where an editor finds it without a network."""

from pathlib import Path

from mlcli.config.json_schema import TITLE, schema_text
from mlcli.errors import ResourceError, UsageError
from mlcli.files import write_file

SCHEMA_NAME = "mlcli.schema.json"


def editor_line(schema: Path) -> str:
    """The comment by which editors with a YAML language server find the schema; it heads a configuration."""
    return f"# yaml-language-server: $schema={schema}"


def save_schema(path: Path) -> None:
    """Write the schema, in the place of an earlier one. Raises UsageError where anything else is there."""
    if path.exists() and not is_schema(path):
        raise UsageError(f"{path} exists, and nothing is written over; name another file with -o")
    write_file(path, schema_text().encode())


def is_schema(path: Path) -> bool:
    """Whether a file is a schema of some version of mlcli."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return TITLE in file.read(500)
    except IsADirectoryError:
        return False
    except OSError as error:
        raise ResourceError(f"{path}: cannot be read: {error.strerror or error}") from error
