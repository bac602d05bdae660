"""The `model` and `loss` sections: the network and what it minimises."""

from typing import Annotated, Literal

from pydantic import Field

from mlcli.config.sections.base import ColumnName, OpenShare, Positive, Section

Activation = Literal[
    "identity", "step", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "mish",
    "softplus", "softsign", "hard_tanh", "hard_sigmoid", "hard_swish", "relu6", "celu",
]  # fmt: skip
Init = Literal[
    "auto",
    "he_normal",
    "he_uniform",
    "glorot_normal",
    "glorot_uniform",
    "lecun_normal",
    "orthogonal",
    "zeros",
]
Units = Annotated[int, Field(ge=1, le=1_000_000)]


class MlpConfig(Section):
    """A multilayer perceptron; no hidden layer makes it linear, logistic or softmax regression."""

    name: Literal["mlp"] = "mlp"
    hidden: Annotated[tuple[Units, ...], Field(max_length=100)] = Field(
        (64, 32), description="Units in each hidden layer. [] is linear / logistic / softmax regression."
    )
    activation: Activation = Field(
        "relu",
        description="Non-linearity of hidden units. Without one the network is linear and cannot learn XOR.",
    )
    output: Literal["auto", "identity", "sigmoid", "softmax", "step"] = Field(
        "auto",
        description="Output unit. auto: identity for regression, sigmoid for two classes, softmax for more. "
        "step is Rosenblatt's perceptron (two classes, no probabilities).",
    )
    dropout: OpenShare = Field(
        0.0, description="Share of hidden units silenced at random in each step; 0.2–0.5 against overfitting."
    )
    norm: Literal["none", "batch", "layer"] = Field(
        "none", description="Normalisation before each activation. Helps deep networks."
    )
    init: Init = Field(
        "auto",
        description="First weights. auto: He for the ReLU family, LeCun for selu, Glorot for the others.",
    )
    max_norm: Positive | None = Field(
        None,
        description="Weight constraint: the incoming weights of a unit are kept within this Euclidean norm.",
    )


ModelConfig = MlpConfig


class _ClassLoss(Section):
    class_weights: Literal["none", "balanced"] | dict[ColumnName, Positive] = Field(
        "none",
        description="Weight of each class in the cost: balanced is n / (K · n_class), as in scikit-learn; or a "
        "number per class name. Use it when classes are imbalanced.",
    )


class AutoLoss(_ClassLoss):
    """mse for regression, bce for two classes, cross_entropy for more, perceptron for a step output."""

    name: Literal["auto"] = "auto"
    label_smoothing: OpenShare = Field(0.0, description="Share of probability spread over the other classes.")


class RegressionLoss(Section):
    """mse: mean squared error; mae: mean absolute error."""

    name: Literal["mse", "mae"]


class HuberLoss(Section):
    """Squared near zero, absolute beyond delta: robust to outliers (Huber, 1964)."""

    name: Literal["huber"]
    delta: Positive = Field(1.0, description="Where the loss turns linear, in standard deviations of the target.")


class QuantileLoss(Section):
    """Pinball loss: predicts a quantile of the target instead of its mean."""

    name: Literal["quantile"]
    q: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(0.5, description="The quantile; 0.5 is the median.")


class CrossEntropyLoss(_ClassLoss):
    """bce: binary cross-entropy (two classes); cross_entropy: −ln of the true class's probability (K classes)."""

    name: Literal["bce", "cross_entropy"]
    label_smoothing: OpenShare = Field(0.0, description="Share of probability spread over the other classes.")


class FocalLoss(_ClassLoss):
    """Cross-entropy that favours hard rows (Lin et al., 2017)."""

    name: Literal["focal"]
    gamma: Annotated[float, Field(ge=0.0)] = Field(2.0, description="Focus: 0 is cross-entropy.")


class MarginLoss(_ClassLoss):
    """hinge: max(0, 1 − y·z), as in a linear SVM; perceptron: max(0, −y·z), Rosenblatt's rule. Two classes."""

    name: Literal["hinge", "perceptron"]


LossConfig = Annotated[
    AutoLoss | RegressionLoss | HuberLoss | QuantileLoss | CrossEntropyLoss | FocalLoss | MarginLoss,
    Field(discriminator="name"),
]
