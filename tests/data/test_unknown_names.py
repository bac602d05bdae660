"""Every key of the configuration that names a column, a class or a value: what there is not is refused and named."""

import pytest

from mlcli.config.loading.load import parse_config
from mlcli.errors import DataError, MlcliError
from mlcli.reporter import Silent
from mlcli.training.inputs import gather_inputs, make_context

# Each: the key as in --set, its value, the exit code, and what the message says.
UNKNOWN = [
    ("dataset.target", "kinds", 3, ["no column 'kinds'", "did you mean 'kind'"]),
    ("dataset.drop", "[amout]", 3, ["dataset.drop", "did you mean 'amount'"]),
    ("dataset.types", "{amout: number}", 3, ["dataset.types", "did you mean 'amount'"]),
    ("dataset.dates", "{amout: '%d/%m/%Y'}", 3, ["dataset.dates", "did you mean 'amount'"]),
    ("dataset.numbers", "{amout: {decimal: ','}}", 3, ["dataset.numbers", "did you mean 'amount'"]),
    ("dataset.keep", "{twon: [Lugo]}", 3, ["dataset.keep", "did you mean 'town'"]),
    ("dataset.keep", "{town: [Lugo, Vigoo]}", 3, ["never 'Vigoo'", "did you mean 'Vigo'", "there are 'Lugo', 'Vigo'"]),
    ("dataset.keep", "{hour: [1, 99]}", 3, ["'hour' is never 99", "there are"]),
    ("dataset.replace", "{twon: {Lugo: L}}", 3, ["dataset.replace", "did you mean 'town'"]),
    ("dataset.replace", "{town: {lugo: Lugo}}", 3, ["never 'lugo'", "did you mean 'Lugo'", "there are 'Lugo', 'Vigo'"]),
    ("dataset.replace", "{kind: {Fraud: fraud}}", 3, ["never 'Fraud'", "did you mean 'fraud'"]),
    ("dataset.split", "{by: group, column: twon}", 3, ["split.column", "did you mean 'town'"]),
    ("features.columns", "{amout: {scale: robust}}", 3, ["features.columns.amout", "did you mean 'amount'"]),
    ("features.columns", "{town: {encode: ordinal, order: [Lugo, Vigoo]}}", 3, ["order", "'Vigo'"]),
    ("features.drop", "[amout]", 3, ["features.drop", "did you mean 'amount'"]),
    ("features.derive", "{twice: 2 * amout}", 3, ["features.derive.twice", "did you mean 'amount'"]),
    ("evaluation.positive", "Fraud", 2, ["evaluation.positive", "no class 'Fraud'", "did you mean 'fraud'", "'ok'"]),
    ("loss.class_weights", "{Fraud: 20}", 2, ["loss.class_weights", "no class 'Fraud'", "'fraud', 'ok'"]),
    ("loss.class_weights", "{frod: 20, ok: 1}", 2, ["no class 'frod'", "did you mean 'fraud'"]),
    ("loss", "{name: focal, class_weights: {bad: 2}}", 2, ["no class 'bad'", "there are 'fraud', 'ok'"]),
    ("loss", "{name: hinge, class_weights: {bad: 2}}", 2, ["no class 'bad'", "there are 'fraud', 'ok'"]),
]


@pytest.fixture
def train_with(tmp_path, monkeypatch):
    """What a training with one key set does until its first step."""
    monkeypatch.chdir(tmp_path)
    rows = (f"{i * 7 % 31}.5,{i % 24},{['Lugo', 'Vigo'][i % 3 == 0]},{['ok', 'fraud'][i % 5 == 0]}" for i in range(60))
    (tmp_path / "pay.csv").write_text("\n".join(["amount,hour,town,kind", *rows]))

    def run(*sets, classes=("ok", "fraud")):
        text = (tmp_path / "pay.csv").read_text().replace("ok", classes[0]).replace("fraud", classes[1])
        (tmp_path / "pay.csv").write_text(text)
        config = parse_config("dataset: {name: csv, path: pay.csv, target: kind}", "c.yaml", "c", sets)
        inputs = gather_inputs(config, Silent())
        return inputs, make_context(config, inputs)

    return run


@pytest.mark.parametrize(("key", "value", "code", "said"), UNKNOWN)
def test_what_there_is_not_is_refused(train_with, key, value, code, said):
    with pytest.raises(MlcliError) as caught:
        train_with(f"{key}={value}")
    assert caught.value.exit_code == code
    for part in said:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("classes", "sets"),
    [
        (("ok", "fraud"), ["loss.class_weights={fraud: 20}", "evaluation.positive=ok"]),
        (("0", "1"), ["loss.class_weights={1: 20}"]),
        (("0.0", "1.0"), ["loss.class_weights={1.0: 20}", 'evaluation.positive="1.0"']),
        (("0", "1"), ["loss.class_weights={+1: 20}"]),
        (("ok", "fraud"), ["dataset.replace={kind: {fraud : bad}}", "loss.class_weights={bad: 20}"]),
        (("ok", "fraud"), ["dataset.replace={kind: {fraude: fraud, OK: ok}}"]),  # every row has the new texts already
    ],
)
def test_what_there_is_is_taken(train_with, classes, sets):
    inputs, context = train_with(*sets, classes=classes)
    assert context.cost is not None
    assert len(inputs.task.classes) == 2


@pytest.mark.parametrize(
    ("split", "said"),
    [
        ("{by: time, column: hour}", "class 'late' is in 8 test rows"),
        ("{by: time, column: hour, test: 0}", "class 'late' is in 8 valid rows"),
        ("{by: given, column: part}", "class 'late' is in 8 test rows"),
    ],
)
def test_a_class_without_training_rows_is_refused(tmp_path, split, said):
    rows = (f"{i},{i % 7},{'late' if i >= 32 else 'ab'[i % 2]},{'test' if i >= 32 else 'train'}" for i in range(40))
    (tmp_path / "t.csv").write_text("\n".join(["hour,x,kind,part", *rows]))
    text = f"dataset: {{name: csv, path: {tmp_path}/t.csv, target: kind, split: {split}}}"
    with pytest.raises(DataError, match=said):
        gather_inputs(parse_config(text, "c.yaml", "c"), Silent())
