"""One command's life: resolving its arguments, and turning errors into exit codes."""

from __future__ import annotations

import errno
import importlib
import os
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from mlcli.errors import DataError, MlcliError, ResourceError, UsageError
from mlcli.io.platform import CLOSED_PIPE_CODE, is_closed_pipe
from mlcli.io.signals import signal_received
from mlcli.terminal.screen import Screen

if TYPE_CHECKING:
    from mlcli.config.sections.config import Config
    from mlcli.data.prepare import Prepared
    from mlcli.io.signals import Interruption
    from mlcli.runs.folder import Run

OUT_OF_RESOURCES = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOMEM}

FILE_ENDINGS = (".yaml", ".yml")

Result = TypeVar("Result")


class Session:
    """The context every command runs in; no traceback leaves it.

    is_silent : whether errors are not shown, as by the processes of a training of which the first reports
    """

    def __init__(self, as_json: bool, quiet: bool, verbose: bool = False) -> None:
        self.screen = Screen(quiet=quiet or as_json, as_json=as_json, verbose=verbose and not quiet)
        self.is_silent = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.screen.close()
        if isinstance(error, Exception):
            sys.exit(self._report(error))

    def finish(self, result: Result, show: Callable[[Screen, Result], None], next_command: str = "") -> None:
        """Show a step's result and the command to go on with, or print it as JSON."""
        if self.screen.as_json:
            self.screen.emit(result)
            return
        show(self.screen, result)
        if next_command:
            self.screen.next_step(next_command)

    def config(self, path: Path | None, sets: Sequence[str] | None) -> Config:
        """The configuration meant: the file named, mlcli.yaml here, or the latest run's."""
        from mlcli.config.loading.load import load_config, read_resolved

        if path is None and not Path("mlcli.yaml").is_file():
            return read_resolved(self._latest_config(), sets or (), self.screen)
        return load_config(path or Path("mlcli.yaml"), sets or (), self.screen)

    def training_config(
        self, config: Config, target: Path | str | None, sets: Sequence[str] | None
    ) -> tuple[Config, Prepared]:
        """The configuration with its data; a file's gets settings for the digits used in place of MNIST."""
        from mlcli.data.prepare import prepare_dataset, reads_much

        if not reads_much(config.dataset):
            import_torch_beside()
        prepared = prepare_dataset(config.dataset, config.seed, self.screen)
        is_file = str(target).endswith(FILE_ENDINGS) if target else Path("mlcli.yaml").is_file()
        if prepared.stand_in_for is None or not is_file:
            return config, prepared
        from mlcli.config.loading.load import override_config
        from mlcli.use_cases.train import stand_in_settings

        if values := stand_in_settings(config, sets or ()):
            written = ", ".join(f"{key}={value}" for key, value in values.items())
            self.screen.say(f"Settings for the few rows of {prepared.dataset}: {written} (--set changes them)")
        return override_config(config, values), prepared

    def config_or_run(self, target: str | None, sets: Sequence[str] | None) -> tuple[Config, Run | None]:
        """The configuration meant, a file's or a run's; and the run named, or the latest of the same name."""
        from mlcli.config.loading.load import read_resolved
        from mlcli.runs.folder import find_run, latest_run

        if is_config_file(target):
            config = self.config(Path(target) if target else None, sets)
            return config, latest_run(config.name)
        run = find_run(target)
        return read_resolved(run.config, sets or (), self.screen), run

    def exit_if(self, interruption: Interruption) -> None:
        """Leave with the signal's exit code where one came."""
        if interruption.signal is not None:
            sys.exit(128 + interruption.signal)

    def refuse(self, findings: Sequence[str]) -> None:
        """Raise DataError where --strict is asked for and the data checks warn."""
        if findings:
            raise DataError(f"--strict: the data checks warn: {'; '.join(findings)}")

    def _latest_config(self) -> Path:
        """The latest run's configuration."""
        from mlcli.runs.folder import latest_run

        if (run := latest_run()) is not None:
            self.screen.say(f"Using the configuration of {run}")
            return run.config
        names = sorted(str(path) for path in Path("configs").glob("*.yaml"))
        choice = f"; here are: {', '.join(names)}" if names else ""
        raise UsageError(f"no configuration given, no mlcli.yaml here and no earlier run; name a YAML file{choice}")

    def _report(self, error: Exception) -> int:
        """Print what went wrong; the exit code."""
        if isinstance(error, OSError) and is_closed_pipe(error):
            # Python would complain once more when it flushes stdout at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return CLOSED_PIPE_CODE
        known = known_error(error)
        if known is None and (number := signal_received()) is not None:
            return 128 + number
        shown = known or log_bug(error)
        if not self.is_silent:
            self.screen.error(shown)
        return shown.exit_code


def known_error(error: Exception) -> MlcliError | None:
    """The error in words for the user; None for a bug."""
    match error:
        case MlcliError():
            return error
        case MemoryError():
            return ResourceError("out of memory; use fewer rows, a smaller batch or a smaller network")
        case OSError() if error.errno in OUT_OF_RESOURCES:
            return ResourceError(f"{error.filename or 'writing'}: {error.strerror}; free space or permission")
        case RuntimeError() if "can't allocate memory" in str(error) or "out of memory" in str(error):
            return ResourceError("out of memory; use a smaller batch or a smaller network")
    return None


def log_bug(error: Exception) -> MlcliError:
    """Write the traceback to a temporary file; the error that names the file."""
    import tempfile

    with tempfile.NamedTemporaryFile("w", prefix="mlcli-", suffix=".log", delete=False, encoding="utf-8") as log:
        traceback.print_exception(error, file=log)
    summary = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}"
    return MlcliError(f"this is a bug in mlcli ({summary}); the traceback is in {log.name}")


def is_config_file(target: str | None) -> bool:
    """Whether the target means a configuration file, not a run; so it does where nothing is named."""
    return target is None or target.endswith(FILE_ENDINGS)


def import_torch_beside() -> None:
    """Begin to import torch, which is slow, in another thread."""
    threading.Thread(target=importlib.import_module, args=("torch",), daemon=True).start()
