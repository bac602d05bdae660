"""The whole configuration, one frozen model per section.

Defaults live in the sections and nowhere else. Rules that join several sections are in `mlcli.config.rules`.
"""

import hashlib
from typing import Annotated

from pydantic import Field

from mlcli.config.base import Section, Wording
from mlcli.config.dataset import DatasetConfig
from mlcli.config.features import FeaturesConfig
from mlcli.config.model import AutoLoss, LossConfig, ModelConfig
from mlcli.config.optimizer import AdamConfig, OptimizerConfig
from mlcli.config.training import EvaluationConfig, ImproveConfig, TrainingConfig


class Config(Section):
    """One experiment."""

    name: Annotated[str, Wording("1 to 64 letters, digits, - and _, starting with a letter or digit")] = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$",
        description="Runs go to runs/<name>/001, 002, … Left out, it is the file's name.",
    )
    seed: int = Field(0, ge=0, lt=2**63, description="Seed of split, first weights, row order and dropout.")
    device: Annotated[str, Wording("auto, cpu, cuda, cuda:1 or mps")] = Field(
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
