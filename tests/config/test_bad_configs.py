"""A table of broken configurations: the place and the words of each problem."""

# ruff: noqa: E501 (one row a line)

import pytest

from mlcli.config.loading.load import parse_config
from mlcli.config.rules.values import ConfigIssue
from mlcli.errors import ConfigError, Problem

CSV = "dataset: {name: csv, path: a.csv, target: y}\n"
IRIS = "dataset: iris\n"


def problems_of(text: str, *overrides: str) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "c.yaml", "c", overrides)
    return caught.value.problems


UNKNOWN_KEYS = [
    (CSV + "optimizer: {lrr: 3}", "optimizer.lrr", 2, 13, "unknown key; did you mean 'lr'?"),
    (CSV + "optimizer:\n  learning_rate: 0.1", "optimizer.learning_rate", 3, 3, "unknown key; did you mean 'lr'?"),
    (CSV + "optimizer: {momentum: 0.9}", "optimizer.momentum", 2, 13,
     "unknown key; momentum belongs to sgd, rmsprop, muon; optimizer.name is adam"),
    (CSV + "optimizer: {name: sgd, beta1: 0.9}", "optimizer.beta1", 2, 24,
     "beta1 belongs to adam, adamw, adamax, nadam, radam; optimizer.name is sgd"),
    (CSV + "optimizer: {momentun: 0.9}", "optimizer.momentun", 2, 13, "did you mean 'momentum'? momentum belongs to sgd"),
    (CSV + "optimizer: {epochs: 3}", "optimizer.epochs", 2, 13, "unknown key; epochs belongs under training"),
    (CSV + "epochs: 3", "epochs", 2, 1, "unknown key; epochs belongs under training"),
    (CSV + "epoch: 3", "epoch", 2, 1, "did you mean 'epochs' under training?"),
    (CSV + "learning_rate: 3", "learning_rate", 2, 1, "did you mean 'lr' under optimizer?"),
    (CSV + "training: {seed: 3}", "training.seed", 2, 12, "seed belongs at the top level"),
    (CSV + "datset: 3", "datset", 2, 1, "did you mean 'dataset'?"),
    (CSV + "zzz: 3", "zzz", 2, 1, "unknown key; valid keys: name, seed, device, dataset, features,"),
    ("dataset: {name: csv, path: a.csv, target: y, test: 0.2}", "dataset.test", 1, 46, "test belongs under dataset.split"),
    ("dataset: {name: iris, target: y}", "dataset.target", 1, 23, "target belongs to csv, parquet"),
    ("dataset: {name: iris, path: x}", "dataset.path", 1, 23, "dataset.name is iris"),
    ("dataset: {name: csv, path: a.csv, target: y, sep: ;}", "dataset.sep", 1, 46, "did you mean 'delimiter'?"),
    (CSV + "model: {layers: [3]}", "model.layers", 2, 9, "did you mean 'hidden'?"),
    (CSV + "features:\n  select:\n    kbest: 3", "features.select.kbest", 4, 5, "did you mean 'k_best'?"),
    (CSV + "features: {columns: {a.b: {scal: none}}}", 'features.columns."a.b".scal', 2, 28, "did you mean 'scale'?"),
    (CSV + "loss: {name: mse, delta: 1}", "loss.delta", 2, 19, "delta belongs to huber; loss.name is mse"),
    (CSV + "improve: {space: {model.dropout: {log: [0.1, 0.2], choices: [0.1, 0.3]}}}", 'improve.space."model.dropout".choices', 2, 52, "choices cannot be combined with the other keys here; keep one"),
    (CSV + "<<: {seed: 3}", "<<", 2, 1, "unknown key"),
]  # fmt: skip

NAMES = [
    (CSV + "optimizer: {name: admw}", "optimizer.name", 2, 19,
     "unknown optimizer 'admw'; did you mean 'adamw'? (valid: sgd, adagrad,"),
    (CSV + "optimizer: admw", "optimizer.name", 2, 12, "did you mean 'adamw'?"),
    (CSV + "optimizer: [adam]", "optimizer", 2, 12, 'must be a name (sgd, adagrad'),
    (CSV + "optimizer: {name: 3}", "optimizer.name", 2, 19, "unknown optimizer 3 (valid: sgd"),
    (CSV + "optimizer: {name: ADAM}", "optimizer.name", 2, 19, "did you mean 'adam'?"),
    (CSV + "optimizer:", "optimizer", 2, 11, "got null"),
    ("dataset: arff", "dataset.name", 1, 10, "(valid: csv, parquet, excel, jsonl, sql,"),
    ("dataset: {path: a.csv}", "dataset.name", 1, 1, "is required: csv, parquet"),
    (CSV + "optimizer:\n  schedule: {warmup: 0.1}", "optimizer.schedule.name", 3, 3, "is required: constant, step,"),
    (CSV + "optimizer: {schedule: cosin}", "optimizer.schedule.name", 2, 23, "unknown schedule 'cosin'; did you mean 'cosine'?"),
    (CSV + "loss: {name: bcee}", "loss.name", 2, 14, "unknown loss 'bcee'; did you mean 'bce'?"),
    (CSV + "model: {name: cnn}", "model.name", 2, 15, "unknown model 'cnn' (valid: mlp, tabm)"),
    (CSV + "features: {extract: pcaa}", "features.extract.name", 2, 21, "did you mean 'pca'?"),
    (CSV + "features: {extract: {components: 2}}", "features.extract.name", 2, 12, 'is required: "pca"'),
    ("dataset: {name: iris, outliers: iqrr}", "dataset.outliers.name", 1, 33, "did you mean 'iqr'?"),
]  # fmt: skip

MISSING = [
    ("seed: 3", "dataset", 1, 1, "is required: a name (csv, parquet"),
    ("seed: 3\ndataset:\n  name: csv\n  path: a.csv", "dataset.target", 2, 1, "is required: Column to predict"),
    ("dataset: {name: idx, images: a}", "dataset.labels", 1, 1, "is required: IDX file of labels"),
    ("dataset: {name: sql, path: a.db, target: y}", "dataset.query", 1, 1, "is required: One SELECT statement"),
]

VALUES = [
    (CSV + "training: {batch_size: 0}", "training.batch_size", 2, 24, 'must be a whole number >= 1, "full" or "auto"; got 0'),
    (CSV + "training: {batch_size: ful}", "training.batch_size", 2, 24, "got \"ful\"; did you mean 'full'?"),
    (CSV + 'training: {epochs: "100"}', "training.epochs", 2, 20, 'must be a whole number >= 1; got "100"; remove the quotes'),
    (CSV + "training: {epochs: 10.0}", "training.epochs", 2, 20, "must be a whole number >= 1; got 10.0"),
    (CSV + "training: {epochs: 1e2}", "training.epochs", 2, 20, "got 100.0"),
    (CSV + "training: {epochs: true}", "training.epochs", 2, 20, "must be a whole number >= 1; got true"),
    (CSV + "training: {epochs: 1_000}", "training.epochs", 2, 20, 'got "1_000"'),
    (CSV + "training: {shuffle: yes}", "training.shuffle", 2, 21, 'must be true or false; got "yes"'),
    (CSV + "training: {shuffle: 1}", "training.shuffle", 2, 21, "must be true or false; got 1"),
    (CSV + "training: {early_stopping: true}", "training.early_stopping", 2, 28,
     "must be a section (metric, patience, min_delta) or null; got true"),
    (CSV + "training: 5", "training", 2, 11, "must be a section (epochs, batch_size,"),
    (CSV + "training: {clip_norm: -1}", "training.clip_norm", 2, 23, "must be a number > 0 or null; got -1"),
    (CSV + "optimizer: {lr: 0}", "optimizer.lr", 2, 17, "must be a number > 0; got 0"),
    (CSV + "optimizer: {lr: true}", "optimizer.lr", 2, 17, "must be a number > 0; got true"),
    (CSV + "optimizer: {lr: '1e-3'}", "optimizer.lr", 2, 17, "remove the quotes"),
    (CSV + "optimizer: {lr: null}", "optimizer.lr", 2, 17, "must be a number > 0; got null"),
    (CSV + "model:\n  dropout: 1", "model.dropout", 3, 12, "must be a number >= 0 and < 1; got 1"),
    (CSV + "model: {hidden: 64}", "model.hidden", 2, 17, "must be a list of at most 100, each item a whole number >= 1 and <= 1000000; got 64"),
    (CSV + "model: {hidden: [64, '32']}", "model.hidden[1]", 2, 22, "must be a whole number >= 1"),
    (CSV + "model:\n  hidden:\n    - 64\n    - 0", "model.hidden[1]", 5, 7, "must be a whole number >= 1 and"),
    (CSV + "model: {activation: rleu}", "model.activation", 2, 21, "did you mean 'relu'?"),
    (CSV + "name: a/b", "name", 2, 7, 'must be 1 to 64 letters, digits, - and _, starting with a letter or digit; got "a/b"'),
    (CSV + "device: gpu", "device", 2, 9, 'must be auto, cpu, cuda, cuda:1 or mps; got "gpu"'),
    (CSV + "seed: -1", "seed", 2, 7, "must be a whole number >= 0"),
    ("dataset: {name: csv, path: 5, target: y}", "dataset.path", 1, 28, "got 5; put it in quotes"),
    ("dataset: {name: csv, path: '', target: y}", "dataset.path", 1, 28, 'must be text that is not empty; got ""'),
    ("dataset: {name: csv, path: a, target: []}", "dataset.target", 1, 39, "must be text that is not empty or a list"),
    ("dataset: {name: csv, path: a, target: y, missing: {values: [-999]}}", "dataset.missing.values[0]", 1, 61,
     "must be text; got -999; put it in quotes"),
    ("dataset: {name: csv, path: a, target: y, delimiter: x}", "dataset.delimiter", 1, 53, 'must be ",", ";", "\\t", "|" or " "'),
    ("dataset: {name: csv, path: a, target: y, types: {z: text}}", "dataset.types.z", 1, 53, 'must be "number", "category", "boolean" or "date"'),
    ("dataset: {name: csv, path: a, target: y, dates: {z: 'day/month'}}", "dataset.dates.z", 1, 53, "must be how dates are written, such as %d/%m/%Y"),
    ("dataset: {name: csv, path: a, target: y, dates: {z: '%d/%Y'}}", "dataset.dates.z", 1, 53, "must contain month (%m or %b), year (%Y)"),
    ("dataset: {name: csv, path: a, target: y, dates: {z: '%d/%m/%Y %H'}}", "dataset.dates.z", 1, 53, "must contain hour (%H, or %I and %p) and minute"),
    ("dataset: {name: csv, path: a, target: y, numbers: {z: {thousands: '.', decimal: '.'}}}", "dataset.numbers.z.thousands", 1, 67, "is also the decimal mark"),
    ("dataset: {name: csv, path: a, target: y, decimal: ',', delimiter: ';', numbers: {z: {thousands: ','}}}", "dataset.numbers.z.thousands", 1, 97, "set dataset.numbers.z.decimal"),
    ("dataset: {name: csv, path: a, target: y, types: {z: category}, numbers: {z: {unit: kg}}}", "dataset.numbers.z", 1, 74, "dataset.types declares 'z' as category"),
    ("dataset: {name: csv, path: a, target: y, dates: {z: '%d/%m/%Y'}, numbers: {z: {unit: kg}}}", "dataset.numbers.z", 1, 76, "dataset.dates too"),
    ("dataset: {name: csv, path: a, target: y, numbers: {z: {unit: '5 kg'}}}", "dataset.numbers.z.unit", 1, 62, "must be"),
    ("dataset: {name: csv, path: a, target: y, dates: {y: '%d/%m/%Y'}}", "dataset.dates.y", 1, 50, "is the target"),
    ("dataset: {name: csv, path: a, target: y, types: {z: number}, dates: {z: '%d/%m/%Y'}}", "dataset.dates.z", 1, 70, "dataset.types declares 'z' as number"),
    ("dataset: {name: csv, path: a, target: y, types: {y: boolean}}", "dataset.types.y", 1, 53, "must be number or category: 'y' is predicted"),
    ("dataset: {name: csv, path: a, target: y, types: {'': number}}", 'dataset.types.""', 1, 50, "the key must be text that is not empty"),
    ("dataset: {name: iris, split: {test: 1.5}}", "dataset.split.test", 1, 37,
     "must be a number >= 0 and < 1, or a whole number >= 1; got 1.5"),
    ("dataset: {name: images, path: a, size: [28]}", "dataset.size", 1, 40,
     "must be a list of 2, each item a whole number >= 1 and <= 1024; got [28]"),
    (CSV + "evaluation: {metrics: [acuracy]}", "evaluation.metrics[0]", 2, 24, "did you mean 'accuracy'?"),
    (CSV + "improve: {space: {optimizer.lr: 3}}", 'improve.space."optimizer.lr"', 2, 33,
     "must be [low, high], {log: [low, high]} or {choices: [a, b, …]}; got 3"),
    (CSV + "improve: {space: {optimizer.lr: {log: [0, 1]}}}", 'improve.space."optimizer.lr".log', 2, 39,
     "must be [low, high], both > 0; got [0, 1]"),
    (CSV + "loss: {class_weights: {a: 0}}", "loss.class_weights.a", 2, 27, "must be a number > 0; got 0"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "path", "line", "column", "message"), [*UNKNOWN_KEYS, *NAMES, *VALUES])
def test_one_problem_with_its_place(text: str, path: str, line: int, column: int, message: str) -> None:
    (problem,) = problems_of(text)
    assert (problem.path, problem.line, problem.column, problem.source) == (path, line, column, "c.yaml")
    assert message in problem.message


@pytest.mark.parametrize(("text", "path", "line", "column", "message"), MISSING)
def test_missing_keys_are_placed_at_their_section(text: str, path: str, line: int, column: int, message: str) -> None:
    (problem,) = problems_of(text)
    assert (problem.path, problem.line, problem.column) == (path, line, column)
    assert problem.message.startswith(message)


def test_all_problems_come_together_in_the_order_of_the_file() -> None:
    text = (
        "seed: x\n"
        "dataset:\n"
        "  name: csv\n"
        "  path: 3\n"
        "optimizer: {lrr: 1, l1: -1, schedule: {name: plateau}}\n"
        "training: {early_stopping: {patience: 0}, clip_norm: 0}\n"
        "foo: 1\n"
    )
    places = [(p.line, p.column, p.path) for p in problems_of(text, "model.dropuot=0.1")]
    assert places == [
        (1, 7, "seed"),
        (2, 1, "dataset.target"),
        (4, 9, "dataset.path"),
        (5, 13, "optimizer.lrr"),
        (5, 25, "optimizer.l1"),
        (6, 39, "training.early_stopping.patience"),
        (6, 54, "training.clip_norm"),
        (7, 1, "foo"),
        (None, None, "model.dropuot"),
    ]


def test_conflicts_are_told_beside_issues_they_do_not_rest_on() -> None:
    text = (
        CSV
        + "optimizer: {name: sgd, nesterov: true, momentum: '0.9'}\nloss: {name: bce}\nmodel: {output: step, dropout: 2}\n"
    )
    assert [(p.line, p.path) for p in problems_of(text)] == [
        (2, "optimizer.momentum"),
        (4, "model.output"),
        (4, "model.dropout"),
    ]


@pytest.mark.parametrize("unreadable", [".inf", "*x", "99999999999999999999", '"\\0"'])
def test_an_unreadable_value_is_not_told_missing_as_well(unreadable: str) -> None:
    (problem,) = problems_of(f"dataset: {{name: csv, path: a.csv, target: {unreadable}}}")
    assert problem.path == "dataset.target"


def test_a_key_that_stands_in_several_places_is_sent_to_the_nearest() -> None:
    (near,) = problems_of(CSV + "training: {patience: 3}")
    assert near.message == "unknown key; patience belongs under training.early_stopping"
    (far,) = problems_of(CSV + "patience: 3")
    assert far.message == "unknown key; patience belongs under optimizer.schedule or under training.early_stopping"


def test_a_problem_reads_as_a_line() -> None:
    (problem,) = problems_of(CSV + "optimizer: {lrr: 3}")
    assert str(problem) == "c.yaml:2:13 optimizer.lrr: unknown key; did you mean 'lr'?"


@pytest.mark.parametrize(
    "text",
    [
        "features: {columns: {" + "".join(f"c{i}: {{scal: robust}}, " for i in range(2000)) + "}}",
        "improve: {space: {" + "".join(f"k{i}: [0, 1], " for i in range(2000)) + "}}",
        "features: {columns: {a: {order: [" + "1, " * 2000 + "]}}}",
    ],
    ids=["columns", "space", "order"],
)
def test_no_more_problems_are_worded_than_are_told(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A suggestion takes most of a millisecond, and a damaged file can need thousands."""
    made: list[ConfigIssue] = []
    told = ConfigIssue.__init__

    def counted(issue: ConfigIssue, *values: object, **named: object) -> None:
        made.append(issue)
        told(issue, *values, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(ConfigIssue, "__init__", counted)
    with pytest.raises(ConfigError, match="these are the first 100"):
        parse_config(IRIS + text, "c.yaml", "c")
    assert len(made) < 1000


def test_no_more_problems_than_one_can_read() -> None:
    problems = problems_of(CSV + "".join(f"k{index}: 1\n" for index in range(150)))
    assert len(problems) == 101
    assert "more problems" in problems[-1].message
