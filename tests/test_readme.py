"""The README says what the code does."""

import shlex

from tests.conftest import ROOT
from tests.pages import blocks_of

README = (ROOT / "README.md").read_text()


def test_its_test_command_is_the_one_of_the_ci():
    command = next(block.text for block in blocks_of(ROOT / "README.md") if "pytest" in block.text)
    steps = [shlex.split(step) for step in command.split("&&")]
    ci = (ROOT / ".ci/run").read_text()
    assert steps[1][1:3] == ["install", "--editable"]
    assert steps[1][3] in ci


def test_every_config_is_listed():
    for path in (ROOT / "configs").glob("*.yaml"):
        assert path.name in README
