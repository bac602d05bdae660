"""README.md of a bundle: what is known of the model, as a model card of Hugging Face has it, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mlcli.config.loading.dump import changes_of, dump_briefly
from mlcli.config.sections.config import Config
from mlcli.config.tree import Value
from mlcli.data.tables.types import Schema
from mlcli.io.text import counted, printable, show_number, some_of
from mlcli.metrics.weighting import describe_correction
from mlcli.models.task import Classification, FittedTask, Regression

CARD_FILE = "README.md"
SPLITS = {"train": "training", "valid": "validation", "test": "test"}
# Names in a sentence, and rows of the table of columns.
LISTED, MOST_COLUMNS = 10, 200
# What Markdown and HTML would read as more than text.
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$&!])")


def write_card(
    config: Config, schema: Schema, task: FittedTask, facts: Mapping[str, Any], n_parameters: int, n_networks: int
) -> str:
    """The card, in Markdown below YAML.

    config : without places of this machine and logins
    facts  : as `bundle_facts` has them; what is missing there is left out
    """
    head = dump_briefly(_metadata(config, schema, task, facts))
    rows = _rows(facts)
    parts = [
        f"---\n{head}\n---",
        f"# {_text(config.name)}",
        f"A {task.kind} model of {_targets(task)}, trained by mlcli{_version(facts)} on {_data(config, facts)}.",
        *([f"The data stand in for {_text(stand_in_for)}."] if (stand_in_for := facts.get("stand_in_for")) else []),
        "## Use\n\n```sh\nmlcli predict new.csv --run FOLDER\n```\n\n"
        '```python\nimport mlcli\n\nmlcli.load("FOLDER").predict(rows)\n```\n\nFOLDER is the folder of this file.',
        "## Input\n\n" + "\n".join(_input(schema)),
        "## Scores\n\n" + "\n".join(_scores(facts, rows)),
        "## Intended use and limits\n\n"
        + "\n".join(f"- {line}" for line in _limits(task, facts, config.training.keep)),
        "## Training\n\n" + "\n".join(f"- {line}" for line in _training(config, facts, n_parameters, n_networks)),
        f"## Configuration\n\nKeys that differ from their defaults:\n\n{_fenced(dump_briefly(changes_of(config)))}",
    ]
    return "\n\n".join(parts) + "\n"


def _metadata(config: Config, schema: Schema, task: FittedTask, facts: Mapping[str, Any]) -> dict[str, Value]:
    """The front matter, by the names of Hugging Face's hub."""
    kind = "image" if schema.image_shape else "tabular"
    pipeline = f"{kind}-{task.kind}"
    known = {split: scores for split in SPLITS if (scores := _measured(facts, split))}
    results = tuple(_result(pipeline, config.dataset.name, split, scores) for split, scores in known.items())
    model: dict[str, Value] = {"name": config.name, "results": results}
    return {
        "library_name": "mlcli",
        "pipeline_tag": pipeline,
        "tags": ("mlcli", kind, task.kind),
        **({"model-index": (model,)} if results else {}),
    }


def _result(task: str, dataset: str, split: str, scores: Mapping[str, float]) -> Value:
    return {
        "task": {"type": task},
        "dataset": {"name": dataset, "type": dataset, "split": SPLITS[split]},
        "metrics": tuple({"type": name, "name": name, "value": value} for name, value in scores.items()),
    }


def _measured(facts: Mapping[str, Any], split: str) -> dict[str, float]:
    """Scores that are numbers."""
    return {name: value for name, value in _named(facts, split).items() if isinstance(value, int | float)}


def _named(facts: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Facts with names of their own; none where there are none, as in bundles of earlier versions."""
    value = facts.get(key)
    return value if isinstance(value, dict) else {}


def _rows(facts: Mapping[str, Any]) -> dict[str, int]:
    """Rows of each split that has any."""
    return {split: count for split, count in _named(facts, "rows").items() if isinstance(count, int) and count}


def _targets(task: FittedTask) -> str:
    if isinstance(task, Regression):
        return some_of([_text(name) for name in task.targets], LISTED)
    return f"{_text(task.target)} ({some_of([_text(name) for name in task.classes], LISTED)})"


def _version(facts: Mapping[str, Any]) -> str:
    version = _named(facts, "versions").get("mlcli")
    return f" {version}" if version else ""


def _data(config: Config, facts: Mapping[str, Any]) -> str:
    values = config.dataset.model_dump(mode="json")
    path, origin = values.get("path") or values.get("images"), values.get("origin")
    count = _rows(facts).get("train")
    told = [config.dataset.name, *([path] if path else []), *([f"from {origin}"] if origin else [])]
    return f"{counted(count, 'row') + ' of ' if count else ''}{', '.join(map(_text, told))}"


def _input(schema: Schema) -> Iterator[str]:
    if schema.image_shape:
        yield f"Images of {' × '.join(map(str, schema.image_shape))} pixels, 0 to 255."
        return
    yield "| column | kind |\n| --- | --- |"
    yield from (f"| {_text(column.name)} | {column.kind} |" for column in schema.columns[:MOST_COLUMNS])
    if len(schema.columns) > MOST_COLUMNS:
        yield f"\nand {len(schema.columns) - MOST_COLUMNS:,} more, which bundle.json lists."


def _scores(facts: Mapping[str, Any], rows: Mapping[str, int]) -> Iterator[str]:
    known = {split: scores for split in SPLITS if (scores := _measured(facts, split))}
    if not known:
        yield "None were kept."
        return
    heads = [SPLITS[split] + (f" ({counted(rows[split], 'row')})" if split in rows else "") for split in known]
    yield f"| score | {' | '.join(heads)} |\n| --- |{' ---: |' * len(known)}"
    for name in dict.fromkeys(name for scores in known.values() for name in scores):
        yield f"| {_text(name)} | {' | '.join(show_number(scores.get(name)) for scores in known.values())} |"


def _limits(task: FittedTask, facts: Mapping[str, Any], keep: str) -> Iterator[str]:
    yield (
        "mlcli knows the data and the scores, not what the model is for nor whom its rows describe: "
        "who publishes it describes both here."
    )
    if facts.get("valid") and keep == "best":
        yield "The best epoch was chosen by the validation rows, so that their scores are optimistic."
    if not facts.get("test"):
        yield "It has not been evaluated on test rows."
    yield "Beyond the values of its training rows it extrapolates; categories unknown to it are read as unknown."
    if isinstance(task, Classification):
        pairs = zip(task.classes, task.counts, strict=True)
        counts = [f"{_text(name)} {count:,}" for name, count in pairs]
        yield f"Training rows of each class: {some_of(counts, LISTED)}."
        if len(task.classes) == 2 and task.has_probabilities:
            yield f"{_text(task.classes[1])} is predicted from a probability of {show_number(task.threshold)} on."
        if correction := describe_correction(task):
            yield f"{correction}."


def _training(config: Config, facts: Mapping[str, Any], n_parameters: int, n_networks: int) -> Iterator[str]:
    of = f"a mean of {n_networks} networks" if n_networks > 1 else f"hidden layers {list(config.model.hidden)}"
    yield f"network: {config.model.name}, {of}, {n_parameters:,} parameters"
    yield f"loss {config.loss.name}, optimizer {config.optimizer.name}, seed {config.seed}"
    if name := config.dataset.weight_name:
        yield f"cost and scores weigh each row by its {_text(name)}"
    if facts.get("best_epoch"):
        yield f"weights of epoch {facts['best_epoch']} of at most {config.training.epochs}"
    if facts.get("parent"):
        yield f"started from the weights of {_text(facts['parent'])}"
    if facts.get("created"):
        yield f"created {facts['created']}"
    if versions := _named(facts, "versions"):
        yield "versions: " + ", ".join(f"{_text(name)} {_text(version)}" for name, version in versions.items())
    if facts.get("data_fingerprint"):
        yield f"prepared data: sha256 {facts['data_fingerprint']}"


def _text(value: object) -> str:
    """Text that Markdown shows as it is."""
    return _SPECIAL.sub(r"\\\1", printable(str(value)))


def _fenced(text: str) -> str:
    """A block of YAML; its fence is longer than any in the text."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}yaml\n{text}\n{fence}"
