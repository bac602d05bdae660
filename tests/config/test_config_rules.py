"""Rules that join several keys: each row breaks one, and its repair does not."""

import pytest

from mlcli.config.loading.load import parse_config
from mlcli.errors import ConfigError
from tests.counting import count_calls

CSV = "dataset: {name: csv, path: a.csv, target: y"
PICTURES = ["digits", "mnist", "fashion_mnist", "stl10", "{name: idx, images: a, labels: b}", "{name: images, path: a}"]

ROWS = [
    # broken, path, line, column, message, repaired
    (f"{CSV}, split: {{by: group}}}}", "dataset.split.by", 1, 58, "group needs dataset.split.column", f"{CSV}, split: {{by: group, column: g}}}}"),
    (f"{CSV}, split: {{by: time}}}}", "dataset.split.by", 1, 58, "time needs dataset.split.column", f"{CSV}, split: {{by: time, column: g}}}}"),
    (f"{CSV}, split: {{by: given}}}}", "dataset.split.by", 1, 58, "given needs", f"{CSV}, split: {{by: given, column: g}}}}"),
    (f"{CSV}, split: {{by: stratified, column: g}}}}", "dataset.split.column", 1, 78, "is not used by stratified; set", f"{CSV}, split: {{by: stratified}}}}"),
    (f"{CSV}, split: {{column: g}}}}", "dataset.split.column", 1, 62, "is not used by auto", f"{CSV}, split: {{by: group, column: g}}}}"),
    (f"{CSV}, split: {{by: group, column: y}}}}", "dataset.split.column", 1, 73, "is the target 'y'", f"{CSV}, split: {{by: group, column: g}}}}"),
    (f"{CSV}, drop: [g], split: {{by: group, column: g}}}}", "dataset.split.column", 1, 84, "'g' is in dataset.drop too", f"{CSV}, drop: [h], split: {{by: group, column: g}}}}"),
    ("dataset: {name: digits, split: {by: group, column: g}}", "dataset.split.by", 1, 37, "images have no columns; got group", "dataset: {name: digits, split: {by: random}}"),
    ("dataset: {name: diabetes, split: {by: stratified}}", "dataset.split.by", 1, 39, "stratified needs classes", "dataset: {name: iris, split: {by: stratified}}"),
    (f"{CSV}, split: {{test: 0.5, valid: 0.5}}}}", "dataset.split", 1, 46, "test 0.5 and valid 0.5 leave no rows to train on", f"{CSV}, split: {{test: 0.5, valid: 0.4}}}}"),
    (f"{CSV}, split: {{test: 0.5, valid: 0.5}}}}", "dataset.split", 1, 46, "leave no rows", f"{CSV}, test_path: b.csv, split: {{test: 0.5, valid: 0.5}}}}"),
    ("dataset: {name: iris, split: {valid: 0}}\ntraining: {watch: [f1]}", "training.watch", 2, 12, "to measure metrics after each epoch needs validation rows, and dataset.split.valid is 0", "dataset: {name: iris, split: {valid: 30}}\ntraining: {watch: [f1]}"),
    ("dataset: iris\ntraining: {watch: [accuracy, mae]}", "training.watch[1]", 2, 30, "mae does not suit classification; remove it", "dataset: iris\ntraining: {watch: [accuracy, f1]}"),
    ("dataset: {name: iris, split: {valid: 0}}\ntraining: {early_stopping: {patience: 3}}", "training.early_stopping", 2, 12, "early stopping needs validation rows, and dataset.split.valid is 0", "dataset: {name: iris, split: {valid: 30}}\ntraining: {early_stopping: {}}"),
    ("dataset: {name: iris, split: {valid: 0}}\noptimizer: {schedule: plateau}", "optimizer.schedule.name", 2, 23, "plateau needs validation rows", "dataset: {name: iris, split: {valid: 0}}\noptimizer: {schedule: cosine}"),
    ("dataset: iris\nevaluation: {repeats: 3}", "evaluation.repeats", 2, 23, "needs a number of folds; evaluation.folds is null", "dataset: iris\nevaluation: {repeats: 3, folds: 5}"),
    (f"{CSV}, split: {{by: time, column: g}}}}\nevaluation: {{folds: leave_one_out}}", "evaluation.folds", 2, 21, "would train on later rows than it predicts", f"{CSV}, split: {{by: group, column: g}}}}\nevaluation: {{folds: leave_one_out}}"),
    (f"{CSV}, split: {{by: time, column: g}}}}\nevaluation: {{folds: 5, repeats: 2}}", "evaluation.repeats", 2, 33, "would repeat the same folds", f"{CSV}, split: {{by: group, column: g}}}}\nevaluation: {{folds: 5, repeats: 2}}"),
    (f"{CSV}, outliers: iqr}}\nevaluation: {{folds: 5}}", "evaluation.folds", 2, 21, "without the outliers", f"{CSV}, outliers: none}}\nevaluation: {{folds: 5}}"),
    ("dataset: {name: iris, split: {valid: 0}}\nevaluation: {threshold: f1}", "evaluation.threshold", 2, 25, "choosing the threshold by f1 needs validation rows", "dataset: {name: iris, split: {valid: 0}}\nevaluation: {threshold: 0.3}"),
    (f"{CSV}, drop: [a, y]}}", "dataset.drop", 1, 52, "drops the target 'y'", f"{CSV}, drop: [a]}}"),
    ("dataset: {name: csv, path: a, target: [y, y]}", "dataset.target", 1, 39, "lists 'y' twice", "dataset: {name: csv, path: a, target: [y, z]}"),
    ("dataset: {name: csv, path: a, target: [y, z], task: classification}", "dataset.task", 1, 53, "must be regression or auto with several targets", "dataset: {name: csv, path: a, target: [y, z], task: regression}"),
    ("dataset: {name: csv, path: a, target: [y, z], types: {z: category}}", "dataset.types.z", 1, 58, "several targets are predicted as numbers", "dataset: {name: csv, path: a, target: y, types: {y: category}}"),
    ("dataset: {name: sql, query: SELECT 1, target: y}", "dataset.path", 1, 1, "is required: path of a SQLite file, or url", "dataset: {name: sql, query: SELECT 1, target: y, path: a.db}"),
    ("dataset: {name: sql, query: SELECT 1, target: y, path: a, url: b}", "dataset.url", 1, 64, "cannot be combined with dataset.path", "dataset: {name: sql, query: SELECT 1, target: y, url: b}"),
    ("dataset: {name: idx, images: a, labels: b, test_images: c}", "dataset.test_images", 1, 57, "needs dataset.test_labels as well", "dataset: {name: idx, images: a, labels: b, test_images: c, test_labels: d}"),
    ("dataset: {name: idx, images: a, labels: b, test_labels: c}", "dataset.test_labels", 1, 57, "needs dataset.test_images as well", "dataset: {name: idx, images: a, labels: b}"),
    (f"{CSV}, encoding: cp-1252x}}", "dataset.encoding", 1, 56, "must be a text encoding that Python knows, did you mean cp1252?; got 'cp-1252x'", f"{CSV}, encoding: CP1252}}"),
    (f"{CSV}, encoding: hex}}", "dataset.encoding", 1, 56, "such as utf-8, cp1252", f"{CSV}, encoding: Shift_JIS}}"),
    (f"{CSV}, columns: [a, y]}}", "dataset.columns", 1, 46, "needs dataset.header: false", f"{CSV}, columns: [a, y], header: false}}"),
    (f"{CSV}, columns: [a, y, a], header: false}}", "dataset.columns", 1, 55, "names 'a' 2 times", f"{CSV}, columns: [a, y], header: false}}"),
    (f"{CSV}, decimal: ','}}", "dataset.decimal", 1, 55, "is also the delimiter", f"{CSV}, decimal: ',', delimiter: ;}}"),
    (f"{CSV}}}\nfeatures: {{derive: {{y: a + b}}}}", "features.derive.y", 2, 21, "the name is the target", f"{CSV}}}\nfeatures: {{derive: {{z: a + b}}}}"),
    (f"{CSV}, split: {{by: time, column: t}}}}\nfeatures: {{derive: {{t: a + b}}}}", "features.derive.t", 2, 21, "the name is the split column", f"{CSV}}}\nfeatures: {{derive: {{t: a + b}}}}"),
    (f"{CSV}}}\nfeatures: {{columns: {{y: {{scale: none}}}}}}", "features.columns.y", 2, 22, "the column is the target, so it is not a feature", f"{CSV}}}\nfeatures: {{columns: {{a: {{scale: none}}}}}}"),
    (f"{CSV}, drop: [a]}}\nfeatures: {{columns: {{a: {{scale: none}}}}}}", "features.columns.a", 2, 22, "dropped by dataset.drop", f"{CSV}, drop: [b]}}\nfeatures: {{columns: {{a: {{scale: none}}}}}}"),
    (f"{CSV}}}\nfeatures: {{columns: {{a: {{order: [x, z]}}}}}}", "features.columns.a.order", 2, 26, "needs encode: ordinal for this column; it is one_hot", f"{CSV}}}\nfeatures: {{encode: ordinal, columns: {{a: {{order: [x, z]}}}}}}"),
    (f"{CSV}}}\nfeatures: {{columns: {{a: {{encode: ordinal, order: [x, z, x]}}}}}}", "features.columns.a.order", 2, 50, "lists 'x' twice; list each category once, from lowest to highest", f"{CSV}}}\nfeatures: {{columns: {{a: {{encode: ordinal, order: [x, z]}}}}}}"),
    (f"{CSV}}}\nfeatures: {{columns: {{a: {{buckets: 8}}}}}}", "features.columns.a.buckets", 2, 26, "needs encode: hash for this column; it is one_hot", f"{CSV}}}\nfeatures: {{columns: {{a: {{encode: hash, buckets: 8}}}}}}"),
    (f"{CSV}}}\nfeatures: {{columns: {{a: {{fill_value: 1}}}}}}", "features.columns.a.fill_value", 2, 26, "needs impute: constant", f"{CSV}}}\nfeatures: {{columns: {{a: {{fill_value: 1, impute: constant}}}}}}"),
    (f"{CSV}}}\nfeatures: {{fill_value: 1}}", "features.fill_value", 2, 24, "is used with features.impute: constant only", f"{CSV}}}\nfeatures: {{fill_value: 1, impute: constant}}"),
    (f"{CSV}, types: {{a: category}}}}\nfeatures: {{columns: {{a: {{scale: none}}}}}}", "features.columns.a.scale", 2, 26, "has no effect on a category column", f"{CSV}, types: {{a: number}}}}\nfeatures: {{columns: {{a: {{scale: none}}}}}}"),
    (f"{CSV}, types: {{a: number}}}}\nfeatures: {{columns: {{a: {{encode: ordinal}}}}}}", "features.columns.a.encode", 2, 26, "has no effect on a number column", f"{CSV}, types: {{a: category}}}}\nfeatures: {{columns: {{a: {{encode: ordinal}}}}}}"),
    ("dataset: iris\nmodel: {output: step}\nloss: bce", "model.output", 2, 17, "step needs loss auto, perceptron or hinge; loss.name is bce", "dataset: iris\nmodel: {output: step}\nloss: hinge"),
    ("dataset: iris\nmodel: {output: softmax}\nloss: bce", "model.output", 2, 17, "softmax needs loss auto, cross_entropy or focal", "dataset: iris\nmodel: {output: softmax}\nloss: focal"),
    ("dataset: iris\nmodel: {output: sigmoid}\nloss: hinge", "model.output", 2, 17, "sigmoid needs loss auto, bce, focal or mse", "dataset: iris\nmodel: {output: sigmoid}\nloss: bce"),
    ("dataset: diabetes\nmodel: {output: step}", "model.output", 2, 17, "step is for classification, and the target is numbers", "dataset: diabetes\nmodel: {output: identity}"),
    ("dataset: diabetes\nloss: bce", "loss.name", 2, 7, "bce is for classification, and the target is numbers; use auto, mse", "dataset: diabetes\nloss: huber"),
    (f"{CSV}, task: regression}}\nloss: {{name: focal}}", "loss.name", 2, 14, "focal is for classification", f"{CSV}, task: classification}}\nloss: {{name: focal}}"),
    ("dataset: {name: csv, path: a, target: [y, z]}\nloss: hinge", "loss.name", 2, 7, "hinge is for classification", "dataset: {name: csv, path: a, target: [y, z]}\nloss: mae"),
    ("dataset: iris\nmodel: {init: {name: uniform, low: 1, high: 1}}", "model.init.high", 2, 45, "must be above model.init.low; got 1 to 1", "dataset: iris\nmodel: {init: {name: uniform, low: 0, high: 1}}"),
    ("dataset: mnist\nmodel: {output: sigmoid}\nloss: {name: mse, target: log}", "loss.target", 3, 27, "log is for regression", "dataset: mnist\nmodel: {output: sigmoid}\nloss: mse"),
    ("dataset: iris\nloss: {reduction: sum}", "loss.reduction", 2, 19, "sum grows with the rows of a step", "dataset: iris\nloss: {reduction: sum}\ntraining: {batch_size: 9}"),
    ("dataset: mnist\nloss: mse", "loss.name", 2, 7, "mse is for regression", "dataset: mnist\nmodel: {output: sigmoid}\nloss: mse"),
    ("dataset: mnist\nloss: mse", "loss.name", 2, 7, "mse is for regression, and the target is classes; use auto, bce or cross_entropy", "dataset: plane\nloss: mse"),
    ("dataset: plane\nloss: {class_weights: balanced}", "loss.class_weights", 2, 8, "is for classification", "dataset: spiral\nloss: {class_weights: balanced}"),
    ("dataset: plane\nloss: {label_smoothing: 0.1}", "loss.label_smoothing", 2, 8, "is for classification", "dataset: spiral\nloss: {label_smoothing: 0.1}"),
    ("dataset: plane\nevaluation: {threshold: 0.3}", "evaluation.threshold", 2, 14, "is for classification", "dataset: spiral\nevaluation: {threshold: 0.3}"),
    ("dataset: plane\nevaluation: {positive: a}", "evaluation.positive", 2, 14, "is for classification", "dataset: spiral\nevaluation: {positive: a}"),
    ("dataset: diabetes\nevaluation: {metrics: [r2, f1]}", "evaluation.metrics[1]", 2, 28, "f1 does not suit regression", "dataset: diabetes\nevaluation: {metrics: [r2, mae]}"),
    ("dataset: iris\nevaluation: {metrics: [r2, f1]}", "evaluation.metrics[0]", 2, 24, "r2 does not suit classification", "dataset: iris\nevaluation: {metrics: [mcc, f1]}"),
    ("dataset: iris\ntraining: {early_stopping: {metric: r2}}", "training.early_stopping.metric", 2, 37, "r2 does not suit classification; use loss", "dataset: iris\ntraining: {early_stopping: {metric: f1_weighted}}"),
    ("dataset: diabetes\noptimizer: {schedule: {name: plateau, metric: ece}}", "optimizer.schedule.metric", 2, 47, "ece does not suit regression; use loss", "dataset: diabetes\noptimizer: {schedule: {name: plateau, metric: mape}}"),
    ("dataset: iris\noptimizer: {name: sgd, nesterov: true}", "optimizer.nesterov", 2, 34, "needs optimizer.momentum > 0", "dataset: iris\noptimizer: {name: sgd, nesterov: true, momentum: 0.9}"),
    ("dataset: iris\nmodel: {norm: batch}\ntraining: {batch_size: 1}", "training.batch_size", 3, 24, "one row has no variance for model.norm: batch; use 2 or more, or model.norm: layer", "dataset: iris\nmodel: {norm: batch, hidden: []}\ntraining: {batch_size: 1}"),
    ("dataset: diabetes\nloss: poisson\nmodel: {output: identity}", "model.output", 3, 17, "identity can be negative, which no count is; use auto", "dataset: diabetes\nloss: poisson"),
    ("dataset: diabetes\nevaluation: {metrics: [mae, pinball]}", "evaluation.metrics[1]", 2, 29, "pinball needs loss.name: quantile; it is auto", "dataset: diabetes\nloss: {name: quantile, q: 0.9}\nevaluation: {metrics: [mae, pinball, coverage]}"),
    ("dataset: diabetes\nloss: quantile\nimprove: {metric: coverage}", "improve.metric", 3, 19, "coverage is right at loss.q, and a constant reaches it; use pinball", "dataset: diabetes\nloss: quantile\nimprove: {metric: pinball}"),
    ("dataset: diabetes\nloss: quantile\ntraining: {early_stopping: {metric: coverage}}", "training.early_stopping.metric", 3, 37, "coverage is right at loss.q", "dataset: diabetes\nloss: quantile\ntraining: {early_stopping: {metric: pinball}}"),
    ("dataset: diabetes\nloss: {name: quantile, q: 0.9}\nimprove: {metric: r2}", "improve.metric", 3, 19, "r2 judges predictions of the middle, and loss.q asks for another quantile; use pinball", "dataset: diabetes\nloss: quantile\nimprove: {metric: mae}"),
    ("dataset: diabetes\nloss: quantile\nimprove: {space: {loss.q: [0.1, 0.9]}}", "improve.space.\"loss.q\"", 3, 19, "losses of different quantiles are not comparable", "dataset: diabetes\nloss: quantile\nimprove: {metric: mae, space: {loss.q: [0.1, 0.9]}}"),
    ("dataset: diabetes\nloss: quantile\nevaluation: {baselines: [knn]}", "evaluation.baselines[0]", 3, 26, "knn does not suit regression", "dataset: diabetes\nloss: quantile\nevaluation: {baselines: [quantile, linear]}"),
    ("dataset: iris\noptimizer: lbfgs", "optimizer.name", 2, 12, 'lbfgs needs training.batch_size: "full"; it is auto', "dataset: iris\noptimizer: lbfgs\ntraining: {batch_size: full}"),
    ("dataset: iris\noptimizer: lbfgs\ntraining: {batch_size: full, clip_norm: 1}", "training.clip_norm", 3, 41, "lbfgs chooses its own step length", "dataset: iris\noptimizer: adam\ntraining: {batch_size: full, clip_norm: 1}"),
    ("dataset: digits\nmodel: {embedding: piecewise}", "model.embedding", 2, 20, "is for the numbers of a table, and dataset.name is digits; use none", "dataset: digits\nmodel: {embedding: none}"),
    ("dataset: iris\ntraining: {augment: {shift: 1}}", "training.augment", 2, 12, "is for images, and dataset.name is iris", "dataset: digits\ntraining: {augment: {shift: 1}}"),
    ("dataset: iris\ntraining: {keep: last, early_stopping: {}}", "training.keep", 2, 18, "last keeps the weights of the last epoch", "dataset: iris\ntraining: {keep: last}"),
]  # fmt: skip

# ruff: noqa: E501 (one row a line)


@pytest.mark.parametrize(("broken", "path", "line", "column", "message", "repaired"), ROWS)
def test_a_conflict_is_told_and_its_repair_is_not(
    broken: str, path: str, line: int, column: int, message: str, repaired: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(broken, "c.yaml", "c")
    (problem,) = caught.value.problems
    assert (problem.path, problem.line, problem.column) == (path, line, column)
    assert message in problem.message
    parse_config(repaired, "c.yaml", "c")


@pytest.mark.parametrize("dataset", PICTURES)
@pytest.mark.parametrize("key", ["derive: {z: a + b}", "columns: {a: {scale: none}}", "encode: target"])
def test_pictures_have_no_columns(dataset: str, key: str) -> None:
    with pytest.raises(ConfigError, match=r"applies to named columns, and .* has images"):
        parse_config(f"dataset: {dataset}\nfeatures: {{{key}}}", "c.yaml", "c")
    parse_config(f"dataset: {{name: iris}}\nfeatures: {{{key}}}", "c.yaml", "c")


SPACES = [
    ("optimizer.rl: [0.1, 1]", "no such key; did you mean 'optimizer.lr'?"),
    ("dropout: [0.0, 0.5]", "no such key; did you mean 'model.dropout'?"),
    ("qqq: [0, 1]", "no such key; write it as in optimizer.lr"),
    ("'a..b': [0, 1]", "is not a key such as optimizer.lr"),
    ("dataset.path: {choices: [a, b]}", "cannot be searched: trials are compared on the same rows"),
    ("seed: [0, 9]", "cannot be searched"),
    ("optimizer.lr: [1.0, 0.1]", "must go from low to high; got 1.0 to 0.1"),
    ("optimizer.lr: {log: [0.1, 0.1]}", "must go from low to high"),
    ("model.dropout: [0.0, 1.0]", "1.0 does not fit: must be a number >= 0 and < 1; got 1.0"),
    ("model.dropout: {choices: [0.1, high]}", '"high" does not fit: must be a number'),
    ("model.hidden: [16, 64]", "16 does not fit: must be a list"),
    ("training.epochs: {log: [1.5, 20.0]}", "1.5 does not fit: must be a whole number"),
    (
        "optimizer.momentum: [0.0, 0.9]",
        "0.0 does not fit: unknown key; momentum belongs to sgd, rmsprop, muon; optimizer.name is adam",
    ),
    ("optimizer.name: {choices: [sgd, adm]}", "\"adm\" does not fit: unknown optimizer 'adm'; did you mean 'adam'?"),
    ("features.extract.components: [2, 5]", "2 does not fit: features.extract.name: is required"),
]


@pytest.mark.parametrize(("space", "message"), SPACES)
def test_searched_keys_exist_and_take_their_values(space: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(f"dataset: iris\nimprove:\n  space:\n    {space}\n", "c.yaml", "c")
    (problem,) = caught.value.problems
    assert message in problem.message
    assert problem.line == 4


def test_a_searched_name_must_have_the_keys_searched_beside_it() -> None:
    text = "dataset: iris\nimprove: {space: {optimizer.name: {choices: [%s]}, optimizer.momentum: [0.1, 0.9]}}"
    parse_config(text % "sgd, rmsprop", "c.yaml", "c")
    parse_config(text % "sgd, adam", "c.yaml", "c")
    with pytest.raises(
        ConfigError,
        match=r"momentum belongs to sgd, rmsprop, muon, and the choices of optimizer\.name have none of them",
    ):
        parse_config(text % "adam, adamw", "c.yaml", "c")


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ("{}", "space: is required: grid tries every combination"),
        ("{optimizer.lr: [0.1, 0.2]}", r"1:\d+ improve.*lr.: grid cannot try every number from 0.1 to 0.2; list some"),
        ("{optimizer.lr: {log: [0.1, 0.2]}}", "grid cannot try every number"),
        ("{training.epochs: [1, 1000], training.batch_size: [1, 1000]}", "1,000,000 combinations"),
    ],
)
def test_a_grid_is_finite(space: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_config(f"{{dataset: iris, improve: {{sampler: grid, space: {space}}}}}", "c.yaml", "c")


def test_a_finite_space_makes_a_grid() -> None:
    space = "{optimizer.lr: {choices: [0.1, 0.2]}, training.epochs: [3, 9]}"
    parse_config(f"{{dataset: iris, improve: {{sampler: grid, space: {space}}}}}", "c.yaml", "c")


def test_a_name_searched_twice_is_judged_once() -> None:
    """Each of 100 × 100 × 2 combinations would take 10,000 times the work; to read 100 names takes a little more."""

    def parse(times: int) -> None:
        names, schedules = ", ".join(["adam"] * times), ", ".join(["cosine"] * times)
        parse_config(
            f"dataset: iris\nimprove: {{space: {{optimizer.name: {{choices: [{names}]}}, "
            f"optimizer.schedule.name: {{choices: [{schedules}]}}, optimizer.schedule.warmup: [0.0, 0.1]}}}}",
            "c.yaml",
            "c",
        )

    parse(2)
    assert count_calls(parse, 100) < 50 * count_calls(parse, 2)


@pytest.mark.parametrize(
    "space",
    [
        "optimizer.lr: {log: [1e-4, 1]}",
        "training.batch_size: {choices: [32, full]}",
        "optimizer.schedule: {choices: [cosine, constant]}",
        "training.early_stopping: {choices: [null]}",
        "features.columns.age.scale: {choices: [none, robust]}",
        'features.columns."a.b".scale: {choices: [none, robust]}',
        "training.epochs: [5, 50]",
    ],
)
def test_spaces_that_can_be_searched(space: str) -> None:
    space = space.replace("[null]", "[null, null]")
    parse_config(f"dataset: iris\nimprove:\n  space:\n    {space}\n", "c.yaml", "c")
