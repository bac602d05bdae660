"""What is seen of a search while it runs."""

import pytest

from mlcli.io.signals import Interruption
from mlcli.reporter import Silent
from mlcli.search.budget import Budget
from mlcli.search.trial import Trial
from mlcli.terminal.improve import show_improved
from mlcli.terminal.screen import Screen
from mlcli.terminal.search import describe_trial, search_view
from mlcli.use_cases.improve import ImproveRequest, improve

pytestmark = pytest.mark.usefixtures("without_probes")

BUDGET = Budget(30, None)
START = Trial(1, "start", {}, "complete", 0.5)
BEST = Trial(3, "search", {"optimizer.lr": 0.02, "model.hidden": [16, 8]}, "complete", 0.25)


@pytest.mark.parametrize(
    ("trial", "best", "line"),
    [
        (START, START, "trial 1/30  0.5000  best 0.5000 (trial 1)  unchanged"),
        (BEST, BEST, "trial 3/30  0.2500  best 0.2500 (trial 3)  optimizer.lr=0.02  model.hidden=[16, 8]"),
        (
            Trial(4, "search", {"model.activation": "relu"}, "pruned", 0.75),
            BEST,
            'trial 4/30  0.7500 (pruned)  best 0.2500 (trial 3)  model.activation="relu"',
        ),
        (
            Trial(1, "start", {}, "failed", reason="diverged: the loss is not a finite number at step 7"),
            None,
            "trial 1/30  diverged: the loss is not a finite number at step 7  unchanged",
        ),
    ],
)
def test_a_trial_in_one_line(trial, best, line):
    assert describe_trial(trial, best, BUDGET) == line


def watch(config, screen):
    view = search_view(screen)
    result = improve(config, None, ImproveRequest(3), Silent(), [view], Interruption())
    show_improved(screen, result)
    return view


QUICK = ("training.epochs=2", "improve.space={optimizer.lr: [0.01, 0.1]}")


def test_lines_and_the_result_go_to_stderr(make_config, capsys):
    watch(make_config(*QUICK), Screen())
    out, err = capsys.readouterr()
    assert out == ""
    assert [f"trial {number}/3" in err for number in (1, 2, 3)] == [True] * 3
    assert "Trials: 3 complete" in err


def test_quiet_shows_nothing(make_config, capsys):
    watch(make_config(*QUICK), Screen(quiet=True))
    assert capsys.readouterr() == ("", "")
