"""Imports point one way, only the console prints, and nothing read from disk can run code."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "mlcli"
MODULES = sorted(PACKAGE.rglob("*.py"))

# A room may import its own, and those on lower lines.
LEVELS = [
    {"errors", "folders", "reporter", "signals", "formulas"},
    {"files", "typed_json", "config"},
    {"data"},
    {"tensors", "packing"},
    {"features"},
    {"models", "task"},
    {"training"},
    {"run"},
    {"bundle_content", "checkpoint", "inference", "weights", "predictions", "evaluation"},
    {"bundle", "incoming", "recorder", "inputs"},
    {"improve"},
    {"steps"},
    {"console"},
    {"session"},
    {"cli"},
    {"__main__"},
]
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}
ONLY_ABOVE_STEPS = {"typer", "rich"}
UNSAFE_MODULES = {"pickle", "joblib", "shelve", "marshal", "dill", "cloudpickle"}


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    """Top-level names and mlcli rooms that a module imports, type-checking ones included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def calls(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def test_every_module_has_a_room():
    assert {room_of(path) for path in MODULES} - {"__init__"} == set(LEVEL)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    room = room_of(path)
    if room == "__init__":
        return
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "mlcli" and len(parts) > 1 and parts[1] != room:
            assert LEVEL[parts[1]] <= LEVEL[room], f"{path.name} imports {name}"
            assert (parts[1], room) != ("steps", "steps")


def test_steps_never_import_each_other():
    for path in (PACKAGE / "steps").glob("*.py"):
        assert not [name for name in imports(path) if name.startswith("mlcli.steps")]


def test_only_the_console_and_what_is_above_knows_the_terminal():
    for path in MODULES:
        if LEVEL.get(room_of(path), 0) < LEVEL["console"]:
            assert not ONLY_ABOVE_STEPS & {name.split(".")[0] for name in imports(path)}, path
            assert "print" not in {name for name, _ in calls(path)}, path


def test_training_never_touches_disk_or_console():
    for path in (PACKAGE / "training").glob("*.py"):
        names = set(imports(path))
        assert not {name for name in names if name.split(".")[0] in {"pathlib", "os", "io"}}, path
        assert not {name for name in names if name.startswith(("mlcli.files", "mlcli.run", "mlcli.console"))}, path


def test_nothing_that_is_read_can_run_code():
    for path in MODULES:
        assert not UNSAFE_MODULES & {name.split(".")[0] for name in imports(path)}, path
        for name, node in calls(path):
            assert name not in {"eval", "exec", "compile", "torch.load", "torch.save", "__import__"}, path
            for keyword in node.keywords:
                allows = isinstance(keyword.value, ast.Constant) and keyword.value.value is True
                assert not (keyword.arg == "allow_pickle" and allows), path
