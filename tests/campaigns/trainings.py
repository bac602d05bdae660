"""A small training in which everything that a resume must restore is at work, and what it must leave."""

import hashlib
from pathlib import Path

CONFIG = """
name: small
dataset: iris
model: {hidden: [8], dropout: 0.2, norm: batch}
optimizer: {name: sgd, lr: 0.05, momentum: 0.9, schedule: {name: exponential, factor: 0.9}}
training: {epochs: 6, batch_size: 16, checkpoint_seconds: 0, early_stopping: {patience: 50}}
"""
RUN = Path("runs/small/001")
BEGIN = ("train", "small.yaml", "-q")
RESUME = ("train", "--resume", "-q")


def next_command(*options):
    """What goes on with the training here: a resume, where a run has been made."""
    return (*(RESUME if (RUN / "manifest.json").exists() else BEGIN), *options)


def digests(folder=RUN):
    """sha256 of all that a resumed run shares with one that was never interrupted, by path."""
    last = max((folder / "checkpoints").iterdir())
    files = [folder / "metrics.jsonl", folder / "model/weights.safetensors", *sorted(last.glob("*.safetensors"))]
    files += folder.glob("predictions.csv")
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def finish(start, *options):
    """Go on with the training here to its end, undisturbed; the digests of what it leaves."""
    ended = start(*next_command(*options)).end()
    assert ended == (0, "", ""), ended
    assert list(Path("runs/small").iterdir()) == [RUN]
    return digests()


def predict(start):
    """Predict the test rows, too."""
    assert start("predict", "-q").end() == (0, "", "")
    return digests()


def count_epochs():
    """Lines of metrics.jsonl."""
    metrics = RUN / "metrics.jsonl"
    return metrics.read_bytes().count(b"\n") if metrics.exists() else 0
