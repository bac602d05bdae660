"""A small training in which everything that a resume must restore is at work, and what it must leave."""

import hashlib

CONFIG = """
name: small
dataset: iris
model: {hidden: [8], dropout: 0.2, norm: batch}
optimizer: {name: sgd, lr: 0.05, momentum: 0.9, schedule: {name: cosine, warmup: 0.1}}
training: {epochs: 6, batch_size: 16, checkpoint_seconds: 0, early_stopping: {patience: 5}}
"""


def digests(folder):
    """sha256 of all that a resumed run shares with one that was never interrupted, by path."""
    last = max((folder / "checkpoints").iterdir())
    names = ("metrics.jsonl", "model/weights.safetensors", "predictions.csv")
    files = [*(folder / name for name in names), *sorted(last.glob("*.safetensors"))]
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
