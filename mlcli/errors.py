"""Every error a user can cause, each with its exit code."""

from collections.abc import Sequence
from dataclasses import dataclass


class MlcliError(Exception):
    """Base of all expected errors; anything else that escapes is a bug (exit 1)."""

    exit_code = 1


class MlcliWarning(UserWarning):
    """What a user of the Python interface should not miss; the command line prints it."""


class UsageError(MlcliError):
    """A wrong command line: unknown option, missing argument, no such run."""

    exit_code = 2


@dataclass(frozen=True)
class Problem:
    """One error in a configuration.

    path          : of the key; empty for the whole file, or the whole line
    source        : file or option; empty where the key was found wrong after the file was read
    line, column  : count from 1 and are None for values that came from `--set`
    """

    path: str
    message: str
    source: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        place = self.source if self.line is None else f"{self.source}:{self.line}:{self.column}"
        said_already = place.startswith(f"--set {self.path}=")
        where = place if said_already else f"{place} {self.path}".strip()
        return f"{where}: {self.message}"


class ConfigError(MlcliError):
    """A configuration with one or more problems, all reported together."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class DataError(MlcliError):
    """Data that is absent, malformed or does not fit the configuration."""

    exit_code = 3


class UnreachableError(DataError):
    """Data that is to be downloaded, and cannot be had."""


class ArtefactError(MlcliError):
    """A checkpoint, bundle or run that is corrupt, unsafe or of an incompatible version."""

    exit_code = 4


class LockedError(MlcliError):
    """The run is in use by another process."""

    exit_code = 5


class DivergedError(MlcliError):
    """Training met a non-finite loss."""

    exit_code = 6


class ResourceError(MlcliError):
    """Out of disk, memory or permission."""

    exit_code = 7


class BoundMissedError(MlcliError):
    """A `--fail-under` bound was not reached."""

    exit_code = 8


class ProcessesError(MlcliError):
    """Of the processes of one training, one ended, did not answer, or computed something else than the others."""

    exit_code = 9


def config_error(path: str, message: str) -> ConfigError:
    """A configuration that its data, or this machine, does not allow; found after the file was read."""
    return ConfigError([Problem(path, message, source="")])
