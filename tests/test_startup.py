"""Help and config errors answer before anything heavy is imported."""

import subprocess
import sys

import pytest

HEAVY = {"torch", "sklearn", "scipy", "polars", "numpy", "matplotlib", "optuna", "PIL", "jinja2"}
RUN = """
import sys
from mlcli.cli import main
try:
    main(sys.argv[1:])
except SystemExit as leaving:
    code = leaving.code or 0
print(code, *sorted({name.split(".")[0] for name in sys.modules}))
"""


def run(*arguments):
    done = subprocess.run([sys.executable, "-c", RUN, *arguments], capture_output=True, text=True, check=True)
    code, *modules = done.stdout.splitlines()[-1].split()
    return int(code), set(modules), done


@pytest.mark.parametrize(
    "command", [(), ("prepare",), ("features",), ("train",), ("evaluate",), ("improve",), ("predict",)]
)
def test_help_imports_nothing_heavy_and_shows_examples(workspace, command):
    code, modules, done = run(*command, "--help")
    assert code == 0
    assert not modules & HEAVY
    assert "Examples" in done.stdout or not command


@pytest.mark.parametrize("command", ["prepare", "features", "train", "improve"])
def test_config_errors_import_nothing_heavy(workspace, command):
    (workspace / "bad.yaml").write_text("dataset: iris\noptimizer: {name: adam, lrr: 3}\ntraining: {epochs: none}\n")
    code, modules, done = run(command, "bad.yaml")
    assert code == 2
    assert not modules & HEAVY
    assert "bad.yaml:2:" in done.stderr
    assert "bad.yaml:3:" in done.stderr


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_no_run_to_be_found_imports_nothing_heavy(workspace, command):
    code, modules, _ = run(command)
    assert code == 2
    assert not modules & HEAVY
