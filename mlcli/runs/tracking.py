"""`training.track`: a training's epochs in TensorBoard's files or on an MLflow server, where it is asked for.

Neither is needed for anything else: `mlcli runs` reads the run's folder.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from mlcli.config.loading.dump import changes_of, dump_briefly, show_setting
from mlcli.config.sections.config import Config
from mlcli.config.tree import KeyPath, Value, dotted
from mlcli.errors import ResourceError, UsageError
from mlcli.io.network import offline
from mlcli.reporter import Reporter
from mlcli.runs.bundle import portable_config
from mlcli.runs.folder import Run
from mlcli.training.callbacks import Callback
from mlcli.training.context import TrainingContext
from mlcli.training.state import EpochRecord, Stopped, TrainingState

ADDRESS = "MLFLOW_TRACKING_URI"
# Seconds between two messages to a server, which would else be one an epoch.
FLUSH_SECONDS = 1.0
# The most that MLflow takes at once, and letters of a parameter.
BATCH, LONGEST = 1_000, 500
LOOPBACK = ("localhost", "127.0.0.1", "::1")
# How MLflow calls the end of a run.
ENDINGS = {"finished": "FINISHED", "early": "FINISHED", "interrupted": "KILLED", "diverged": "FAILED"}
# A server that does not answer must not stop a training for minutes; MLflow reports no use of itself to anybody, and
# writes nothing into what `--json` prints.
PATIENCE = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


def tracked(config: Config, run: Run, reporter: Reporter, callbacks: Sequence[Callback]) -> list[Callback]:
    """The callbacks, after that of `training.track`; raises UsageError as `require_tracking` does."""
    match config.training.track:
        case "tensorboard":
            return [TensorBoard(config, run), *callbacks]
        case "mlflow":
            return [MlflowTracker(config, run, reporter), *callbacks]
    return list(callbacks)


def require_tracking(config: Config) -> None:
    """Raise UsageError where what `training.track` needs is not there, before a run is made."""
    if config.training.track == "tensorboard":
        _summary_writer()
    if config.training.track == "mlflow":
        _require_address()
        _mlflow()


def _summary_writer() -> Any:  # noqa: ANN401
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        text = "training.track: tensorboard is not installed; run: pip install 'mlcli[tensorboard]'"
        raise UsageError(text) from error
    return SummaryWriter


def _mlflow() -> Any:  # noqa: ANN401
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    try:
        import mlflow
    except ImportError as error:
        text = "training.track: mlflow is not installed; run: pip install 'mlcli[mlflow]'"
        raise UsageError(text) from error
    return mlflow


def scalars_of(record: EpochRecord) -> dict[str, float]:
    """An epoch's numbers by name."""
    numbers = {"loss/train": record.train_loss, "lr": record.lr}
    if record.valid_loss is not None:
        numbers["loss/valid"] = record.valid_loss
    return numbers | {f"{name}/valid": value for name, value in record.valid_metrics.items()}


def settings_of(config: Config) -> dict[str, str]:
    """The keys that differ from their defaults, without places of this machine and logins."""
    changed = changes_of(portable_config(config))
    return {dotted(path): show_setting(value)[:LONGEST] for path, value in _flat(changed, ())}


def _flat(values: Mapping[str, Value], above: KeyPath) -> Iterator[tuple[KeyPath, Value]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, (*above, key))
        else:
            yield (*above, key), value


class TensorBoard(Callback):
    """Event files in the run's folder: `tensorboard --logdir runs`."""

    def __init__(self, config: Config, run: Run) -> None:
        self.open = _summary_writer()
        self.folder = str(run.folder / "tensorboard")
        self.settings = dump_briefly(changes_of(portable_config(config)))

    def on_train_begin(self, context: TrainingContext, state: TrainingState) -> None:
        # What was written after the checkpoint that a resumed run goes on from is not shown.
        self.writer = self.open(self.folder, purge_step=state.epoch + 1 if state.epoch else None)
        self.writer.add_text("config", f"```yaml\n{self.settings}\n```", state.epoch)

    def on_epoch_end(self, context: TrainingContext, state: TrainingState, record: EpochRecord) -> None:
        for name, value in scalars_of(record).items():
            self.writer.add_scalar(name, value, record.epoch)

    def on_train_end(self, context: TrainingContext, state: TrainingState, stopped: Stopped) -> None:
        self.writer.close()


class MlflowTracker(Callback):
    """A run on the server, or in the database, that the environment variable MLFLOW_TRACKING_URI names.

    Its address may have a login, which is never shown. An experiment has the configuration's name. A server that
    cannot be reached ends the command before the first epoch; later, it is warned of once and training goes on.
    """

    def __init__(self, config: Config, run: Run, reporter: Reporter) -> None:
        self.place, self.mlflow = _require_address(), _mlflow()
        self.config, self.run, self.reporter = config, run, reporter
        self.client: Any = None
        self.waiting: list[Any] = []
        self.sent_at = 0.0

    def on_train_begin(self, context: TrainingContext, state: TrainingState) -> None:
        try:
            self.client = self.mlflow.MlflowClient()
            self.run_id = self._open_run()
            for record in state.history:
                self._add(record)
            self._send()
        except Exception as error:
            raise ResourceError(f"{self._failure(error)}; start it, or leave out training.track") from None

    def on_epoch_end(self, context: TrainingContext, state: TrainingState, record: EpochRecord) -> None:
        self._add(record)
        if time.monotonic() - self.sent_at >= FLUSH_SECONDS:
            self._attempt(self._send)

    def on_train_end(self, context: TrainingContext, state: TrainingState, stopped: Stopped) -> None:
        self._attempt(self._send)
        self._attempt(lambda: self.client.set_terminated(self.run_id, ENDINGS[stopped]))

    def _open_run(self) -> str:
        """The server's run of this run, which a resume goes on with; or a new one."""
        name, created = self.config.name, self.run.read_manifest().created
        found = self.client.get_experiment_by_name(name)
        experiment = found.experiment_id if found is not None else self.client.create_experiment(name)
        earlier = self.client.search_runs([experiment], f"tags.`mlcli.created` = '{created}'", max_results=1)
        if earlier:
            self.client.update_run(earlier[0].info.run_id, status="RUNNING")
            return str(earlier[0].info.run_id)
        label = f"{self.run.name}/{self.run.folder.name}"
        new = self.client.create_run(experiment, run_name=label, tags={"mlcli.run": label, "mlcli.created": created})
        settings = [self.mlflow.entities.Param(key, value) for key, value in settings_of(self.config).items()]
        self.client.log_batch(new.info.run_id, params=settings)
        return str(new.info.run_id)

    def _add(self, record: EpochRecord) -> None:
        now = int(time.time() * 1000)
        pairs = scalars_of(record).items()
        self.waiting += [self.mlflow.entities.Metric(name, value, now, record.epoch) for name, value in pairs]

    def _send(self) -> None:
        while self.waiting:
            self.client.log_batch(self.run_id, metrics=self.waiting[:BATCH])
            del self.waiting[:BATCH]
        self.sent_at = time.monotonic()

    def _attempt(self, action: Any) -> None:  # noqa: ANN401
        """Do it unless the server has failed before; a failure is warned of, and the last one."""
        if self.client is None:
            return
        try:
            action()
        except Exception as error:
            self.client = None
            self.reporter.warn(f"{self._failure(error)}; this training is tracked no further")

    def _failure(self, error: Exception) -> str:
        """Without the error's text, which has the address with its login."""
        return f"training.track: mlflow at {self.place} cannot be used ({type(error).__name__})"


def _require_address() -> str:
    """The place that the environment names, without its login; raises UsageError where there is none."""
    address = os.environ.get(ADDRESS, "")
    if not address:
        raise UsageError(
            f"training.track: mlflow needs {ADDRESS} in the environment: the address of a server, such as "
            "http://127.0.0.1:5000, or of a database, such as sqlite:///mlflow.db"
        )
    parts = urlsplit(address)
    if parts.scheme in ("http", "https", "databricks") and parts.hostname not in LOOPBACK and offline():
        raise UsageError("training.track: no MLflow server is contacted while MLCLI_OFFLINE is set")
    return f"{parts.scheme or 'file'}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"
