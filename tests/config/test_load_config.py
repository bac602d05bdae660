"""Reading, dumping and changing valid configurations."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcli.config.loading.dump import dump_config
from mlcli.config.loading.load import load_config, override_config, parse_config
from mlcli.config.sections.base import names_of
from mlcli.config.sections.config import Config, find_keys
from mlcli.config.sections.training import Choices, ImproveConfig
from mlcli.errors import ConfigError
from mlcli.reporter import Silent
from tests.config.valid_configs import CONFIGS, CSV, DATASETS, LOSSES, OPTIMIZERS, SCHEDULES


def parse(text: str, *overrides: str) -> Config:
    return parse_config(text, "c.yaml", "c", overrides)


@pytest.mark.parametrize("text", CONFIGS.values(), ids=CONFIGS)
def test_what_is_dumped_loads_back_equal(text: str) -> None:
    config = parse(text)
    dumped = dump_config(config)
    assert parse(dumped) == config
    assert dump_config(parse(dumped)) == dumped
    assert override_config(config, {}) == config


def test_the_table_holds_every_member_of_every_union() -> None:
    def names(key: str) -> set[str]:
        return {
            name for section in find_keys(tuple(key.split(".")))[0].field.type.sections() for name in names_of(section)
        }

    assert names("dataset") == set(DATASETS) - {"several_targets", "sql_url"}
    assert names("optimizer") == set(OPTIMIZERS)
    assert names("optimizer.schedule") == set(SCHEDULES)
    assert names("loss") == set(LOSSES)


texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\t\n \"'#:-0.e"), min_size=1, max_size=20
)


@given(texts, texts, st.floats(min_value=1e-320, allow_infinity=False))
@settings(max_examples=60, derandomize=True, deadline=None)
def test_any_text_and_number_survives_a_dump(column: str, cell: str, number: float) -> None:
    config = parse(CSV)
    values = {"dataset.path": cell, "dataset.keep": {column: [cell, number]}, "optimizer.lr": number}
    try:
        changed = override_config(config, values)
    except ConfigError:
        return
    assert parse(dump_config(changed)) == changed


def test_a_dump_has_no_aliases() -> None:
    shared = (8, 8)
    choices = Choices.model_construct(choices=(shared, shared))
    improve = ImproveConfig.model_construct(space={"model.hidden": choices, "model.hidden2": choices})
    dumped = dump_config(parse(CSV).model_copy(update={"improve": improve}))
    assert dumped.count("choices: [[8, 8], [8, 8]]") == 2


def test_shorthands_and_default_names() -> None:
    short = parse(
        "dataset: iris\noptimizer: {lr: 0.1, schedule: cosine}\n"
        "loss: {class_weights: balanced}\nfeatures: {extract: pca}"
    )
    assert (short.dataset.name, short.optimizer.name, short.optimizer.schedule.name) == ("iris", "adam", "cosine")
    assert (short.loss.name, short.model.name) == ("auto", "mlp")
    assert short.features.extract is not None
    assert short.features.extract.name == "pca"
    assert parse("dataset: {name: iris, outliers: iqr}\nmodel: mlp").dataset.outliers.name == "iqr"


def test_a_whole_number_is_a_number() -> None:
    config = parse(CSV + ["optimizer: {lr: 1}", "dataset_x: 1"][0])
    assert config.optimizer.lr == 1.0
    assert type(config.optimizer.lr) is float


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("iris.yaml", "iris"),
        ("my data (1).yaml", "my-data-1"),
        ("ñ.yml", "run"),
        ("a.b.yaml", "a-b"),
        ("x" * 99 + ".yaml", "x" * 64),
    ],
)
def test_a_name_left_out_is_the_files(tmp_path: Path, file: str, name: str) -> None:
    (tmp_path / file).write_text("\ufeffdataset: iris\n", encoding="utf-8")
    assert load_config(tmp_path / file).name == name
    assert load_config(tmp_path / file, ["name=other"]).name == "other"


@pytest.mark.parametrize(
    ("content", "line", "column", "message"),
    [
        (None, None, None, "no such file"),
        (b"#" * (2**20 + 1), None, None, "larger than 1 MiB"),
        (b"seed: 1\nname: \xe9\n", 2, 7, "byte 0xe9 is not UTF-8; save the file as UTF-8"),
        ("seed: 1".encode("utf-16"), 1, 1, "is not UTF-8"),
    ],
)
def test_files_that_cannot_be_read(
    tmp_path: Path, content: bytes | None, line: int | None, column: int | None, message: str
) -> None:
    path = tmp_path / "c.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(path)
    (problem,) = caught.value.problems
    assert (problem.source, problem.line, problem.column) == (str(path), line, column)


def test_a_folder_or_an_impossible_path_is_a_config_error(tmp_path: Path) -> None:
    for path in (tmp_path, Path("a\0b")):
        with pytest.raises(ConfigError):
            load_config(path)


@pytest.mark.parametrize(
    ("overrides", "path", "expected"),
    [
        (["optimizer.lr=0.5"], "optimizer.lr", 0.5),
        (["optimizer.lr=0.5", "optimizer.lr=1e-3"], "optimizer.lr", 0.001),
        (["model.hidden=[64, 32]"], "model.hidden", (64, 32)),
        (["model.hidden=[]"], "model.hidden", ()),
        (["training.early_stopping={patience: 3}"], "training.early_stopping.patience", 3),
        (["training.early_stopping.patience=3"], "training.early_stopping.patience", 3),
        (["training.early_stopping.patience=3", "training.early_stopping=null"], "training.early_stopping", None),
        (["training.early_stopping="], "training.early_stopping", None),
        (["optimizer=sgd"], "optimizer.name", "sgd"),
        (["optimizer=sgd", "optimizer.lr=2"], "optimizer.lr", 2.0),
        (["optimizer.name=lbfgs", "training.batch_size=full"], "optimizer.history", 10),
        (["evaluation.positive='1'"], "evaluation.positive", "1"),
        (["dataset.target=no"], "dataset.target", "no"),
        ([" optimizer.lr = 3 "], "optimizer.lr", 3.0),
        (['dataset.types."a.b"=number'], "dataset.types", {"a.b": "number"}),
        (["dataset.types.'x=y'=number"], "dataset.types", {"x=y": "number"}),
        (["dataset.path=a=b.csv"], "dataset.path", "a=b.csv"),
    ],
)
def test_overrides_are_typed_as_the_file_is(overrides: list[str], path: str, expected: object) -> None:
    found: object = parse(CSV + "optimizer: adamw\n", *overrides)
    for key in path.split("."):
        found = getattr(found, key)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("override", "path", "message"),
    [
        ("optimizer.lrr=3", "optimizer.lrr", "unknown key; did you mean 'lr'?"),
        ("optimizer.lr='3'", "optimizer.lr", "must be a number > 0"),
        ("model.hidden=[1, 0]", "model.hidden[1]", "must be a whole number >= 1"),
        ("optimizer=admw", "optimizer.name", "did you mean 'adamw'?"),
        ("training.early_stopping.metric=x", "training.early_stopping.metric", 'must be "loss"'),
        (
            "optimizer.momentum=0.9",
            "optimizer.momentum",
            "momentum belongs to sgd, rmsprop, muon; optimizer.name is adam",
        ),
        ("dataset.name=sql", "dataset.query", "is required"),
        ("seed.x=3", "", "seed is not a section; it has no key x"),
        ("model.hidden[0]=3", "", "set the whole list: model.hidden=[…]"),
        ("optimizer.lr", "", "must be key=value, such as optimizer.lr=0.01"),
        ("", "", "'' is not a key such as optimizer.lr"),
        ("=3", "", "'=3' is not a key such as optimizer.lr"),
        ("a..b=3", "", "is not a key"),
        ('a."b=3', "", "is not a key"),
        (".".join("a" * 40) + "=1", "", "is not a key"),
        ("optimizer.lr=[1", "", "'[' is never closed"),
        ("optimizer.lr=\udcff", "", "control characters are not allowed"),
    ],
)
def test_overrides_are_checked_as_the_file_is(override: str, path: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(CSV + "seed: 1\n", override)
    problem = next(problem for problem in caught.value.problems if message in problem.message)
    assert problem.path == path
    if override != "dataset.name=sql":
        assert (problem.source, problem.line) == (f"--set {override}", None)


def test_another_optimizer_takes_its_own_defaults() -> None:
    config = parse(dump_config(parse(CSV + "optimizer: {name: adam, l2: 0.1}\n")))
    changed = override_config(config, {"optimizer.name": "sgd"})
    assert (changed.optimizer.name, changed.optimizer.lr, changed.optimizer.l2) == ("sgd", 0.01, 0.1)
    with pytest.raises(ConfigError, match=r"beta1 belongs to adam, .*; optimizer.name is sgd"):
        override_config(parse(CSV + "optimizer: {beta1: 0.5}\n"), {"optimizer.name": "sgd"})


@pytest.mark.parametrize(
    ("section", "overrides", "expected", "told"),
    [
        ("optimizer: {name: sgd, lr: 0.1, momentum: 0.9}", ["optimizer.name=adam"], "adam", ["optimizer.momentum"]),
        ("optimizer: {name: sgd, momentum: 0.0}", ["optimizer.name=adam"], "adam", []),
        ("optimizer: {name: sgd, momentum: 0.9}", ["optimizer.name=rmsprop"], "rmsprop", []),
        ("optimizer: {name: sgd, momentum: 0.9}", ["optimizer=adam"], "adam", []),
        ("optimizer: {beta1: 0.5}", ["optimizer.name=sgd", "optimizer.momentum=0.9"], "sgd", ["optimizer.beta1"]),
        (
            "optimizer: {name: sgd, schedule: {name: one_cycle, peak: 0.2}}",
            ["optimizer.schedule.name=step"],
            "sgd",
            ["optimizer.schedule.peak"],
        ),
    ],
)
def test_another_name_leaves_out_the_keys_of_the_file_that_it_has_not(section, overrides, expected, told, tmp_path):
    path, said = tmp_path / "t.yaml", []
    path.write_text(CSV + section)
    reporter = Silent()
    reporter.say = said.append
    assert load_config(path, overrides, reporter).optimizer.name == expected
    assert [line.split(": ")[1].split(" of the file")[0] for line in said] == told


@pytest.mark.parametrize(
    ("section", "overrides", "message"),
    [
        ("", ["optimizer.name=sgd", "optimizer.momentum=0.9", "optimizer.name=adam"], "momentum belongs to sgd"),
        ("optimizer: {momentun: 1}", ["optimizer.name=sgd"], "did you mean 'momentum'"),
        ("", ["optimizer.name=foo", "optimizer.schedule.name=step"], "unknown optimizer 'foo'"),
        ("", ["optimizer.schedule.name=[1]"], "unknown"),
    ],
)
def test_another_name_hides_no_mistake(section, overrides, message):
    with pytest.raises(ConfigError, match=message):
        parse(CSV + section, *overrides)


def test_values_of_a_trial_are_validated() -> None:
    config = parse(CSV)
    changed = override_config(
        config, {"optimizer.lr": 0.5, "model.hidden": [3, 4], 'features.columns."a.b".scale': "none"}
    )
    assert (changed.optimizer.lr, changed.model.hidden, list(changed.features.columns)) == (0.5, (3, 4), ["a.b"])
    for values in ({"optimizer.lr": -1.0}, {"optimizer.lr": float("nan")}, {"nothing": 1}, {"a b.": 1}, {"model": 3}):
        with pytest.raises(ConfigError):
            override_config(config, values)
    assert config == parse(CSV)
