"""The whole configuration, and every key that one can have, read off the annotations of the sections."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated

from mlcli.config.sections.base import ErrorHint, KeyField, Section, ValueType, key, names_of
from mlcli.config.sections.dataset import DatasetConfig
from mlcli.config.sections.features import FeaturesConfig
from mlcli.config.sections.model import AutoLoss, LossConfig, MlpConfig, ModelConfig
from mlcli.config.sections.optimizer import AdamConfig, OptimizerConfig, PlateauSchedule
from mlcli.config.sections.training import EvaluationConfig, ImproveConfig, TrainingConfig, Watched

# Keys are laid out by hand: default and meaning, when to change it, the course's word and an example.
# fmt: off

ANY = "*"


class Config(Section):
    """One experiment."""

    name: Annotated[str, ErrorHint("1 to 64 letters, digits, - and _, starting with a letter or digit")] = key(
        ..., "Runs go to runs/<name>/001, 002, … Without a name, the file's name is used.",
        "Name experiments differently, so that their runs are numbered separately.",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$", example="income")
    seed: int = key(
        0, "Seed of the split, initial weights, row order and dropout.",
        "Train with three other seeds to see how much a score varies by chance.", ge=0, lt=2**63, example=1)
    device: Annotated[str, ErrorHint("auto, cpu, cuda, cuda:1 or mps")] = key(
        "auto", "auto (the accelerator when there is one), cpu, cuda, cuda:1 or mps.",
        "Set cpu when the accelerator is busy or gives other results.", pattern=r"^(auto|cpu|mps|cuda(:\d{1,2})?)$",
        example="cpu")
    dataset: DatasetConfig = key(
        ..., "Step 1: where the rows come from, cleaning and split.",
        term="step 1, data preparation (preparación de datos)")
    features: FeaturesConfig = key(
        FeaturesConfig.model_construct(), "Step 2: how columns become inputs.",
        term="step 2, feature engineering (ingeniería de características)")
    model: ModelConfig = key(
        MlpConfig.model_construct(), "Step 3: the network.", term="multilayer perceptron (perceptrón multicapa)")
    loss: LossConfig = key(
        AutoLoss.model_construct(), "Step 3: the loss that is minimised.",
        term="loss of one example, cost of a set (pérdida, coste)")
    optimizer: OptimizerConfig = key(
        AdamConfig.model_construct(name="adam"), "Step 3: how the loss is minimised.",
        term="gradient descent w ← w − α·∂J/∂w (descenso por el gradiente)")
    training: TrainingConfig = key(
        TrainingConfig.model_construct(), "Step 3: the training loop.", term="step 3, modelling (modelado)")
    evaluation: EvaluationConfig = key(
        EvaluationConfig.model_construct(), "Step 4: what is measured.",
        term="step 4, performance measurement (medida del rendimiento)")
    improve: ImproveConfig = key(
        ImproveConfig.model_construct(), "Step 5: the search.",
        term="step 5, improving performance (mejora del rendimiento)")

    def fingerprint(self) -> str:
        """SHA-256 over every key and value, in hexadecimal: equal for configurations that mean the same."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def watched_metrics(config: Config) -> dict[tuple[str | int, ...], Watched]:
    """What training watches after each epoch, by the key that asks for it."""
    watched: dict[tuple[str | int, ...], Watched] = {
        ("training", "watch", index): name for index, name in enumerate(config.training.watch)
    }
    if config.training.early_stopping is not None:
        watched["training", "early_stopping", "metric"] = config.training.early_stopping.metric
    if isinstance(config.optimizer.schedule, PlateauSchedule):
        watched["optimizer", "schedule", "metric"] = config.optimizer.schedule.metric
    return watched


def has_valid_rows(dataset: DatasetConfig) -> bool:
    """Whether the split can leave validation rows."""
    return dataset.split.valid > 0 or dataset.split.by == "given"


def usual_rate(config: Config) -> float:
    """The optimizer's default learning rate."""
    return float(type(config.optimizer).model_fields["lr"].default)


# fmt: on
@dataclass(frozen=True)
class Key:
    """One key of one section.

    path : keys from the top; ANY is a name of the user's, such as a column
    names : the values of `name` for which the section has this key; empty when it always has
    is_section : whether other keys lie under it
    """

    path: tuple[str, ...]
    names: tuple[str, ...]
    field: KeyField
    is_section: bool


@cache
def all_keys() -> tuple[Key, ...]:
    """Every key, in the order of the sections; a key of several union members comes once for each."""
    return tuple(_keys(Config, (), ()))


@cache
def find_keys(path: tuple[str, ...]) -> tuple[Key, ...]:
    """The keys at a path, one for each union member that has it; empty when there is none."""
    same_length = (key for key in all_keys() if len(key.path) == len(path))
    return tuple(key for key in same_length if all(a in (ANY, b) for a, b in zip(key.path, path, strict=True)))


def owners(path: tuple[str, ...]) -> tuple[str, ...]:
    """The names of its section for which a key exists; empty when it always does."""
    keys = find_keys(path)
    return () if any(not key.names for key in keys) else tuple(name for key in keys for name in key.names)


def _keys(section: type[Section], above: tuple[str, ...], names: tuple[str, ...]) -> Iterator[Key]:
    for name, field in section.model_fields.items():
        path, expected = (*above, name), field.type
        inside = list(_inside(expected, path))
        yield Key(path, names, field, bool(inside))
        yield from inside


def _inside(expected: ValueType, path: tuple[str, ...]) -> Iterator[Key]:
    for section in expected.sections():
        yield from _keys(section, path, names_of(section) if len(expected.sections()) > 1 else ())
    for option in expected.options():
        if option.origin is dict:
            yield from _inside(option.key_and_value()[1], (*path, ANY))
