"""The `training`, `evaluation` and `improve` sections."""

from typing import Annotated, Literal

from pydantic import Field

from mlcli.config.sections.base import Count, ErrorHint, NonNegative, Positive, Section, advice

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
        json_schema_extra=advice("Watch what you will be judged by, where the loss says less."),
    )
    patience: Count = Field(
        15,
        description="Epochs without improvement before stopping.",
        json_schema_extra=advice("More for noisy curves and slow schedules.", example=30),
    )
    min_delta: NonNegative = Field(
        0.0,
        description="Smallest change that counts as an improvement.",
        json_schema_extra=advice("Raise it to stop at diminishing returns.", example=0.001),
    )


class TrainingConfig(Section):
    """The loop: how long, in what portions, how kept in check."""

    epochs: Count = Field(
        100,
        description="Passes over the training rows, at most.",
        json_schema_extra=advice(
            "More while the validation loss still falls; early stopping then ends it.",
            term="epoch (época)",
            example=200,
        ),
    )
    batch_size: Count | Literal["full", "auto"] = Field(
        "auto",
        description='Rows a step: a number, "full" (batch gradient descent), or auto: a fiftieth of the training rows '
        "or what makes a step of 2²⁸ multiply-adds, as a power of two within 16–8192. With auto, lr is meant for 32 "
        "rows and is multiplied by √(batch size / 32).",
        json_schema_extra=advice(
            "Smaller steps are noisier and may find better weights; larger ones are faster a row.",
            term="batch and mini-batch gradient descent (descenso por lotes, mini-lotes)",
            example=64,
        ),
    )
    shuffle: bool = Field(
        True, description="New row order every epoch.", json_schema_extra=advice("Only to see what order does.")
    )
    early_stopping: EarlyStoppingConfig | None = Field(
        None,
        description="{metric: loss, patience: 15}; needs validation rows. null trains all epochs.",
        json_schema_extra=advice(
            "Against overfitting, and to stop in time.",
            term="early stopping, a regularisation (parada temprana)",
            example={"patience": 15},
        ),
    )
    clip_norm: Positive | None = Field(
        None,
        description="Limit of the gradient's norm; tames exploding gradients.",
        json_schema_extra=advice(
            "Where the loss jumps or diverges.", term="exploding gradients (gradientes)", example=1
        ),
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="auto: bfloat16 arithmetic where the hardware has matrix units for it, else float32.",
        json_schema_extra=advice("float32 to compare to the last digit.", example="float32"),
    )
    checkpoint_seconds: NonNegative = Field(
        10.0,
        description="Seconds between two checkpoints (taken at epochs' ends); 0 takes one every epoch.",
        json_schema_extra=advice("Larger where the disk is slow; 0 to be able to resume anywhere.", example=60),
    )


class EvaluationConfig(Section):
    """Step 4: what is measured."""

    metrics: Literal["auto"] | tuple[Metric, ...] = Field(
        "auto",
        description="Metrics reported; auto is all that suit the task.",
        json_schema_extra=advice(
            "Accuracy misleads where classes are imbalanced.",
            term="accuracy, precision, recall, ROC, R² (exactitud, precisión, exhaustividad)",
            example=["f1", "pr_auc"],
        ),
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
        json_schema_extra=advice(
            "Lower it to find more of the rare class, at the price of false alarms.",
            term="threshold (umbral)",
            example=0.3,
        ),
    )
    positive: str | None = Field(
        None,
        description="Two classes: the one that precision, recall and F1 speak of; null is the last by name.",
        json_schema_extra=advice(
            "Name the class you look for.", term="positive class (clase positiva)", example="fraud"
        ),
    )
    confidence: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        0.95,
        description="Level of the intervals around the scores: 0.95 misses the true value one time in twenty.",
        json_schema_extra=advice(example=0.99),
    )
    seeds: Annotated[int, Field(ge=1, le=100)] = Field(
        1,
        description="Networks trained with this seed and those after it, on the same rows; every score is told as mean "
        "± standard deviation. 1 is the run's own alone.",
        json_schema_extra=advice("5 or more to tell a better network from a luckier one.", example=5),
    )
    folds: Annotated[int, Field(ge=2, le=100)] | Literal["leave_one_out"] | None = Field(
        None,
        description="Cross-validation: the training and validation rows are dealt into so many folds (stratified for "
        "classes), and a network is trained without each and measured on it; leave_one_out, up to 500 rows, makes each "
        "row a fold. The test rows stay locked; dataset.split.test: 0 gives all rows to the folds.",
        json_schema_extra=advice(
            "Where rows are few, and one split of them says little.",
            term="cross-validation (validación cruzada)",
            example=5,
        ),
    )
    repeats: Annotated[int, Field(ge=1, le=100)] = Field(
        1,
        description="How often the rows are dealt into folds anew, for a mean that chance moves less.",
        json_schema_extra=advice("Where the folds' mean still moves with the seed.", example=3),
    )


class LogRange(Section):
    """Numbers drawn evenly on a log scale."""

    log: Annotated[tuple[Count, Count] | tuple[Positive, Positive], ErrorHint("[low, high], both > 0")] = Field(
        description="Lowest and highest; two whole numbers draw whole numbers.",
        json_schema_extra=advice(example=[0.0001, 0.1]),
    )


class Choices(Section):
    """One of a list."""

    choices: Annotated[tuple[bool | int | float | str | tuple[int, ...] | None, ...], Field(min_length=2)] = Field(
        description="The values to try.", json_schema_extra=advice(example=[16, 32, 64])
    )


LinearRange = tuple[int, int] | tuple[float, float]
Searched = Annotated[
    LogRange | Choices | LinearRange, ErrorHint("[low, high], {log: [low, high]} or {choices: [a, b, …]}")
]
Space = dict[str, Searched]


class ImproveConfig(Section):
    """Step 5: the search for better hyper-parameters."""

    trials: Count = Field(
        30,
        description="Configurations tried.",
        json_schema_extra=advice("Returns diminish: stop when it is no longer worth it.", example=60),
    )
    timeout: Positive | None = Field(
        None,
        description="Seconds after which no new trial starts, and the running one is stopped as pruned.",
        json_schema_extra=advice("Search as long as you can wait.", example=600),
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
        json_schema_extra=advice("f1_macro or mcc where classes are imbalanced.", example="roc_auc"),
    )
    folds: Annotated[int, Field(ge=2, le=100)] | None = Field(
        None,
        description="Compare trials by cross-validation: the training and validation rows are dealt into so many "
        "folds, and each trial trains a network without each and answers for it. As many times slower, and less a "
        "matter of luck where validation rows are few. null compares on the validation rows.",
        json_schema_extra=advice(
            "With fewer than some thousand rows; 5 is usual.", term="cross-validation (validación cruzada)", example=5
        ),
    )
    sampler: Literal["tpe", "random", "grid", "cma"] = Field(
        "tpe",
        description="How the next configuration is proposed. tpe learns from the trials so far; random; grid tries "
        "every combination of a finite space; cma, for many numbers and trials, needs the extra mlcli[cma].",
        json_schema_extra=advice(
            "random to explore evenly.", term="random or Bayesian search (búsqueda aleatoria, bayesiana)"
        ),
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
        json_schema_extra=advice(example="sqlite:///search.db"),
    )
    space: Space = Field(
        {},
        description="Keys to search: [low, high], {log: [low, high]} or {choices: [...]}. Empty searches learning "
        "rate, hidden layers, their activation and norm, dropout, l2 and, on tables, features.pieces.",
        json_schema_extra=advice(
            "Narrow it around what was best.",
            term="hyper-parameters (hiperparámetros)",
            example={"optimizer.lr": {"log": [0.0001, 0.1]}, "model.dropout": [0.0, 0.5]},
        ),
    )
