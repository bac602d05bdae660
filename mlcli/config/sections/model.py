"""The `model` and `loss` sections: the network and what it minimises."""

from typing import Annotated, Any, Literal

from pydantic import Field

from mlcli.config.sections.base import ColumnName, OpenShare, Positive, Section, key

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

_SMOOTHING: dict[str, Any] = {"when": "Try 0.05 to 0.1 when labels may be wrong.", "example": 0.1}


class MlpConfig(Section):
    """A multilayer perceptron; no hidden layer makes it linear, logistic or softmax regression."""

    name: Literal["mlp"] = "mlp"
    hidden: Annotated[tuple[Units, ...], Field(max_length=100)] = key(
        (64, 32),
        "Units in each hidden layer. [] is linear / logistic / softmax regression.",
        "Too few units underfit, too many overfit: enlarge until the training loss falls, then regularise.",
        term="hidden layers; hyper-parameters (capas ocultas, hiperparámetros)",
        example=[128, 64],
    )
    activation: Activation = key(
        "relu",
        "Non-linearity of hidden units. Without one the network is linear and cannot learn XOR.",
        "Avoid sigmoid in hidden layers; try relu first, with care for the learning rate, then leaky_relu,"
        " elu or tanh.",
        term="activation function (función de activación)",
        example="elu",
    )
    output: Literal["auto", "identity", "sigmoid", "softmax", "step"] = key(
        "auto",
        "Output unit. auto: identity for regression, sigmoid for two classes, softmax for more. "
        "step is Rosenblatt's perceptron (two classes, no probabilities).",
        term="output layer: sigmoid for two classes, softmax for K (capa de salida)",
    )
    dropout: OpenShare = key(
        0.0,
        "Share of hidden units set to 0 at random in each step; 0.2–0.5 against overfitting.",
        term="dropout, a regularisation (regularización)",
        example=0.2,
    )
    norm: Literal["none", "batch", "layer"] = key(
        "none",
        "Normalisation before each activation. Helps deep networks.",
        "Try batch when more than three layers train badly.",
    )
    init: Init = key(
        "auto",
        "Initial weights. auto: He for the ReLU family, LeCun for selu, Glorot for the others.",
        "Rarely needed: auto suits the activation.",
        term="initialisation: He, Glorot (inicialización)",
        example="glorot_uniform",
    )
    max_norm: Positive | None = key(
        None,
        "Weight constraint: the incoming weights of a unit are kept within this Euclidean norm.",
        "Try 1 to 4 together with dropout.",
        term="weight constraints, a regularisation (restricciones de pesos)",
        example=3,
    )


ModelConfig = MlpConfig


class _ClassLoss(Section):
    class_weights: Literal["none", "balanced"] | dict[ColumnName, Positive] = key(
        "none",
        "Weight of each class in the cost: balanced is n / (K · n_class), as in scikit-learn; or a "
        "number per class name. Use it when classes are imbalanced.",
        term="imbalanced data (datos desbalanceados)",
        example="balanced",
    )


class AutoLoss(_ClassLoss):
    """mse for regression, bce for two classes, cross_entropy for more, perceptron for a step output."""

    name: Literal["auto"] = "auto"
    label_smoothing: OpenShare = key(0.0, "Share of probability spread over the other classes.", **_SMOOTHING)


class RegressionLoss(Section):
    """mse: mean squared error; mae: mean absolute error."""

    name: Literal["mse", "mae"]


class HuberLoss(Section):
    """Squared near zero, absolute beyond delta: robust to outliers (Huber, 1964)."""

    name: Literal["huber"]
    delta: Positive = key(
        1.0,
        "Where the loss becomes linear, in standard deviations of the target.",
        "Lower it to reduce the influence of extreme targets.",
        example=0.5,
    )


class QuantileLoss(Section):
    """Pinball loss: predicts a quantile of the target instead of its mean."""

    name: Literal["quantile"]
    q: Annotated[float, Field(gt=0.0, lt=1.0)] = key(
        0.5,
        "The quantile; 0.5 is the median.",
        "0.9 predicts the value that nine in ten targets stay below.",
        example=0.9,
    )


class CrossEntropyLoss(_ClassLoss):
    """bce: binary cross-entropy (two classes); cross_entropy: −ln of the true class's probability (K classes)."""

    name: Literal["bce", "cross_entropy"]
    label_smoothing: OpenShare = key(0.0, "Share of probability spread over the other classes.", **_SMOOTHING)


class FocalLoss(_ClassLoss):
    """Cross-entropy that gives hard rows more weight (Lin et al., 2017)."""

    name: Literal["focal"]
    gamma: Annotated[float, Field(ge=0.0)] = key(
        2.0, "Focusing parameter; 0 is cross-entropy.", "Raise it to give hard rows more weight.", example=3
    )


class MarginLoss(_ClassLoss):
    """hinge: max(0, 1 − y·z), as in a linear SVM; perceptron: max(0, −y·z), Rosenblatt's rule. Two classes."""

    name: Literal["hinge", "perceptron"]


LossConfig = Annotated[
    AutoLoss | RegressionLoss | HuberLoss | QuantileLoss | CrossEntropyLoss | FocalLoss | MarginLoss,
    Field(discriminator="name"),
]
