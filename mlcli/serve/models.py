"""The models of a server, by name: loaded, and loaded again when their files change, without losing a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from mlcli.data.tables.types import Dataset
from mlcli.errors import MlcliError, UsageError
from mlcli.evaluation.shapley import draw_background, name_parts
from mlcli.reporter import Reporter
from mlcli.runs.bundle import Bundle, load_weights
from mlcli.runs.bundle_manifest import BundleManifest, read_bundle_manifest
from mlcli.runs.folder import BUNDLE_FILE, Run, find_bundle, is_run, open_run
from mlcli.runs.rows import prepare_data_of
from mlcli.serve.errors import UNAVAILABLE, RequestError
from mlcli.serve.plain import PlainRows

Stamp = tuple[str, int, int]


@dataclass(frozen=True, eq=False)
class ServedModel:
    """A model under the name by which requests name it.

    spec       : what the user named it by; a bare name of runs means the latest of them
    run        : the one that the bundle belongs to, when it has one
    stamp      : of its files, which differs once they are others
    background : rows that contributions are told against, once they have been drawn
    """

    name: str
    spec: str | None
    manifest: BundleManifest
    bundle: Bundle
    run: Run | None
    stamp: Stamp
    background: list[Dataset] = field(default_factory=list)

    @cached_property
    def plain(self) -> PlainRows:
        """Which rows need no reading."""
        return PlainRows(self.manifest.rows, self.manifest.config.dataset)

    @property
    def version(self) -> str:
        """The number of the run; 1 for a bundle without its run."""
        return str(self.run.number or 1) if self.run else "1"

    @property
    def source(self) -> str:
        """What was loaded, for people."""
        return str(self.run or self.manifest.folder)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(height, width[, channels]) of the images; empty for rows of a table."""
        return self.manifest.rows.image_shape

    def rows_to_compare(self, reporter: Reporter) -> Dataset:
        """Training rows, drawn at the first call. Raises RequestError where they cannot be had."""
        if not self.background:
            self.background.append(self._draw(reporter))
        return self.background[0]

    def _draw(self, reporter: Reporter) -> Dataset:
        refused = RequestError(
            UNAVAILABLE,
            "explain",
            "a model whose training rows are not at hand here",
            "a run with its data",
            "leave explain out, or serve the run in place of its bundle",
        )
        if self.run is None:
            raise refused
        try:
            train = prepare_data_of(self.run, reporter).splits.train
        except MlcliError as error:
            reporter.warn(f"{self.name}: contributions are not told: {error}")
            raise refused from error
        return draw_background(train, len(name_parts(train)), self.bundle.config.seed)


def parse_models(words: Sequence[str]) -> tuple[tuple[str | None, str | None], ...]:
    """Name and run of each of RUN or NAME=RUN; the latest run where there are no words."""
    pairs = [word.split("=", 1) if "=" in word and not Path(word).exists() else [None, word] for word in words]
    for name, _ in pairs:
        if name is not None and not is_name(name):
            raise UsageError(f"{name!r} is no name of a model; use letters, digits, '_', '-' and '.'")
    return tuple((name, spec) for name, spec in pairs) or ((None, None),)


def is_name(text: str) -> bool:
    """Whether a text can stand in an address as it is."""
    return bool(text) and text.isascii() and all(one.isalnum() or one in "_-." for one in text) and text[0] != "."


def load_model(name: str | None, spec: str | None) -> ServedModel:
    """The model of a run or bundle, by default under the name of its runs. Raises UsageError and ArtefactError."""
    folder = find_bundle(spec)
    stamp = _stamp(folder)
    manifest = read_bundle_manifest(folder)
    run = open_run(folder.parent) if is_run(folder.parent) else None
    called = name or (run.name if run else folder.resolve().name)
    if not is_name(called):
        raise UsageError(f"{spec}: {called!r} cannot stand in an address; name the model: NAME={spec}")
    return ServedModel(called, spec, manifest, load_weights(manifest), run, stamp)


def load_models(pairs: Sequence[tuple[str | None, str | None]]) -> dict[str, ServedModel]:
    """All models by name. Raises UsageError where two have one name."""
    models: dict[str, ServedModel] = {}
    for name, spec in pairs:
        model = load_model(name, spec)
        if model.name in models:
            raise UsageError(f"two models are called {model.name!r}; name one of them: NAME={spec}")
        models[model.name] = model
    return models


def reload_changed(models: Mapping[str, ServedModel], failed: set[Stamp], reporter: Reporter) -> dict[str, ServedModel]:
    """Those whose files are others now, loaded anew; one that cannot be loaded stays as it is, and is told once.

    failed : stamps of files that could not be loaded, added to here
    """
    changed = {}
    for model in models.values():
        stamp = None
        try:
            stamp = _stamp(find_bundle(model.spec))
            if stamp != model.stamp and stamp not in failed:
                new = load_model(model.name, model.spec)
                changed[model.name] = replace(new, spec=model.spec)
        except (MlcliError, OSError) as error:
            if stamp not in failed:
                reporter.warn(f"{model.name}: not loaded again, the model of before is served: {error}")
            failed.update([] if stamp is None else [stamp])
    return changed


def _stamp(folder: Path) -> Stamp:
    """The folder, and when its bundle was written."""
    found = (folder / BUNDLE_FILE).stat()
    return str(folder.resolve()), found.st_mtime_ns, found.st_ino
