"""The whole configuration: one frozen model per section."""

import hashlib
from typing import Annotated

from pydantic import Field

from mlcli.config.sections.base import ErrorHint, Section, advice
from mlcli.config.sections.dataset import DatasetConfig
from mlcli.config.sections.features import FeaturesConfig
from mlcli.config.sections.model import AutoLoss, LossConfig, ModelConfig
from mlcli.config.sections.optimizer import AdamConfig, OptimizerConfig, PlateauSchedule
from mlcli.config.sections.training import EvaluationConfig, ImproveConfig, TrainingConfig, Watched


class Config(Section):
    """One experiment."""

    name: Annotated[str, ErrorHint("1 to 64 letters, digits, - and _, starting with a letter or digit")] = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$",
        description="Runs go to runs/<name>/001, 002, … Without a name, the file's name is used.",
        json_schema_extra=advice(
            "Name experiments differently, so that their runs are numbered separately.", example="income"
        ),
    )
    seed: int = Field(
        0,
        ge=0,
        lt=2**63,
        description="Seed of the split, initial weights, row order and dropout.",
        json_schema_extra=advice("Train with three other seeds to see how much a score varies by chance.", example=1),
    )
    device: Annotated[str, ErrorHint("auto, cpu, cuda, cuda:1 or mps")] = Field(
        "auto",
        pattern=r"^(auto|cpu|mps|cuda(:\d{1,2})?)$",
        description="auto (the accelerator when there is one), cpu, cuda, cuda:1 or mps.",
        json_schema_extra=advice("Set cpu when the accelerator is busy or gives other results.", example="cpu"),
    )
    dataset: DatasetConfig = Field(
        description="Step 1: where the rows come from, cleaning and split.",
        json_schema_extra=advice(term="step 1, data preparation (preparación de datos)"),
    )
    features: FeaturesConfig = Field(
        FeaturesConfig.model_construct(),
        description="Step 2: how columns become inputs.",
        json_schema_extra=advice(term="step 2, feature engineering (ingeniería de características)"),
    )
    model: ModelConfig = Field(
        ModelConfig.model_construct(),
        description="Step 3: the network.",
        json_schema_extra=advice(term="multilayer perceptron (perceptrón multicapa)"),
    )
    loss: LossConfig = Field(
        AutoLoss.model_construct(),
        description="Step 3: the loss that is minimised.",
        json_schema_extra=advice(term="loss of one example, cost of a set (pérdida, coste)"),
    )
    optimizer: OptimizerConfig = Field(
        AdamConfig.model_construct(name="adam"),
        description="Step 3: how the loss is minimised.",
        json_schema_extra=advice(term="gradient descent w ← w − α·∂J/∂w (descenso por el gradiente)"),
    )
    training: TrainingConfig = Field(
        TrainingConfig.model_construct(),
        description="Step 3: the training loop.",
        json_schema_extra=advice(term="step 3, modelling (modelado)"),
    )
    evaluation: EvaluationConfig = Field(
        EvaluationConfig.model_construct(),
        description="Step 4: what is measured.",
        json_schema_extra=advice(term="step 4, performance measurement (medida del rendimiento)"),
    )
    improve: ImproveConfig = Field(
        ImproveConfig.model_construct(),
        description="Step 5: the search.",
        json_schema_extra=advice(term="step 5, improving performance (mejora del rendimiento)"),
    )

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
