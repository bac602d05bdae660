"""The `optimizer` section: how the cost is minimised, and how the learning rate changes."""

from typing import Annotated, Any, Literal

from mlcli.config.sections.base import Constraint, Count, NonNegative, OpenShare, Positive, Section, key
from mlcli.config.sections.training import Watched

# Keys are laid out by hand: default and meaning, when to change it, the course's word and an example.
# fmt: off

_LR: dict[str, Any] = {
    "when": "The first number to tune, on a log scale: 1e-2, 1e-3, 1e-4. Lower it when the loss rises; raise it when "
    "it falls slowly.",
    "term": "learning rate α (tasa de aprendizaje)",
    "example": 0.003,
}
_MOMENTUM: dict[str, Any] = {
    "when": "Raise it when plain gradient descent oscillates or is slow.", "term": "momentum (momento)", "example": 0.9
}
_RHO: dict[str, Any] = {"when": "Lower it to follow changes of the gradients faster.", "example": 0.95}
_FACTOR: dict[str, Any] = {"when": "A smaller factor lowers lr faster.", "example": 0.5}
DECADE = 10.0


class _Schedule(Section):
    warmup: OpenShare = key(
        0.0, "Share of all steps over which lr rises linearly from 0.", "0.05 to 0.1 when the first steps diverge.",
        example=0.1)


class ConstantSchedule(_Schedule):
    """lr stays as it is."""

    name: Literal["constant"] = "constant"


class StepSchedule(_Schedule):
    """lr is multiplied by factor every `every` epochs."""

    name: Literal["step"]
    every: Count = key(10, "Epochs between two drops.", "About a third of the epochs.", example=30)
    factor: Annotated[float, Constraint(gt=0.0, le=1.0)] = key(0.1, "Multiplier of each drop.", **_FACTOR)


class ExponentialSchedule(_Schedule):
    """lr is multiplied by factor every epoch, smoothly."""

    name: Literal["exponential"]
    factor: Annotated[float, Constraint(gt=0.0, le=1.0)] = key(0.95, "Multiplier an epoch.", **_FACTOR)


class CosineSchedule(_Schedule):
    """lr falls along half a cosine to `end` × lr at the last step (Loshchilov and Hutter, 2017)."""

    name: Literal["cosine"]
    end: OpenShare = key(
        0.0, "Final lr as a share of lr.", "A value above 0 keeps learning until the end.", example=0.01)


class OneCycleSchedule(_Schedule):
    """lr rises to its value over the first `peak` share of steps and falls to near 0 (Smith, 2018)."""

    name: Literal["one_cycle"]
    peak: Annotated[float, Constraint(gt=0.0, lt=1.0)] = key(
        0.3, "Share of steps before the peak.", "A later peak for long runs.", example=0.2)


class InverseSqrtSchedule(_Schedule):
    """lr falls as 1/sqrt(step) after `after` steps."""

    name: Literal["inverse_sqrt"]
    after: Count = key(100, "Steps before lr falls.", "About a tenth of all steps.", example=1000)


class PlateauSchedule(_Schedule):
    """lr is multiplied by factor when the monitored metric has not improved for `patience` epochs."""

    name: Literal["plateau"]
    factor: Annotated[float, Constraint(gt=0.0, lt=1.0)] = key(0.5, "Multiplier of each drop.", **_FACTOR)
    patience: Count = key(
        5, "Epochs without improvement before a drop.", "Well below the patience of early stopping.", example=5)
    metric: Watched = key("loss", "Metric monitored on the validation rows: loss, or any metric that suits the task.")


ScheduleConfig = (
    ConstantSchedule | StepSchedule | ExponentialSchedule | CosineSchedule | OneCycleSchedule | InverseSqrtSchedule
    | PlateauSchedule
)


class _Optimizer(Section):
    schedule: ScheduleConfig = key(
        ConstantSchedule.model_construct(), "How lr changes during training.",
        "one_cycle and cosine end with small steps and are seldom worse than constant.", example="cosine")
    l1: NonNegative = key(
        0.0, "Adds l1 · Σ|w| to the cost (weights, not biases): drives weights to 0.",
        "Use it to see which features matter.", term="L1 regularisation (regularización L1)", example=0.0001)
    l2: NonNegative = key(
        0.0,
        "Adds l2/2 · Σw² to the cost (weights, not biases): keeps weights small. For adamw and muon it is decoupled "
        "weight decay.",
        "Raise it tenfold at a time against overfitting; with l1 it is the elastic net.",
        term="L2 regularisation (regularización L2)", example=0.001)


class SgdConfig(_Optimizer):
    """Gradient descent w ← w − lr · ∂J/∂w, with optional momentum."""

    name: Literal["sgd"]
    lr: Positive = key(0.01, "Learning rate α: too low converges slowly, too high diverges.", **_LR)
    momentum: OpenShare = key(0.0, "Share of the previous update that is kept; 0.9 is usual.", **_MOMENTUM)
    nesterov: bool = key(False, "Look-ahead momentum; needs momentum > 0.", "Try it with momentum 0.9.")


class AdagradConfig(_Optimizer):
    """Duchi et al., 2011."""

    name: Literal["adagrad"]
    lr: Positive = key(0.01, "Learning rate.", **_LR)


class AdadeltaConfig(_Optimizer):
    """Zeiler, 2012."""

    name: Literal["adadelta"]
    lr: Positive = key(1.0, "Multiplier of Adadelta's own step.", **_LR)
    rho: OpenShare = key(0.9, "Decay of the running averages.", **_RHO)


class RmspropConfig(_Optimizer):
    """Tieleman and Hinton, 2012."""

    name: Literal["rmsprop"]
    lr: Positive = key(0.001, "Learning rate.", **_LR)
    rho: OpenShare = key(0.99, "Decay of the running average of squared gradients (Keras: 0.9).", **_RHO)
    momentum: OpenShare = key(0.0, "Share of the previous update that is kept.", **_MOMENTUM)


class AdamConfig(_Optimizer):
    """adam (Kingma and Ba, 2015), adamw (Loshchilov and Hutter, 2019), adamax, nadam, radam."""

    name: Literal["adam", "adamw", "adamax", "nadam", "radam"]
    lr: Positive = key(0.001, "Learning rate.", **_LR)
    beta1: OpenShare = key(
        0.9, "Decay of the running mean of gradients.", "Rarely needed; 0.95 for noisy gradients.", example=0.95)
    beta2: OpenShare = key(
        0.999, "Decay of the running mean of squared gradients.",
        "Lower it to 0.99 or 0.95 when rare large gradients slow training down.", example=0.99)
    eps: Positive = key(
        1e-8, "Added to the denominator.", "Raise it when training is unstable in float32 or bfloat16.", example=1e-06)


class MuonConfig(_Optimizer):
    """Orthogonalised momentum for hidden weights, AdamW for the rest (Jordan et al., 2024)."""

    name: Literal["muon"]
    lr: Positive = key(0.02, "Learning rate of the hidden layers' weights.", **_LR)
    momentum: OpenShare = key(0.95, "Decay of the running mean of gradients.", **_MOMENTUM)
    adamw_lr: Positive = key(
        0.001, "Learning rate of AdamW, for the output layer, embeddings, biases and normalisation.",
        "Tune it like adamw's lr; the schedule changes both rates alike.", example=0.003)


class LbfgsConfig(_Optimizer):
    """Quasi-Newton, for small full-batch problems (Liu and Nocedal, 1989)."""

    name: Literal["lbfgs"]
    lr: Positive = key(1.0, "First step length of each line search.", **_LR)
    iterations: Count = key(20, "Inner iterations per step.", "More for smooth, small problems.", example=50)
    history: Count = key(
        10, "Number of past updates kept.", "More approximate the curvature better and take more memory.", example=20)


OptimizerConfig = (
    SgdConfig | AdagradConfig | AdadeltaConfig | RmspropConfig | AdamConfig | MuonConfig | LbfgsConfig
)
