"""Help and config errors answer before anything heavy is imported."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

STEPS = ["prepare", "features", "train", "evaluate", "improve", "predict"]
COMMANDS = [*STEPS, "export", "serve", "play", "init", "show", "check", "explain", "schema", "doctor", "runs"]
WIDTH = 80
HEAVY = {"torch", "sklearn", "scipy", "polars", "numpy", "matplotlib", "optuna", "PIL", "jinja2"}
# What neither help nor completion needs, besides: smaller libraries, large parts of Python's own, and what commands do.
FORBIDDEN_IN_HELP = {
    *HEAVY, "rich", "pydantic", "yaml", "asyncio", "email", "http", "logging", "multiprocessing", "sqlite3", "unittest",
    "xml", "mlcli.config.sections", "mlcli.data", "mlcli.features", "mlcli.models", "mlcli.runs", "mlcli.training",
    "mlcli.use_cases",
}  # fmt: skip
RUN = """
import sys
from pathlib import Path
from mlcli.cli.app import main
try:
    main(sys.argv[1:])
except SystemExit as leaving:
    code = leaving.code or 0
print(code, *sys.modules)
"""


def run(*arguments, script=RUN, **environment):
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | environment)
    code, *modules = done.stdout.splitlines()[-1].split()
    return int(code), set(modules), done


ALL_HELPS = """
import sys
from pathlib import Path
from mlcli.cli.app import main
for words in sys.argv[1:]:
    try:
        main([*words.split(), "--help"])
    except SystemExit as leaving:
        print(leaving.code or 0, end="\\f")
print(*sys.modules)
"""


@pytest.fixture(scope="module")
def helps():
    """What the help of each command prints, its exit code last, and what all of them import: in one process."""
    command = [sys.executable, "-c", ALL_HELPS, "", *COMMANDS]
    told = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | {"COLUMNS": str(WIDTH)})
    *texts, modules = told.stdout.split("\f")
    return dict(zip(["", *COMMANDS], texts, strict=True)), set(modules.split())


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_shows_examples(helps, command):
    *lines, code = helps[0][command].splitlines()
    assert code == "0"
    assert max(map(len, lines)) <= WIDTH
    assert lines[0].startswith(" ".join([" Usage: mlcli", *command.split(), "[OPTIONS]"]))
    examples = lines[lines.index(" Examples:") + 1 :] if command else []
    assert all(line.startswith(f"   mlcli {command}") for line in examples)
    assert bool(examples) == bool(command)


def test_help_imports_next_to_nothing(helps):
    assert not helps[1] & FORBIDDEN_IN_HELP


def test_help_names_the_commands_in_the_order_of_the_steps(helps):
    listed = [line.split()[1] for line in helps[0][""].splitlines() if line.startswith("│ ") and line[2] != " "]
    assert [name for name in listed if name in COMMANDS] == COMMANDS


def test_no_command_shows_the_help(workspace):
    code, *_, done = run()
    assert code == 2
    assert "╭─ Steps" in done.stderr


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_help_is_coloured_on_a_terminal_unless_asked_not_to(workspace, environment, coloured):
    terminal, program = pty.openpty()
    command = [sys.executable, "-m", "mlcli", "--help"]
    plain = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    subprocess.run(command, stdout=program, check=True, env=plain | environment)
    assert (b"\033[" in os.read(terminal, 4096)) == coloured
    os.close(program)
    os.close(terminal)


def test_shells_can_complete_commands(workspace):
    asked = {"_MLCLI_COMPLETE": "complete_bash", "COMP_WORDS": "mlcli tr", "COMP_CWORD": "1"}
    command = [sys.executable, "-c", "from mlcli.cli.app import make_app; make_app()(prog_name='mlcli')"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | asked)
    assert done.stdout.split() == ["train"]


@pytest.mark.parametrize("command", ["prepare", "features", "train", "improve", "check"])
def test_config_errors_import_nothing_heavy(workspace, command):
    (workspace / "bad.yaml").write_text("dataset: iris\noptimizer: {name: adam, lrr: 3}\ntraining: {epochs: none}\n")
    code, modules, done = run(command, "bad.yaml")
    assert code == 2
    assert not modules & {*HEAVY, "pydantic", "rich"}
    assert "bad.yaml:2:" in done.stderr
    assert "bad.yaml:3:" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [("explain",), ("explain", "optimizer.lr"), ("explain", "optimizer.lrr"), ("schema",), ("schema", "--commands")],
)
def test_what_is_told_of_keys_imports_nothing_heavy(workspace, arguments):
    code, modules, _ = run(*arguments)
    assert code == (2 if arguments[-1] == "optimizer.lrr" else 0)
    assert not modules & HEAVY


@pytest.mark.parametrize("command", [("evaluate",), ("predict",), ("runs", "compare", "a", "b")])
def test_no_run_to_be_found_imports_nothing_heavy(workspace, command):
    code, modules, _ = run(*command)
    assert code == 2
    assert not modules & HEAVY


# What a row to predict needs nothing of: most of the time that it takes is imports.
FORBIDDEN_IN_PREDICT = {
    *(HEAVY - {"polars", "numpy"}), "pydantic", "pydantic_core", "rich", "yaml", "http", "ssl", "statistics",
    "mlcli.config.loading.dump", "mlcli.config.loading.load", "mlcli.config.rules.training", "mlcli.data.clean_tables",
    "mlcli.data.prepare", "mlcli.data.prediction_images", "mlcli.data.readers.excel", "mlcli.data.readers.images",
    "mlcli.data.readers.parquet", "mlcli.data.sources", "mlcli.eda", "mlcli.evaluation.shapley",
    "mlcli.evaluation.threshold", "mlcli.features.fit", "mlcli.features.fit_table", "mlcli.io.network",
    "mlcli.metrics.intervals", "mlcli.metrics.measure", "mlcli.reports", "mlcli.runs.model_card", "mlcli.runs.rows",
    "mlcli.search", "mlcli.serve", "mlcli.terminal.results", "mlcli.training",
}  # fmt: skip
GOLDEN = Path(__file__).parents[1] / "golden"
PREDICT_IN_PYTHON = """
import sys
import mlcli
import polars
model = mlcli.load(sys.argv[1])
model.predict(polars.read_csv(sys.argv[2], infer_schema=False))
print(0, *sys.modules)
"""


@pytest.mark.parametrize("script", [RUN, PREDICT_IN_PYTHON], ids=["command line", "Python"])
def test_predictions_of_a_network_import_little(tmp_path, script):
    model, rows = str(GOLDEN / "bundles/remarks"), str(GOLDEN / "data/remarks.csv")
    words = ["predict", rows, "--run", model, "-q", "-o", str(tmp_path / "p.csv")]
    arguments = words if script == RUN else [model, rows]
    code, modules, _ = run(*arguments, script=script)
    assert code == 0
    assert not modules & FORBIDDEN_IN_PREDICT


SERVE = """
import sys
from mlcli.serve import server
from mlcli.serve.answers import Options, answer
from mlcli.serve.models import load_model
from mlcli.serve.rows import parse_body
model = load_model("remarks", sys.argv[1])
body = parse_body(model, "text/csv", open(sys.argv[2], "rb").read(), 1000)
assert answer(model, body, Options(), 1000, None).rows
print(0, *sys.modules)
"""


def test_a_server_answers_without_what_trains(tmp_path):
    """Above all without torch, whose import in a thread would stop requests for a tenth of a second."""
    code, modules, _ = run(str(GOLDEN / "bundles/remarks"), str(GOLDEN / "data/remarks.csv"), script=SERVE)
    assert code == 0
    assert not modules & (HEAVY - {"polars", "numpy"})
