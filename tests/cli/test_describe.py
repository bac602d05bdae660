"""All commands as data: what is said of them is what they take."""

import json

import pytest

from mlcli import errors
from tests.cli.test_startup import COMMANDS


@pytest.fixture
def described(workspace, mlcli):
    return mlcli("schema", "--commands").json


def test_every_command_is_there(described):
    names = [one["command"].split()[1] for one in described["commands"]]
    assert set(names) == set(COMMANDS)
    assert "mlcli runs compare" in [one["command"] for one in described["commands"]]


def test_what_is_said_is_taken(described, mlcli):
    """Each flag and argument stands in the command's help, and each choice is one that it accepts."""
    for one in described["commands"]:
        shown = mlcli(*one["command"].split()[1:], "--help").out
        for option in one["options"]:
            assert all(flag in shown for flag in option["flags"]), option
        assert all(argument["name"] in shown for argument in one["arguments"]), one["command"]


def test_types_defaults_and_choices(described):
    options = {
        (one["command"], flag): option
        for one in described["commands"]
        for option in one["options"]
        for flag in option["flags"]
    }
    assert options["mlcli train", "-S"]["repeatable"]
    assert options["mlcli init", "--minutes"]["default"] == 2.0
    kinds = {flag: option["type"] for (_, flag), option in options.items()}
    expected = {"--minutes": "float", "-S": "text", "-o": "path", "--json": "flag", "--trials": "int"}
    assert {flag: kinds[flag] for flag in expected} == expected
    assert not options["mlcli train", "--json"]["default"]


def test_exit_codes_are_those_of_the_errors(described):
    assert described["exit_codes"][str(errors.LockedError.exit_code)] == "The run is in use by another process."
    assert {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "130", "141", "143"} == set(described["exit_codes"])


def test_it_is_written_where_nothing_is_yet(workspace, mlcli):
    assert mlcli("schema", "--commands", "-o", "commands.json").code == 0
    assert json.loads((workspace / "commands.json").read_text())["program"] == "mlcli"
    refused = mlcli("schema", "--commands", "-o", "commands.json")
    assert refused.code == 2
    assert "commands.json" in refused.err
