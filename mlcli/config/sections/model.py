"""The `model` and `loss` sections: the network, and what it minimises."""

from typing import Annotated, Any, Literal

from mlcli.config.sections.base import ColumnName, Constraint, OpenShare, Positive, Section, key

# Keys are laid out by hand: default and meaning, when to change it, the course's word and an example.
# fmt: off

Activation = Literal[
    "identity", "step", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "mish",
    "softplus", "softsign", "hard_tanh", "hard_sigmoid", "hard_swish", "relu6", "celu",
]
Init = Literal[
    "auto", "he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "lecun_normal", "orthogonal", "zeros"
]
Units = Annotated[int, Constraint(ge=1, le=1_000_000)]
Hidden = Annotated[tuple[Units, ...], Constraint(max_length=100)]
Width = Annotated[int, Constraint(ge=1, le=1000)]

_HIDDEN: dict[str, Any] = {
    "when": "Too few units underfit, too many overfit: enlarge until the training loss falls, then regularise.",
    "term": "hidden layers; hyper-parameters (capas ocultas, hiperparámetros)",
    "example": [128, 64],
}
_WIDTH: dict[str, Any] = {"when": "8 to 20; fewer for many columns.", "example": 8}
_SMOOTHING: dict[str, Any] = {"when": "Try 0.05 to 0.1 when labels may be wrong.", "example": 0.1}
_CORRECTED: bool = key(
    True,
    "With class_weights: divide the predicted probabilities by them and by their sum, so that they estimate how "
    "frequent the classes are, as without weights (prior correction; King and Zeng, 2001). The weights still decide "
    "which class is predicted (evaluation.threshold).",
    "false for the probabilities of the weighted loss, in which a rare class is as frequent as its weight makes it.",
    term="prior correction (corrección de probabilidades a priori)", example=False)


class NoEmbedding(Section):
    """Each number is one input."""

    name: Literal["none"] = "none"


class PiecewiseEmbedding(Section):
    """A vector for each number, piecewise linear in it, with corners at quantiles (Gorishniy et al., 2022 and 2025)."""

    name: Literal["piecewise"]
    bins: Annotated[int, Constraint(ge=2, le=1000)] = key(
        32, "Pieces of each column, between quantiles of the training rows; the outer ones go on beyond them.",
        "16 to 64; fewer for few rows.", example=48)
    width: Width = key(12, "Length of each number's vector.", **_WIDTH)


class PeriodicEmbedding(Section):
    """A vector for each number from sines and cosines of learned frequencies (Gorishniy et al., 2022; PLR, lite)."""

    name: Literal["periodic"]
    frequencies: Annotated[int, Constraint(ge=1, le=1000)] = key(48, "Sines and cosines of each number.", "24 to 96.")
    sigma: Positive = key(
        0.1, "Standard deviation of the initial frequencies, in periods a unit of the scaled number.",
        "Tune it, on a log scale from 0.01, which is nearly linear, to 5, which tells single values apart.",
        example=0.5)
    width: Width = key(16, "Length of each number's vector.", **_WIDTH)


EmbeddingConfig = NoEmbedding | PiecewiseEmbedding | PeriodicEmbedding


class UniformInit(Section):
    """Weights drawn evenly between two numbers."""

    name: Literal["uniform"]
    low: float = key(-1.0, "Lowest initial weight.", example=-0.5)
    high: float = key(1.0, "Highest initial weight.", example=0.5)


class _Network(Section):
    name: str
    hidden: Hidden = key(
        (64, 32), "Units in each hidden layer. [] is linear / logistic / softmax regression.", **_HIDDEN)
    embedding: EmbeddingConfig = key(
        NoEmbedding.model_construct(),
        "Number columns of a table as learned vectors, so that small networks fit jumps and steep slopes. Categories "
        "have learned vectors by features.encode: embedding.",
        "piecewise when trees beat the network; it needs little tuning.",
        term="feature embeddings", example="piecewise")
    activation: Activation = key(
        "relu", "Non-linearity of hidden units. Without one the network is linear and cannot learn XOR.",
        "Avoid sigmoid in hidden layers; try relu first, with care for the learning rate, then leaky_relu, elu or "
        "tanh.",
        term="activation function (función de activación)", example="elu")
    output: Literal["auto", "identity", "sigmoid", "softmax", "step"] = key(
        "auto",
        "Output unit. auto: identity for regression, exp with loss poisson, sigmoid for two classes, softmax for more. "
        "step is Rosenblatt's perceptron (two classes, no probabilities).",
        term="output layer: sigmoid for two classes, softmax for K (capa de salida)")
    dropout: OpenShare = key(
        0.0, "Share of hidden units set to 0 at random in each step; 0.2–0.5 against overfitting.",
        term="dropout, a regularisation (regularización)", example=0.2)
    norm: Literal["none", "batch", "layer"] = key(
        "none",
        "Normalisation before each activation. Helps deep networks. batch needs steps of two rows or more: a single "
        "row that is left over joins the step before it.",
        "Try batch when more than three layers train badly.")
    init: Init | UniformInit = key(
        "auto",
        "Initial weights. auto: He for the ReLU family, LeCun for selu, Glorot for the others; or {name: uniform, low: "
        "-1, high: 1}. Biases start at 0.",
        "Rarely needed: auto suits the activation.", term="initialisation: He, Glorot (inicialización)",
        example="glorot_uniform")
    max_norm: Positive | None = key(
        None, "Weight constraint: the incoming weights of a unit are kept within this Euclidean norm.",
        "Try 1 to 4 together with dropout.", term="weight constraints, a regularisation (restricciones de pesos)",
        example=3)


class MlpConfig(_Network):
    """A multilayer perceptron; no hidden layer makes it linear, logistic or softmax regression."""

    name: Literal["mlp"] = "mlp"


class TabmConfig(_Network):
    """TabM-mini (Gorishniy et al., 2025): members that share hidden layers; predictions are the mean of theirs.

    Each has its own scale of every input and its own output layer, and learns by itself.
    """

    name: Literal["tabm"]
    members: Annotated[int, Constraint(ge=2, le=1000)] = key(
        16, "Members of the network. A step takes about so many times as long as that of one.",
        "32 for the last bit of accuracy, 8 for speed.", term="ensemble in one network", example=32)
    hidden: Hidden = key((128, 128), "Units in each hidden layer, which the members share.", **_HIDDEN)


ModelConfig = MlpConfig | TabmConfig


def normalises_batches(config: ModelConfig) -> bool:
    """Whether training needs two rows or more in each step, whose mean and variance normalise the hidden units."""
    return config.norm == "batch" and len(config.hidden) > 0


class _Loss(Section):
    reduction: Literal["mean", "sum"] = key(
        "mean",
        "Cost of a step: the mean over its rows, or their sum, whose gradient is so many times as long. Losses are "
        "reported as means either way.",
        "sum as in gradient descent written by hand; lr is then that many times lower.",
        term="loss and cost (pérdida, coste)", example="sum")


class _ClassLoss(_Loss):
    class_weights: Literal["none", "balanced"] | dict[ColumnName, Positive] = key(
        "none",
        "Weight of each class in the cost: balanced is n / (K · n_class), as in scikit-learn; or a number per class "
        "name, 1 for those that are not named. Use it when classes are imbalanced. Classes of larger weight are "
        "predicted more often; their probabilities are corrected (correct_probabilities), except with focal.",
        term="imbalanced data (datos desbalanceados)", example="balanced")


class _NumberLoss(_Loss):
    target: Literal["none", "log", "quantile"] = key(
        "none",
        "What is learned of a number: log, its natural logarithm, of 1 more where training rows are 0; quantile, its "
        "normal score by ranks. Predictions and metrics are in the number's own units: with auto or mse they estimate "
        "the mean, by averaging over the residuals of the validation rows (smearing; Duan, 1983); with the other "
        "losses they are transformed back alone, so that quantiles stay quantiles.",
        "log for amounts that spread over powers of ten and whose errors count in percent; compare them by validation "
        "rows: improve.space: {loss.target: {choices: [none, log, quantile]}}.",
        term="transformed target (transformación del objetivo)", example="log")


class AutoLoss(_ClassLoss, _NumberLoss):
    """mse for regression, bce for two classes, cross_entropy for more, perceptron for a step output."""

    name: Literal["auto"] = "auto"
    label_smoothing: OpenShare = key(0.0, "Share of probability spread over the other classes.", **_SMOOTHING)
    correct_probabilities: bool = _CORRECTED


class RegressionLoss(_NumberLoss):
    """mse: mean squared error, of two classes' probability with model.output: sigmoid; mae: mean absolute error."""

    name: Literal["mse", "mae"]


class HuberLoss(_NumberLoss):
    """Squared near zero, absolute beyond delta: robust to outliers (Huber, 1964)."""

    name: Literal["huber"]
    delta: Positive = key(
        1.0, "Where the loss becomes linear, in standard deviations of the target.",
        "Lower it to reduce the influence of extreme targets.", example=0.5)


class QuantileLoss(_NumberLoss):
    """Pinball loss: predicts a quantile of the target instead of its mean."""

    name: Literal["quantile"]
    q: Annotated[float, Constraint(gt=0.0, lt=1.0)] = key(
        0.5, "The quantile; 0.5 is the median.", "0.9 predicts the value that nine in ten targets stay below.",
        example=0.9)


class PoissonLoss(_Loss):
    """Poisson regression, for counts: the output is exp (a log link), the loss half the deviance."""

    name: Literal["poisson"]


class CrossEntropyLoss(_ClassLoss):
    """bce: binary cross-entropy (two classes); cross_entropy: −ln of the true class's probability (K classes)."""

    name: Literal["bce", "cross_entropy"]
    label_smoothing: OpenShare = key(0.0, "Share of probability spread over the other classes.", **_SMOOTHING)
    correct_probabilities: bool = _CORRECTED


class FocalLoss(_ClassLoss):
    """Cross-entropy that gives hard rows more weight (Lin et al., 2017)."""

    name: Literal["focal"]
    gamma: Annotated[float, Constraint(ge=0.0)] = key(
        2.0, "Focusing parameter; 0 is cross-entropy.", "Raise it to give hard rows more weight.", example=3)


class MarginLoss(_ClassLoss):
    """hinge: max(0, 1 − y·z), as in a linear SVM; perceptron: max(0, −y·z), Rosenblatt's rule. Two classes."""

    name: Literal["hinge", "perceptron"]


LossConfig = (
    AutoLoss | RegressionLoss | HuberLoss | QuantileLoss | PoissonLoss | CrossEntropyLoss | FocalLoss | MarginLoss
)
