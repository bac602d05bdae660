"""The `optimizer` section: gradient descent, its variants and the learning-rate schedule."""

from typing import Annotated, Literal

from pydantic import Field

from mlcli.config.sections.base import Count, NonNegative, OpenShare, Positive, Section
from mlcli.config.sections.training import Watched


class _Schedule(Section):
    warmup: OpenShare = Field(0.0, description="Share of all steps over which lr rises linearly from 0.")


class ConstantSchedule(_Schedule):
    """lr stays as it is."""

    name: Literal["constant"] = "constant"


class StepSchedule(_Schedule):
    """lr is multiplied by factor every `every` epochs."""

    name: Literal["step"]
    every: Count = Field(10, description="Epochs between two drops.")
    factor: Annotated[float, Field(gt=0.0, le=1.0)] = Field(0.1, description="Multiplier of each drop.")


class ExponentialSchedule(_Schedule):
    """lr is multiplied by factor every epoch, smoothly."""

    name: Literal["exponential"]
    factor: Annotated[float, Field(gt=0.0, le=1.0)] = Field(0.95, description="Multiplier an epoch.")


class CosineSchedule(_Schedule):
    """lr falls along half a cosine to `end` × lr at the last step (Loshchilov and Hutter, 2017)."""

    name: Literal["cosine"]
    end: OpenShare = Field(0.0, description="Final lr as a share of lr.")


class OneCycleSchedule(_Schedule):
    """lr rises to its value over the first `peak` share of steps and falls to near 0 (Smith, 2018)."""

    name: Literal["one_cycle"]
    peak: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(0.3, description="Share of steps before the peak.")


class InverseSqrtSchedule(_Schedule):
    """lr falls as 1/sqrt(step) after `after` steps."""

    name: Literal["inverse_sqrt"]
    after: Count = Field(100, description="Steps before the fall.")


class PlateauSchedule(_Schedule):
    """lr is multiplied by factor when the watched number has not improved for `patience` epochs."""

    name: Literal["plateau"]
    factor: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(0.5, description="Multiplier of each drop.")
    patience: Count = Field(5, description="Epochs without improvement before a drop.")
    metric: Watched = Field(
        "loss", description="Number watched, on the validation rows: loss, or any metric that suits the task."
    )


ScheduleConfig = Annotated[
    ConstantSchedule
    | StepSchedule
    | ExponentialSchedule
    | CosineSchedule
    | OneCycleSchedule
    | InverseSqrtSchedule
    | PlateauSchedule,
    Field(discriminator="name"),
]


class _Optimizer(Section):
    schedule: ScheduleConfig = Field(ConstantSchedule.model_construct(), description="How lr changes along the run.")
    l1: NonNegative = Field(0.0, description="Adds l1 · Σ|w| to the cost (weights, not biases): drives weights to 0.")
    l2: NonNegative = Field(
        0.0,
        description="Adds l2/2 · Σw² to the cost (weights, not biases): keeps weights small. For adamw it is the "
        "decoupled weight decay.",
    )


class SgdConfig(_Optimizer):
    """Gradient descent w ← w − lr · ∂J/∂w, with optional momentum."""

    name: Literal["sgd"]
    lr: Positive = Field(0.01, description="Learning rate α: too low crawls, too high diverges.")
    momentum: OpenShare = Field(0.0, description="Share of the previous step that is kept; 0.9 is usual.")
    nesterov: bool = Field(False, description="Look-ahead momentum; needs momentum > 0.")


class AdagradConfig(_Optimizer):
    """Duchi et al., 2011."""

    name: Literal["adagrad"]
    lr: Positive = Field(0.01, description="Learning rate.")


class AdadeltaConfig(_Optimizer):
    """Zeiler, 2012."""

    name: Literal["adadelta"]
    lr: Positive = Field(1.0, description="Multiplier of Adadelta's own step.")
    rho: OpenShare = Field(0.9, description="Decay of the running averages.")


class RmspropConfig(_Optimizer):
    """Tieleman and Hinton, 2012."""

    name: Literal["rmsprop"]
    lr: Positive = Field(0.001, description="Learning rate.")
    rho: OpenShare = Field(0.99, description="Decay of the running average of squared gradients (Keras: 0.9).")
    momentum: OpenShare = Field(0.0, description="Share of the previous step that is kept.")


class AdamConfig(_Optimizer):
    """adam (Kingma and Ba, 2015), adamw (Loshchilov and Hutter, 2019), adamax, nadam, radam."""

    name: Literal["adam", "adamw", "adamax", "nadam", "radam"]
    lr: Positive = Field(0.001, description="Learning rate.")
    beta1: OpenShare = Field(0.9, description="Decay of the running mean of gradients.")
    beta2: OpenShare = Field(0.999, description="Decay of the running mean of squared gradients.")
    eps: Positive = Field(1e-8, description="Added to the denominator.")


class LbfgsConfig(_Optimizer):
    """Quasi-Newton, for small full-batch problems (Liu and Nocedal, 1989)."""

    name: Literal["lbfgs"]
    lr: Positive = Field(1.0, description="First step length of each line search.")
    iterations: Count = Field(20, description="Inner iterations a step.")
    history: Count = Field(10, description="Past updates remembered.")


OptimizerConfig = Annotated[
    SgdConfig | AdagradConfig | AdadeltaConfig | RmspropConfig | AdamConfig | LbfgsConfig,
    Field(discriminator="name"),
]


DECADE = 10.0
