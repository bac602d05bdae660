"""One command's life: resolving its arguments, and turning errors into exit codes."""

from __future__ import annotations

import errno
import importlib
import os
import re
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from mlcli.errors import BoundMissedError, DataError, MlcliError, ResourceError, UsageError
from mlcli.io.paths import free_path, refuse_overwriting
from mlcli.io.platform import CLOSED_PIPE_CODE, is_closed_pipe
from mlcli.io.signals import signal_received
from mlcli.terminal.screen import Screen

if TYPE_CHECKING:
    from mlcli.config.sections.config import Config
    from mlcli.data.prepare import Prepared
    from mlcli.io.signals import Interruption
    from mlcli.playground.state import PlayRequest, PlayState
    from mlcli.runs.bundle_manifest import BundleManifest, PredictionInput
    from mlcli.runs.folder import Run

OUT_OF_RESOURCES = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOMEM}

# By these a configuration is told from a run.
FILE_ENDINGS = (".yaml", ".yml")


Result = TypeVar("Result")


class Session:
    """The context every command runs in; no traceback leaves it."""

    def __init__(self, as_json: bool, quiet: bool, verbose: bool = False) -> None:
        self.screen = Screen(quiet=quiet or as_json, as_json=as_json, verbose=verbose and not quiet)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.screen.close()
        if not isinstance(error, Exception):
            return
        sys.exit(self._explain(error))

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

        if path is None:
            path = Path("mlcli.yaml")
            if not path.is_file():
                return read_resolved(self._latest_config(), sets or ())
        return load_config(path, sets or ())

    def configs(self, paths: Sequence[Path] | None, sets: Sequence[str] | None) -> list[Config]:
        """The configurations named or, with none named, mlcli.yaml here and all in configs/."""
        from mlcli.config.loading.load import load_config

        found = paths or [*Path().glob("mlcli.yaml"), *sorted(Path("configs").glob("*.yaml"))]
        if not found:
            raise UsageError("no configuration given, and neither mlcli.yaml nor configs/*.yaml here; name a YAML file")
        return [load_config(path, sets or ()) for path in found]

    def prepared(self, config: Config) -> Prepared:
        """The config's data, made ready while torch is imported."""
        _import_torch_beside()
        from mlcli.data.prepare import prepare_dataset

        return prepare_dataset(config.dataset, config.seed, self.screen)

    def training_config(
        self, config: Config, target: Path | str | None, sets: Sequence[str] | None
    ) -> tuple[Config, Prepared]:
        """The configuration with its data; where digits stand in, a file's gets the values that they need."""
        prepared = self.prepared(config)
        if prepared.stand_in_for is None or not _is_file(target):
            return config, prepared
        from mlcli.config.loading.load import override_config
        from mlcli.use_cases.train import stand_in_settings

        if values := stand_in_settings(config, sets or ()):
            written = ", ".join(f"{key}={value}" for key, value in values.items())
            self.screen.say(f"Settings for the few rows of {prepared.dataset}: {written} (--set changes them)")
        return override_config(config, values), prepared

    def game(self, asked: PlayRequest) -> PlayState:
        """What is to be played; torch is imported from here on."""
        from mlcli.playground.state import start_play

        state = start_play(asked, self.screen)
        _import_torch_beside()
        return state

    def run(self, spec: str | None) -> Run:
        """The run named, or the latest."""
        from mlcli.runs.folder import find_run

        return find_run(spec)

    def config_or_run(self, target: str | None, sets: Sequence[str] | None) -> tuple[Config, Run | None]:
        """The configuration meant, a file's or a run's; and the run named, or the latest of the same name."""
        from mlcli.config.loading.load import read_resolved
        from mlcli.runs.folder import find_run, latest_run

        if target is None or target.endswith(FILE_ENDINGS):
            config = self.config(Path(target) if target else None, sets)
            return config, latest_run(config.name)
        run = find_run(target)
        return read_resolved(run.config, sets or ()), run

    def trained_on(self, target: str | None) -> str | None:
        """Fingerprint of the data that the run named was trained on; None for a file, or where nothing is named."""
        if target is None or target.endswith(FILE_ENDINGS):
            return None
        return self.run(target).read_manifest().data_fingerprint

    def next_config(self, target: str | None, config: Config, output: Path | None) -> Path:
        """The file for the configuration that follows `config`: the one named, or the first free NAME-next.yaml.

        It lies beside the file of the configuration, or here for a run's. Raises UsageError where the one named exists.
        """
        if output is not None:
            refuse_overwriting(output)
            return output
        is_file = target is not None and target.endswith(FILE_ENDINGS)
        stem = Path(target).with_suffix("") if is_file and target is not None else Path(config.name)
        name = re.sub(r"-next(-\d+)?$", "", stem.name)
        return free_path(stem.with_name(f"{name}-next.yaml"))

    def resumable(self, spec: str | None, config: Path | None) -> Run:
        """The run to resume: the one named, else the latest of the config's name, else the latest of all."""
        if spec is None and config is not None:
            spec = self.config(config, ()).name
        return self.run(spec)

    def outline(self, spec: str | None) -> tuple[BundleManifest, Run | None]:
        """The bundle's outline, and the run it lies in when it has one; torch is imported from here on."""
        from mlcli.runs.folder import find_bundle, is_run, open_run

        folder = find_bundle(spec)
        _import_torch_beside()
        from mlcli.runs.bundle_manifest import read_bundle_manifest

        return read_bundle_manifest(folder), open_run(folder.parent) if is_run(folder.parent) else None

    def given(self, outline: BundleManifest, source: str, input_format: str | None) -> PredictionInput:
        """The rows to predict."""
        from mlcli.runs.bundle_manifest import read_prediction_input

        return read_prediction_input(outline, source, input_format)

    def exit_if(self, interruption: Interruption) -> None:
        """Leave with the signal's exit code where one came."""
        if interruption.signal is not None:
            sys.exit(128 + interruption.signal)

    def require(self, misses: Sequence[str]) -> None:
        """Raise BoundMissedError where a --fail-under bound was missed."""
        if misses:
            raise BoundMissedError("; ".join(misses))

    def refuse(self, findings: Sequence[str]) -> None:
        """Raise DataError where --strict is asked for and something was found in the data."""
        if findings:
            raise DataError(f"--strict: the checks of the data warn: {'; '.join(findings)}")

    def _latest_config(self) -> Path:
        """The latest run's configuration."""
        from mlcli.runs.folder import latest_run

        if (run := latest_run()) is not None:
            self.screen.say(f"Using the configuration of {run}")
            return run.config
        names = sorted(str(path) for path in Path("configs").glob("*.yaml"))
        choice = f"; here are: {', '.join(names)}" if names else ""
        raise UsageError(f"no configuration given, no mlcli.yaml here and no earlier run; name a YAML file{choice}")

    def _explain(self, error: Exception) -> int:
        """Tell the user what went wrong; the exit code that says so."""
        match error:
            case MlcliError():
                self.screen.error(error)
                return error.exit_code
            case OSError() if is_closed_pipe(error):
                # Python would complain once more when it flushes stdout at exit.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                return CLOSED_PIPE_CODE
            case MemoryError():
                return self._out_of_resources("out of memory; use fewer rows, a smaller batch or a smaller network")
            case OSError() if error.errno in OUT_OF_RESOURCES:
                return self._out_of_resources(
                    f"{error.filename or 'writing'}: {error.strerror}; free space or permission"
                )
            case RuntimeError() if "can't allocate memory" in str(error) or "out of memory" in str(error):
                return self._out_of_resources("out of memory; use a smaller batch or a smaller network")
        if (number := signal_received()) is not None:
            return 128 + number
        return self._report_bug(error)

    def _out_of_resources(self, message: str) -> int:
        self.screen.error(ResourceError(message))
        return ResourceError.exit_code

    def _report_bug(self, error: Exception) -> int:
        import tempfile

        with tempfile.NamedTemporaryFile("w", prefix="mlcli-", suffix=".log", delete=False, encoding="utf-8") as log:
            traceback.print_exception(error, file=log)
        summary = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}"
        self.screen.error(MlcliError(f"this is a bug in mlcli ({summary}); the traceback is in {log.name}"))
        return MlcliError.exit_code


def _is_file(target: Path | str | None) -> bool:
    """Whether the configuration meant is one that a user wrote, not a run's."""
    return str(target).endswith(FILE_ENDINGS) if target else Path("mlcli.yaml").is_file()


def _import_torch_beside() -> None:
    """Begin to import torch, which is slow and needs no data, beside what this thread goes on to do."""
    threading.Thread(target=importlib.import_module, args=("torch",), daemon=True).start()
