"""What is watched must suit the task and the validation rows, before the first step."""

from pathlib import Path

import polars as pl
import pytest

from mlcli.config.sections.config import Config
from mlcli.data.tables.types import Column, Table
from mlcli.errors import ConfigError, DataError
from mlcli.models.task import Classification, Regression
from mlcli.reporter import Silent
from mlcli.training.inputs import gather_inputs, require_watchable

TWO = Classification("y", ("a", "b"), (5, 5), "sigmoid", True)
MARGIN = Classification("y", ("a", "b"), (5, 5), "step", False)
NUMBERS = Regression(("y",), (1.0,), (2.0,))


def watchable(task, labels, **sections):
    kind = "number" if isinstance(task, Regression) else "category"
    rows = pl.DataFrame({"y": labels}, schema={"y": pl.Float64 if kind == "number" else pl.String})
    config = Config.model_validate({"name": "x", "dataset": {"name": "csv", "path": "a", "target": "y"}, **sections})
    require_watchable(config, task, Table(rows, (), (Column("y", kind),)))


def stopping(metric):
    return {"training": {"early_stopping": {"metric": metric}}}


@pytest.mark.parametrize(
    ("task", "labels", "metric"),
    [
        (TWO, ["a", "b"], "roc_auc"),
        (TWO, ["a", "a"], "accuracy"),
        (TWO, ["a", "a"], "log_loss"),
        (TWO, ["a", "a"], "loss"),
        (TWO, [], "roc_auc"),
        (MARGIN, ["a", "b"], "pr_auc"),
        (NUMBERS, [1.0, 2.0], "mape"),
        (NUMBERS, [0.0, 0.0], "median_ae"),
    ],
)
def test_what_can_be_watched(task, labels, metric):
    watchable(task, labels, **stopping(metric))


@pytest.mark.parametrize(
    ("task", "labels", "metric", "reason"),
    [
        (
            TWO,
            ["a", "a"],
            "roc_auc",
            "on the 2 validation rows: the rows contain a single class",
        ),
        (TWO, ["a", "b"], "top_3_accuracy", "there are only 2 classes"),
        (MARGIN, ["a", "b"], "ece", "the model gives no probabilities"),
        (NUMBERS, [0.0, 2.0], "mape", "a true value is 0"),
        (NUMBERS, [2.0, 2.0], "r2", "a target has the same value in all rows"),
    ],
)
def test_what_the_rows_cannot_have_is_a_data_error(task, labels, metric, reason):
    with pytest.raises(DataError, match=f"training.early_stopping.metric: {metric} .*{reason}"):
        watchable(task, labels, **stopping(metric))


@pytest.mark.parametrize(("task", "labels", "metric"), [(TWO, ["a", "b"], "rmse"), (NUMBERS, [1.0, 2.0], "accuracy")])
def test_what_does_not_suit_the_task_is_a_config_error(task, labels, metric):
    with pytest.raises(ConfigError, match=f"optimizer.schedule.metric: '{metric}' does not suit {task.kind}"):
        watchable(task, labels, optimizer={"name": "adam", "schedule": {"name": "plateau", "metric": metric}})


@pytest.mark.parametrize(
    ("labels", "sections", "reason"),
    [
        (["a", "b", "c"], {}, "is for two classes; there are 3, so remove it"),
        (["a", "b"], {"loss": {"name": "hinge"}}, "needs probabilities, which loss hinge does not give; remove it"),
        (["a", "b"], {"model": {"hidden": [], "output": "step"}}, "needs probabilities, which output step does not"),
    ],
)
@pytest.mark.parametrize("threshold", [0.3, "f1"])
def test_a_threshold_that_would_not_be_used_is_refused(workspace, labels, sections, reason, threshold):
    Path("t.csv").write_text("x,y\n" + "".join(f"{i}.5,{labels[i % len(labels)]}\n" for i in range(60)))
    dataset = {"name": "csv", "path": "t.csv", "target": "y"}
    config = {"name": "t", "dataset": dataset, "evaluation": {"threshold": threshold}, **sections}
    with pytest.raises(ConfigError, match=f"evaluation.threshold: {reason}"):
        gather_inputs(Config.model_validate(config), Silent())
