"""The losses of the network that is trained now, kept for drawing as they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlcli.console.plot import Curve, Point
from mlcli.play.trainer import Trainer


class Losses:
    """Follows a trainer; begins anew with each network."""

    def __init__(self) -> None:
        self._beginning = 0
        self.noted = 0
        self._curves: dict[str, Curve] = {}

    @property
    def points(self) -> Mapping[str, Sequence[Point]]:
        """Points of both curves by their names."""
        return {name: curve.points for name, curve in self._curves.items()}

    def follow(self, trainer: Trainer) -> None:
        """Take up the epochs that have ended since."""
        if self._beginning != trainer.beginnings:
            self._beginning, self.noted = trainer.beginnings, 0
            self._curves = {"train": Curve(), "valid": Curve()}
        for record in trainer.state.history[self.noted :]:
            self._curves["train"].add(record.epoch, record.train_loss)
            if record.valid_loss is not None:
                self._curves["valid"].add(record.epoch, record.valid_loss)
        self.noted = len(trainer.state.history)
