"""The weights that a configuration needs, and a model made of those read from a file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from mlcli.config.sections.model import ModelConfig, PeriodicEmbedding, PiecewiseEmbedding, TabmConfig
from mlcli.errors import ArtefactError
from mlcli.features.state import FeatureLayout
from mlcli.models.inference import Array, FittedEnsemble, FittedModel, FittedNetwork
from mlcli.models.task import FittedTask, output_of


def read_model(
    configs: Sequence[ModelConfig],
    is_ensemble: bool,
    layout: FeatureLayout,
    task: FittedTask,
    weights: Mapping[str, Array],
) -> FittedModel:
    """The network of one configuration, or the mean of several. Raises ArtefactError for weights that do not fit."""
    prefixes = [f"members.{i}." for i in range(len(configs))] if is_ensemble else [""]
    left, networks = dict(weights), []
    for prefix, config in zip(prefixes, configs, strict=True):
        shapes = weight_shapes(config, layout, task.n_outputs)
        own = {name: _take(left, f"{prefix}{name}", shape) for name, shape in shapes}
        networks.append(FittedNetwork(config, layout, output_of(task), own))
    if left:
        raise _misfit(f"'{min(left)}' belongs to no layer")
    return FittedEnsemble(networks, output_of(task)) if is_ensemble else networks[0]


def _take(weights: dict[str, Array], name: str, shape: tuple[int, ...]) -> Array:
    dtype = "int64" if name.endswith("num_batches_tracked") else "float32"
    array = weights.pop(name, None)
    if array is None:
        raise _misfit(f"'{name}' is missing")
    if array.dtype != dtype or array.shape != shape:
        raise _misfit(f"'{name}' is {array.dtype} {array.shape}, expected {dtype} {shape}")
    return array


def _misfit(problem: str) -> ArtefactError:
    return ArtefactError(f"the weights do not fit the configured network: {problem}; train again")


def embedding_width(n_categories: int) -> int:
    """Length of the vector learned for each of n categories (the rule of fastai's tabular models)."""
    return min(50, round(1.6 * math.pow(n_categories, 0.56)))


def weight_shapes(config: ModelConfig, layout: FeatureLayout, n_outputs: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and shape of each weight of a configured network, as torch has them."""
    numbers, embedding = len(layout.numbers), config.embedding
    width = layout.n_numeric
    if isinstance(embedding, PiecewiseEmbedding) and numbers:
        width += numbers * (embedding.width - 1)
        yield from ((f"numbers.{name}", (numbers, embedding.bins + 1)) for name in ("low", "slope"))
        yield "numbers.weight", (numbers, embedding.bins + 1, embedding.width)
        yield "numbers.bias", (numbers, embedding.width)
    if isinstance(embedding, PeriodicEmbedding) and numbers:
        width += numbers * (embedding.width - 1)
        yield "numbers.weight", (numbers, embedding.frequencies)
        yield "numbers.linear.weight", (embedding.width, 2 * embedding.frequencies)
        yield "numbers.linear.bias", (embedding.width,)
    for i, count in enumerate(layout.cardinalities):
        width += embedding_width(count)
        yield f"embeddings.{i}.weight", (count, embedding_width(count))
    members = config.members if isinstance(config, TabmConfig) else 1
    if isinstance(config, TabmConfig):
        yield "scale", (members, width)
    place = 0
    for units in config.hidden:
        yield f"hidden.{place}.weight", (units, width)
        yield f"hidden.{place}.bias", (units,)
        names = {"none": (), "layer": ("weight", "bias"), "batch": ("weight", "bias", "running_mean", "running_var")}
        yield from ((f"hidden.{place + 1}.{name}", (units,)) for name in names[config.norm])
        if config.norm == "batch":
            yield f"hidden.{place + 1}.num_batches_tracked", ()
        place += 2 + (config.norm != "none") + (config.dropout > 0)
        width = units
    yield "output.weight", (members * n_outputs, width)
    yield "output.bias", (members * n_outputs,)
