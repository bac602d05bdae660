"""The `training`, `evaluation` and `improve` sections."""

from typing import Annotated, Literal

from pydantic import Field

from mlcli.config.sections.base import Count, ErrorHint, NonNegative, Positive, Section

ClassMetric = Literal[
    "accuracy", "balanced_accuracy", "precision", "recall", "f1", "precision_macro", "recall_macro", "f1_macro",
    "precision_weighted", "recall_weighted", "f1_weighted", "mcc", "kappa", "top_3_accuracy", "top_5_accuracy",
    "roc_auc", "pr_auc", "log_loss", "brier", "ece",
]  # fmt: skip
NumberMetric = Literal["rmse", "mae", "r2", "mse", "median_ae", "max_error", "mape"]
Metric = Literal[ClassMetric, NumberMetric]
ClassBaseline = Literal["majority", "logistic", "knn", "tree", "boosting"]
NumberBaseline = Literal["mean", "linear", "knn", "tree", "boosting"]
Watched = Literal["loss", Metric]


class EarlyStoppingConfig(Section):
    """Stop when the watched number has not improved for a while; the best weights are kept."""

    metric: Watched = Field(
        "loss",
        description="Number watched, on the validation rows, that also chooses the weights kept: loss, or any metric "
        "that suits the task.",
    )
    patience: Count = Field(15, description="Epochs without improvement before stopping.")
    min_delta: NonNegative = Field(0.0, description="Smallest change that counts as an improvement.")


class TrainingConfig(Section):
    """The loop: how long, in what portions, how kept in check."""

    epochs: Count = Field(100, description="Passes over the training rows, at most.")
    batch_size: Count | Literal["full", "auto"] = Field(
        "auto",
        description='Rows a step: a number, "full" (batch gradient descent), or auto: a fiftieth of the training rows '
        "or what makes a step of 2²⁸ multiply-adds, as a power of two within 16–8192. With auto, lr is meant for 32 "
        "rows and is multiplied by √(batch size / 32).",
    )
    shuffle: bool = Field(True, description="New row order every epoch.")
    early_stopping: EarlyStoppingConfig | None = Field(
        None, description="{metric: loss, patience: 15}; needs validation rows. null trains all epochs."
    )
    clip_norm: Positive | None = Field(None, description="Limit of the gradient's norm; tames exploding gradients.")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="auto: bfloat16 arithmetic where the hardware has matrix units for it, else float32.",
    )
    checkpoint_seconds: NonNegative = Field(
        10.0, description="Seconds between two checkpoints (taken at epochs' ends); 0 takes one every epoch."
    )


class EvaluationConfig(Section):
    """Step 4: what is measured."""

    metrics: Literal["auto"] | tuple[Metric, ...] = Field(
        "auto", description="Metrics reported; auto is all that suit the task."
    )
    baselines: Literal["auto", "none"] | tuple[ClassBaseline | NumberBaseline, ...] = Field(
        "auto",
        description="Rivals trained on the same inputs, to tell whether the network is worth its trouble: majority or "
        "mean, logistic or linear regression, knn (5 nearest neighbours), tree, boosting (of trees by histograms). "
        "auto: all; none: none, where an evaluation must be quick.",
    )
    threshold: Annotated[float, Field(gt=0.0, lt=1.0)] | Literal["f1", "balanced_accuracy"] = Field(
        0.5,
        description="Two classes: probability from which the second class is predicted, or the metric that the "
        "threshold is chosen to maximise on the validation rows.",
    )
    positive: str | None = Field(
        None,
        description="Two classes: the one that precision, recall and F1 speak of; null is the last by name.",
    )
    confidence: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        0.95, description="Level of the intervals around the scores: 0.95 misses the true value one time in twenty."
    )
    seeds: Annotated[int, Field(ge=1, le=100)] = Field(
        1,
        description="Networks trained with this seed and those after it, on the same rows; every score is told as mean "
        "± standard deviation. 1 is the run's own alone.",
    )
    folds: Annotated[int, Field(ge=2, le=100)] | Literal["leave_one_out"] | None = Field(
        None,
        description="Cross-validation: the training and validation rows are dealt into so many folds (stratified for "
        "classes), and a network is trained without each and measured on it; leave_one_out, up to 500 rows, makes each "
        "row a fold. The test rows stay locked; dataset.split.test: 0 gives all rows to the folds.",
    )
    repeats: Annotated[int, Field(ge=1, le=100)] = Field(
        1, description="How often the rows are dealt into folds anew, for a mean that chance moves less."
    )


class LogRange(Section):
    """Numbers drawn evenly on a log scale."""

    log: Annotated[tuple[Count, Count] | tuple[Positive, Positive], ErrorHint("[low, high], both > 0")] = Field(
        description="Lowest and highest; two whole numbers draw whole numbers."
    )


class Choices(Section):
    """One of a list."""

    choices: Annotated[tuple[bool | int | float | str | tuple[int, ...] | None, ...], Field(min_length=2)] = Field(
        description="The values to try."
    )


LinearRange = tuple[int, int] | tuple[float, float]
Searched = Annotated[
    LogRange | Choices | LinearRange, ErrorHint("[low, high], {log: [low, high]} or {choices: [a, b, …]}")
]
Space = dict[str, Searched]


class ImproveConfig(Section):
    """Step 5: the search for better hyper-parameters."""

    trials: Count = Field(30, description="Configurations tried.")
    timeout: Positive | None = Field(
        None, description="Seconds after which no new trial starts, and the running one is stopped as pruned."
    )
    ensemble: Annotated[int, Field(ge=1, le=100)] = Field(
        1,
        description="Networks of the best trials that answer together, saved as a run; they mostly beat the best one. "
        "1 saves none.",
    )
    metric: Literal["auto"] | Metric = Field(
        "auto",
        description="What trials are compared by. auto: what early stopping watches, which is the loss unless told "
        "otherwise; its metric (log loss, rmse) over folds.",
    )
    folds: Annotated[int, Field(ge=2, le=100)] | None = Field(
        None,
        description="Compare trials by cross-validation: the training and validation rows are dealt into so many "
        "folds, and each trial trains a network without each and answers for it. As many times slower, and less a "
        "matter of luck where validation rows are few. null compares on the validation rows.",
    )
    sampler: Literal["tpe", "random", "grid", "cma"] = Field(
        "tpe",
        description="How the next configuration is proposed. tpe learns from the trials so far; random; grid tries "
        "every combination of a finite space; cma, for many numbers and trials, needs the extra mlcli[cma].",
    )
    pruning: Literal["median", "hyperband", "none"] = Field(
        "median",
        description="Which trials are stopped early. median: those behind the median of the others at the same epoch; "
        "hyperband: all but the best third at a few epochs, for many trials of many epochs.",
    )
    storage: str | None = Field(
        None,
        description="Database that several machines search in together, each by the same command: sqlite:///FILE or "
        "postgresql://…, with ${NAME} for environment variables. null is a journal in the search's folder.",
    )
    space: Space = Field(
        {},
        description="Keys to search: [low, high], {log: [low, high]} or {choices: [...]}. Empty searches learning "
        "rate, hidden layers, their activation and norm, dropout, l2 and, on tables, features.pieces.",
    )
