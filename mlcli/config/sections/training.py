"""The `training`, `evaluation` and `improve` sections."""

from typing import Annotated, Literal

from mlcli.config.sections.base import Constraint, Count, ErrorHint, NonNegative, OpenShare, Positive, Section, key

# Keys are laid out by hand: default and meaning, when to change it, the course's word and an example.
# fmt: off

ClassMetric = Literal[
    "accuracy", "balanced_accuracy", "precision", "recall", "f1", "precision_macro", "recall_macro", "f1_macro",
    "precision_weighted", "recall_weighted", "f1_weighted", "mcc", "kappa", "top_3_accuracy", "top_5_accuracy",
    "roc_auc", "pr_auc", "log_loss", "brier", "ece",
]
QuantileMetric = Literal["pinball", "coverage"]
NumberMetric = Literal[
    "rmse", "mae", "r2", "mse", "median_ae", "max_error", "mape", QuantileMetric, "poisson_deviance",
]
Metric = Literal[ClassMetric, NumberMetric]
ClassBaseline = Literal["majority", "logistic", "knn", "tree", "forest", "boosting"]
QuantileBaseline = Literal["quantile", "linear", "boosting"]
NumberBaseline = Literal["mean", "linear", "ridge", "knn", "tree", "forest", "boosting"]
Watched = Literal["loss", Metric]
_COST = r"\d+(\.\d+)?"
# Thresholds of any task: they ask for nothing.
USUAL_THRESHOLDS = ("auto", 0.5)
# Rules by which a threshold is chosen on validation rows.
THRESHOLD_RULE = (
    r"^(f1|balanced_accuracy|(recall|precision)=(0?\.\d+|1(\.0+)?)"
    rf"|cost=(fp:{_COST},fn:{_COST}|fn:{_COST},fp:{_COST}))$"
)


class EarlyStoppingConfig(Section):
    """Stop when the monitored metric has not improved for `patience` epochs; the best weights are kept."""

    metric: Watched = key(
        "loss",
        "Metric monitored on the validation rows, which also selects the weights that are kept: loss, or any metric "
        "that suits the task.",
        "Monitor the metric that the model will be judged by, when the loss does not reflect it.")
    patience: Count = key(
        15, "Epochs without improvement before stopping.", "More for noisy curves and slow schedules.", example=30)
    min_delta: NonNegative = key(
        0.0, "Smallest change that counts as an improvement.", "Raise it to stop at diminishing returns.",
        example=0.001)


class AugmentConfig(Section):
    """Random changes of the training images, new ones in every step; 0 leaves a change out."""

    shift: NonNegative = key(0.0, "Shift by up to so many pixels along each side.", example=2)
    rotate: Annotated[float, Constraint(ge=0.0, le=180.0)] = key(0.0, "Rotation by up to so many degrees.", example=12)
    scale: OpenShare = key(0.0, "Height and width each change by up to this share.", example=0.12)
    shear: OpenShare = key(0.0, "Slant by up to this share of the height, as italics have.", example=0.15)
    elastic: NonNegative = key(
        0.0, "Elastic distortion: standard deviation in pixels of smooth displacements (Simard et al., 2003).",
        "Handwriting gains much from it.", example=1)
    flip: bool = key(False, "Mirror half of the images left to right.", "For photographs; never for digits or letters.")


class TrainingConfig(Section):
    """The training loop: epochs, batches, early stopping, precision and checkpoints."""

    epochs: Count = key(
        100, "Passes over the training rows, at most.",
        "Raise it while the validation loss still falls; early stopping ends training in time.", term="epoch (época)",
        example=200)
    batch_size: Count | Literal["full", "auto"] = key(
        "auto",
        'Rows per step: a number, "full" (batch gradient descent), or auto: a fiftieth of the training rows, or the '
        'rows that make a step of 2²⁸ multiply-adds if those are fewer, as a power of two within 16–8192. With auto, '
        'lr is for 32 rows and is multiplied by √(batch size / 32).',
        "Smaller batches give noisier steps and often better weights; larger ones take less time per row.",
        term="batch and mini-batch gradient descent (descenso por lotes, mini-lotes)", example=64)
    shards: Annotated[int, Constraint(ge=1, le=64)] = key(
        1,
        "Parts into which each batch is cut, a power of two, so that several processes can train. Each is computed on "
        "one thread, draws its own dropout and, with model.norm: batch, is normalised by itself. The result depends on "
        "how many shards there are, and not on how many processes share them.",
        "Set it to the most processes that the run may ever have: mlcli train --processes.", example=4)
    rows: Literal["auto", "memory", "disk"] = key(
        "auto",
        "Where the training and validation rows are, as the network's inputs: in memory, or in a file beside the "
        "prepared data that is read window by window. auto: in memory where they fit it. From a file, the order of an "
        "epoch shuffles blocks of up to 4,096 neighbours, then the rows of some blocks together, so the weights differ "
        "from those of rows in memory.",
        "disk for tables that do not fit the memory of every machine that trains on them.", example="disk")
    shuffle: bool = key(True, "New row order every epoch.", "Turn it off only to see the effect of row order.")
    early_stopping: EarlyStoppingConfig | None = key(
        None, "{metric: loss, patience: 15}; needs validation rows. null trains all epochs.",
        "Use it against overfitting, and to stop in time.", term="early stopping, a regularisation (parada temprana)",
        example={"patience": 15})
    keep: Literal["best", "last"] = key(
        "best", "Weights that are kept: those of the best epoch by the validation rows, or those of the last epoch.",
        "last shows what training without early stopping comes to, as when regularisations are compared.")
    watch: tuple[Metric, ...] = key(
        (),
        "Metrics measured on the validation rows after each epoch, besides the loss and the usual metric of the task.",
        "To see their learning curves, and those of several runs on one page: mlcli runs compare.",
        example=["roc_auc"])
    ensemble: Annotated[int, Constraint(ge=1, le=100)] = key(
        1,
        "Networks trained one after another, with seeds that follow and validation rows of their own (the first the "
        "split's, the others folds of about as many rows; whole groups), so that nearly all are learned from. The model"
        " is their mean prediction. A split by time or by a column keeps the same validation rows for all.",
        "Better than one network on most tables, in so many times as long: 3 to 8.",
        term="ensemble, bagging (conjunto de modelos)", example=5)
    average: Annotated[float, Constraint(gt=0.0, lt=1.0)] | None = key(
        None,
        "Decay a step of an exponential moving average of the weights, which is validated and kept in their place. It "
        "is at most (1 + step) / (10 + step), so that the first steps are soon forgotten.",
        "Try 0.99, or 0.999 for more than some thousand steps, when the validation loss jumps.", example=0.99)
    augment: AugmentConfig | None = key(
        None, "Images only: random shifts, rotations, scales and distortions of each training image.",
        "Use it against overfitting when training takes many epochs; the training loss is then of the changed images.",
        term="data augmentation, a regularisation (aumento de datos)", example={"shift": 2, "rotate": 10})
    clip_norm: Positive | None = key(
        None, "Limit of the gradient's norm, against exploding gradients.", "Set it when the loss jumps or diverges.",
        term="exploding gradients (gradientes)", example=1)
    precision: Literal["auto", "float32", "bfloat16"] = key(
        "auto", "auto: bfloat16 arithmetic where the hardware has matrix units for it, else float32.",
        "float32 for results that agree to the last digit.", example="float32")
    track: Literal["tensorboard", "mlflow"] | None = key(
        None,
        "Other programs in which the epochs are shown as well: tensorboard writes runs/NAME/001/tensorboard; mlflow "
        "sends them to the server, or the database, that the environment variable MLFLOW_TRACKING_URI names, which "
        "keeps logins out of the file. Each is an extra: mlcli[tensorboard], mlcli[mlflow].",
        "Set it where a team looks at runs there; mlcli runs lists them without it.", example="tensorboard")
    checkpoint_seconds: NonNegative = key(
        10.0, "Seconds between two checkpoints, which are saved at the end of an epoch; 0 saves one every epoch.",
        "Raise it on a slow disk; set 0 to be able to resume from any epoch.", example=60)


class EvaluationConfig(Section):
    """Step 4: what is measured."""

    metrics: Literal["auto"] | tuple[Metric, ...] = key(
        "auto",
        "Metrics reported; auto is all that suit the task and what the loss predicts: of a quantile, pinball and "
        "coverage; of counts, poisson_deviance first.",
        "Accuracy is misleading when classes are imbalanced.",
        term="accuracy, precision, recall, ROC, R² (exactitud, precisión, exhaustividad)", example=["f1", "pr_auc"])
    baselines: Literal["auto", "none"] | tuple[ClassBaseline | NumberBaseline | QuantileBaseline, ...] = key(
        "auto",
        "Baselines trained on the same rows and columns, to see whether the network is better: majority or mean, "
        "logistic or linear regression (least squares), ridge (least squares with an L2 penalty), knn (5 nearest "
        "neighbours), tree, forest (100 trees), boosting (histogram-based gradient boosting, stopped early). Trees see "
        "columns as they are, with missing cells. With loss quantile: the rows' quantile, linear and boosting, all of "
        "that quantile; with loss poisson there is no ridge, and the others but knn minimise the Poisson deviance. "
        "auto: all; none: none, for a quick evaluation.")
    threshold: Annotated[
        Literal["auto"]
        | Annotated[float, Constraint(gt=0.0, lt=1.0)]
        | Annotated[str, Constraint(pattern=THRESHOLD_RULE)],
        ErrorHint("auto, a number > 0 and < 1, f1, balanced_accuracy, recall=0.9, precision=0.9 or cost=fp:1,fn:5"),
    ] = key(
        "auto",
        "Two classes: probability from which the second class is predicted, or how it is chosen on validation rows. "
        "auto: 0.5; where probabilities are corrected for loss.class_weights, the one at which both errors cost as "
        "much by these: the share of the second class if they are balanced. f1, balanced_accuracy: the metric is "
        "maximised. recall=0.9: the highest threshold with at least this recall. precision=0.9: the highest recall "
        "with at least this precision. cost=fp:1,fn:5: the lowest cost, where a false positive costs 1 and a false "
        "negative 5.",
        "Lower it to find more of the rare class, at the cost of false alarms. evaluate --threshold tries others after "
        "training.", term="threshold (umbral)", example=0.3)
    calibration: Literal["auto", "temperature", "none"] = key(
        "auto",
        "Temperature scaling (Guo et al., 2017): the logits are divided by the number of the lowest log loss on the "
        "validation rows, and the softmax is mixed with 1 / (n + 1) of the uniform distribution. auto: only where "
        "the log loss falls by at least 1 % and three standard errors, and class weights do not change the "
        "probabilities. The predicted classes stay the same.",
        "temperature where probabilities are used and the calibration figure shows that they are too bold or too shy.")
    positive: str | None = key(
        None, "Two classes: the positive class of precision, recall and F1; null is the last by name.",
        "Set it to the class that is to be found.", term="positive class (clase positiva)", example="fraud")
    confidence: Annotated[float, Constraint(gt=0.0, lt=1.0)] = key(
        0.95, "Confidence level of the intervals around the scores: 0.95 misses the true value one time in twenty.",
        example=0.99)
    seeds: Annotated[int, Constraint(ge=1, le=100)] = key(
        1,
        "Number of networks trained on the same rows, with this seed and those after it; scores are reported as mean ± "
        "standard deviation. 1 is the run's own network alone.",
        "Use 5 or more to see whether a difference is more than chance.", example=5)
    folds: Annotated[int, Constraint(ge=2, le=100)] | Literal["leave_one_out"] | None = key(
        None,
        "Cross-validation: the training and validation rows are split into so many folds (stratified for classes), and "
        "each fold is predicted by a network trained on the others; leave_one_out, up to 500 rows, makes each row a "
        "fold. dataset.split.by: group keeps groups whole (leave_one_out leaves one group out); time makes each fold a "
        "block of time, predicted by a network trained on earlier rows. The test rows are not used; "
        "dataset.split.test: 0 gives all rows to the folds.",
        "Use it when rows are few and one split of them says little.", term="cross-validation (validación cruzada)",
        example=5)
    repeats: Annotated[int, Constraint(ge=1, le=100)] = key(
        1, "How often cross-validation is repeated with other folds, which makes the mean vary less.",
        "Raise it when the mean of the folds still varies with the seed.", example=3)


class LogRange(Section):
    """Numbers drawn evenly on a log scale."""

    log: Annotated[tuple[Count, Count] | tuple[Positive, Positive], ErrorHint("[low, high], both > 0")] = key(
        ..., "Lowest and highest; between two whole numbers, whole numbers are drawn.", example=[0.0001, 0.1])


class Choices(Section):
    """One of a list."""

    choices: Annotated[tuple[bool | int | float | str | tuple[int, ...] | None, ...], Constraint(min_length=2)] = key(
        ..., "The values to try.", example=[16, 32, 64])


LinearRange = tuple[int, int] | tuple[float, float]
Searched = Annotated[
    LogRange | Choices | LinearRange, ErrorHint("[low, high], {log: [low, high]} or {choices: [a, b, …]}")
]
Space = dict[str, Searched]


class ImproveConfig(Section):
    """Step 5: the search for better hyper-parameters."""

    trials: Count = key(
        30, "Number of configurations tried.", "Returns diminish: stop when further trials are not worth their time.",
        example=60)
    timeout: Positive | None = key(
        None,
        "Seconds that the whole command takes, with its checks and ensemble; without trials, as many are tried as fit. "
        "A trial that the end stops counts as pruned. Where it is too short for all epochs, trials have fewer.",
        "Set it to the time that you can wait.", example=600)
    ensemble: Annotated[int, Constraint(ge=1, le=100)] | None = key(
        None,
        "Number of networks whose mean prediction is saved as a run, mostly better than the best network: of the best "
        "trials, and of the configuration that the search began with unless another is better by more than chance. "
        "1 saves the best network. null is training.ensemble.", example=8)
    metric: Literal["auto"] | Metric = key(
        "auto",
        "Metric by which trials are compared. auto: the one that early stopping monitors, by default the loss, or "
        "pr_auc where a class is rare (f1_macro where that is the negative one); over folds, the loss's own metric "
        "(log loss, rmse, pinball, poisson_deviance).",
        "f1_macro or mcc when classes are imbalanced.", example="roc_auc")
    folds: Annotated[int, Constraint(ge=2, le=100)] | None = key(
        None,
        "Compare trials by cross-validation: the training and validation rows are split into so many folds, and each "
        "trial trains a network for each. It takes as many times longer, and depends less on chance when validation "
        "rows are few. Groups and times are kept as by evaluation.folds. null compares on the validation rows.",
        "Use it with fewer than some thousand rows; 5 is usual.", term="cross-validation (validación cruzada)",
        example=5)
    sampler: Literal["tpe", "random", "grid", "cma"] = key(
        "tpe",
        "How the next configuration is proposed. tpe learns from earlier trials; random; grid tries every combination "
        "of a finite space; cma, for many numbers and many trials, needs the extra mlcli[cma].",
        "random explores evenly.", term="random or Bayesian search (búsqueda aleatoria, bayesiana)")
    pruning: Literal["median", "hyperband", "none"] = key(
        "median",
        "Which trials are stopped early. median: those worse than the median of the others at the same epoch; "
        "hyperband: all but the best third at a few epochs, for many trials of many epochs.")
    storage: str | None = key(
        None,
        "Database that several machines share, each running the same command: postgresql://… (needs the extra "
        "mlcli[postgres]) or sqlite:///FILE. A password is written as ${NAME}, an environment variable; ${NAME} alone "
        "is a whole URL. null is a journal in the search's folder.",
        "Set it when several machines are to search.", example="postgresql://me:${PASSWORD}@server/searches")
    space: Space = key(
        {},
        "Keys to search: [low, high], {log: [low, high]} or {choices: [...]}. Empty searches learning rate, hidden "
        "layers, their activation and norm, dropout, l2 and, on tables, features.pieces.",
        "Narrow it around the best values found.", term="hyper-parameters (hiperparámetros)",
        example={"optimizer.lr": {"log": [0.0001, 0.1]}, "model.dropout": [0.0, 0.5]})
