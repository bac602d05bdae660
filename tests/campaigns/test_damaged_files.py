"""Flipped bits and cut files: whatever mlcli reads back is whole, or is never used."""

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from mlcli.cli.app import main
from mlcli.config.loading.load import load_config
from mlcli.data.prepare import prepare_dataset
from mlcli.data.tables.types import Table
from mlcli.errors import ArtefactError
from mlcli.io import disk
from mlcli.io.json import strict_json
from mlcli.io.tensors import pack
from mlcli.reporter import Silent
from mlcli.runs.bundle import load_bundle
from mlcli.runs.checkpoint import load_checkpoint
from mlcli.runs.predictions import load_predictions
from mlcli.training.inputs import gather_inputs
from mlcli.use_cases import evaluate

TABLE = """
dataset: {name: csv, path: t.csv, target: y, split: {test: 8, valid: 8}}
features: {encode: embedding, indicator: true}
model: {hidden: [3], dropout: 0.1}
optimizer: {name: adam, schedule: {name: plateau}}
training: {epochs: 3, batch_size: 8, checkpoint_seconds: 0}
"""
PICTURES = "dataset: {name: idx, images: x.idx, labels: y.idx}\n"


@dataclass
class Listener(Silent):
    """Keeps the warnings."""

    warnings: list[str] = field(default_factory=list)

    def warn(self, text):
        self.warnings.append(text)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a run, its two checkpoints, bundle and kept predictions, and two prepared datasets."""
    folder = tmp_path_factory.mktemp("trained")
    rows = (f"{i % 7 or ''},{i * 0.37:.2f},{'abc'[i % 3]},{'no' if i % 4 else 'yes'}" for i in range(40))
    (folder / "t.csv").write_text("a,b,c,y\n" + "\n".join(rows) + "\n")
    (folder / "t.yaml").write_text(TABLE)
    (folder / "p.yaml").write_text(PICTURES)
    pixels = np.random.default_rng(0).integers(0, 256, (30, 4, 4), dtype=np.uint8)
    (folder / "x.idx").write_bytes(b"\0\0\x08\x03" + np.array([30, 4, 4], ">u4").tobytes() + pixels.tobytes())
    (folder / "y.idx").write_bytes(b"\0\0\x08\x01" + np.array([30], ">u4").tobytes() + bytes(i % 2 for i in range(30)))
    with inside(folder):
        for command in (
            ["train", "t.yaml"],
            ["evaluate", "t", "-S", "evaluation.baselines=none"],
            ["prepare", "p.yaml"],
        ):
            with pytest.raises(SystemExit) as leaving:
                main([*command, "--quiet"])
            assert not leaving.value.code
    return folder


@pytest.fixture
def here(trained):
    """The working directory is that folder; what is not asked for is not synced."""
    with inside(trained):
        yield trained


@contextlib.contextmanager
def inside(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in ("MLCLI_DATA_DIR", "MLCLI_RUNS_DIR", "MLCLI_PREPARED_DIR"):
            patch.delenv(name, raising=False)
        patch.setattr(disk, "sync", lambda path: None)
        patch.setattr(evaluate, "draw_gallery", lambda subject: {})
        yield


def read_bundle(folder):
    """All that a bundle holds."""
    bundle = load_bundle(folder)
    state, numbers = bundle.features.to_state()
    return bits({**bundle.model.weights, **numbers}), bundle.config, bundle.task, state, bundle.facts


def read_checkpoint(folder):
    """All that the checkpoint taken holds; a warning is told where it is not the newest."""
    listener = Listener()
    found = load_checkpoint(folder.parent, listener)
    tensors = dict(found.model)
    rest = pack({"optimizer": found.optimizer, "progress": found.progress}, tensors)
    return found.step, bits(tensors), str(rest), len(listener.warnings)


def read_predictions(folder):
    """All that was kept of an evaluation."""
    kept = load_predictions(folder.parent)
    found = kept.predictions
    arrays = (kept.truth, found.values, found.scores, found.probabilities)
    return kept.split, kept.rows, kept.task, [array.tolist() for array in arrays]


def read_table(folder):
    return read_prepared("t.yaml")


def read_pictures(folder):
    return read_prepared("p.yaml")


def read_prepared(config):
    """The rows of each split and the profile."""
    listener = Listener()
    prepared = prepare_dataset(load_config(Path(config)).dataset, 0, listener)
    assert prepared.reused == (not listener.warnings)
    rows = [prepared.splits[name] for name in ("train", "valid", "test")]
    cells = [one.frame.rows() if isinstance(one, Table) else (one.pixels.tolist(), one.labels.tolist()) for one in rows]
    return cells, [columns(one) for one in rows], strict_json(prepared.profile)


def columns(rows):
    return (rows.features, rows.targets) if isinstance(rows, Table) else rows.class_names


def read_features(folder):
    state, numbers = gather_inputs(load_config(Path("t.yaml")), Listener()).features.to_state()
    return strict_json(state), bits(numbers)


def bits(tensors):
    return {name: (str(t.dtype), tuple(t.shape), np.asarray(t).tobytes()) for name, t in tensors.items()}


@dataclass(frozen=True)
class Artefact:
    """Something on disk: where it is, how it is read, and what reading it must give when it is damaged.

    fallback : what is taken instead of a damaged one; None where it is refused
    """

    folder: Path
    read: Callable[[Path], object]
    whole: object
    fallback: object


ARTEFACTS = {
    "bundle": ("runs/t/001/model", read_bundle),
    "checkpoint": ("runs/t/001/checkpoints/step-*9", read_checkpoint),
    "predictions": ("runs/t/001/evaluation/predictions", read_predictions),
    "prepared table": ("data/prepared/t-????????????", read_table),
    "prepared pictures": ("data/prepared/x-????????????", read_pictures),
    "features": ("data/prepared/t-*-features-*", read_features),
}


@pytest.fixture(params=ARTEFACTS)
def artefact(request, here):
    pattern, read = ARTEFACTS[request.param]
    (folder,) = here.glob(pattern)
    whole = read(folder)
    match request.param:
        case "bundle" | "predictions":
            return Artefact(folder, read, whole, None)
        case "checkpoint":
            with moved_away(folder):
                step, *older = read(folder)
            assert step == whole[0] - 3
            return Artefact(folder, read, whole, (step, *older[:-1], 1))
        case _:  # made anew
            return Artefact(folder, read, whole, whole)


@contextlib.contextmanager
def moved_away(folder):
    folder.rename(folder.with_name("elsewhere"))
    yield
    folder.with_name("elsewhere").rename(folder)


def strike(artefact, path, damaged):
    """Read with damaged bytes in the place of a file's; tells what came of it."""
    good = path.read_bytes()
    path.write_bytes(damaged)
    try:
        found = artefact.read(artefact.folder)
    except ArtefactError:
        found = None
    finally:
        mended = path.read_bytes() == good
        path.write_bytes(good)
    # A manifest without its last line end says the same: no more is harmless.
    if found == artefact.whole and not mended:
        assert (path.name, damaged) == ("MANIFEST.json", good[:-1])
        return "harmless"
    assert found == artefact.fallback
    return "refused" if found is None else "made anew" if mended else "older one taken"


def test_flipped_bits(campaign, artefact):
    paths = sorted(artefact.folder.iterdir())
    for blow in range(campaign.size(20, 4_000)):
        path = paths[blow % len(paths)]
        damaged = bytearray(path.read_bytes())
        damaged[campaign.random.randrange(len(damaged))] ^= 1 << campaign.random.randrange(8)
        campaign.record(strike(artefact, path, bytes(damaged)))


def test_cut_files(campaign, artefact):
    for path in sorted(artefact.folder.iterdir()):
        good = path.read_bytes()
        for length in lengths(campaign, len(good)):
            campaign.record(strike(artefact, path, good[:length]))


def lengths(campaign, size):
    """All of them at a large size; else the ends and some between."""
    if campaign.large and size <= 4096:
        return range(size)
    inside = campaign.random.sample(range(1, size - 1), min(size - 2, campaign.size(2, 1000)))
    return sorted({0, size - 1, *inside})


def test_commands_on_flipped_bits(campaign, trained, tmp_path, mlcli):
    """As a user meets it: the run goes on from the older checkpoint to the same bytes, or exit 4."""
    with inside(copied(trained, tmp_path / "whole")):
        expected = extend(mlcli)
    for blow in range(campaign.size(1, 40)):
        with inside(copied(trained, tmp_path / str(blow))):
            flip(campaign, max(RUN.glob("checkpoints/*")))
            assert extend(mlcli, warned="Going back to step-00000006") == expected
            campaign.record("resumed to the same bytes")
            for folder in (*RUN.glob("checkpoints/*"), RUN / "model"):
                flip(campaign, folder)
            for command in (["train", "--resume", "-S", "training.epochs=6"], ["predict", "t.csv"], ["evaluate"]):
                refused = mlcli(*command)
                assert refused.code == 4, refused.err
                campaign.record("exit 4")


RUN = Path("runs/t/001")


def copied(trained, folder):
    shutil.copytree(trained, folder)
    return folder


def extend(mlcli, warned=""):
    """Train one epoch more; the bytes that a resume must not change."""
    resumed = mlcli("train", "--resume", "-S", "training.epochs=4")
    assert resumed.code == 0
    assert warned in resumed.err
    return (RUN / "metrics.jsonl").read_bytes(), (max(RUN.glob("checkpoints/*")) / "model.safetensors").read_bytes()


def flip(campaign, folder):
    """Turn one bit in one of the folder's files."""
    path = campaign.random.choice(sorted(folder.iterdir()))
    content = bytearray(path.read_bytes())
    content[campaign.random.randrange(len(content))] ^= 1 << campaign.random.randrange(8)
    path.write_bytes(content)
