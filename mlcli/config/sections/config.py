"""The whole configuration, one frozen model per section, and what it tells before any data is read."""

import hashlib
from typing import Annotated

from pydantic import Field

from mlcli.config.sections.base import ErrorHint, Section
from mlcli.config.sections.dataset import DatasetConfig
from mlcli.config.sections.features import FeaturesConfig
from mlcli.config.sections.model import AutoLoss, LossConfig, ModelConfig
from mlcli.config.sections.optimizer import AdamConfig, OptimizerConfig, PlateauSchedule
from mlcli.config.sections.training import EvaluationConfig, ImproveConfig, TrainingConfig, Watched


class Config(Section):
    """One experiment."""

    name: Annotated[str, ErrorHint("1 to 64 letters, digits, - and _, starting with a letter or digit")] = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$",
        description="Runs go to runs/<name>/001, 002, … Left out, it is the file's name.",
    )
    seed: int = Field(0, ge=0, lt=2**63, description="Seed of split, first weights, row order and dropout.")
    device: Annotated[str, ErrorHint("auto, cpu, cuda, cuda:1 or mps")] = Field(
        "auto",
        pattern=r"^(auto|cpu|mps|cuda(:\d{1,2})?)$",
        description="auto (the accelerator when there is one), cpu, cuda, cuda:1 or mps.",
    )
    dataset: DatasetConfig = Field(description="Step 1: where rows come from, cleaning, split.")
    features: FeaturesConfig = Field(FeaturesConfig.model_construct(), description="Step 2: how columns become inputs.")
    model: ModelConfig = Field(ModelConfig.model_construct(), description="Step 3: the network.")
    loss: LossConfig = Field(AutoLoss.model_construct(), description="Step 3: what is minimised.")
    optimizer: OptimizerConfig = Field(
        AdamConfig.model_construct(name="adam"), description="Step 3: how it is minimised."
    )
    training: TrainingConfig = Field(TrainingConfig.model_construct(), description="Step 3: the loop.")
    evaluation: EvaluationConfig = Field(EvaluationConfig.model_construct(), description="Step 4: what is measured.")
    improve: ImproveConfig = Field(ImproveConfig.model_construct(), description="Step 5: the search.")

    def fingerprint(self) -> str:
        """SHA-256 over every key and value, in hexadecimal: equal for configurations that mean the same."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def watched_metrics(config: Config) -> dict[tuple[str, ...], Watched]:
    """What training watches after each epoch, by the key that asks for it."""
    watched: dict[tuple[str, ...], Watched] = {}
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
