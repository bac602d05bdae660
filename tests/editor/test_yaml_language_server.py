"""What an editor makes of a configuration: the server behind VS Code's, Neovim's and others' YAML is asked.

Where yaml-language-server is not at hand, `--campaign` installs it for the test with npm.
"""

import shutil
import subprocess

import pytest

from mlcli.config.reference.json_schema import SCHEMA_NAME, editor_line, schema_text
from tests.conftest import CONFIGS
from tests.editor.language_server import Editor

SERVER = "yaml-language-server"
SETTINGS = {"yaml": {"validate": True, "hover": True, "completion": True, "schemaStore": {"enable": False}}}


@pytest.fixture(scope="module")
def server(request, tmp_path_factory):
    """Path of the server's program."""
    if found := shutil.which(SERVER):
        return found
    if not request.config.getoption("--campaign") or not shutil.which("npm"):
        pytest.skip(f"no {SERVER} here; --campaign installs it where there is npm")
    folder = tmp_path_factory.mktemp("server")
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent", SERVER], cwd=folder, check=True)
    return folder / "node_modules/.bin" / SERVER


@pytest.fixture(scope="module")
def editor(server):
    editor = Editor([server, "--stdio"], SETTINGS)
    yield editor
    editor.close()


@pytest.fixture
def document(editor, tmp_path):
    """Opens a configuration that names the schema beside it; its own lines begin at line 1."""
    (tmp_path / SCHEMA_NAME).write_text(schema_text())

    def opened(text, name="experiment.yaml"):
        path = tmp_path / name
        path.write_text(f"{editor_line(SCHEMA_NAME)}\n{text}")
        editor.open(path)
        return editor

    return opened


@pytest.mark.parametrize("name", sorted(path.name for path in CONFIGS.glob("*.yaml")))
def test_no_config_that_ships_has_a_squiggle(document, name):
    assert document((CONFIGS / name).read_text(), name).problems() == []


@pytest.mark.parametrize(
    ("text", "underlined", "said"),
    [
        ("dataset: iris\noptimizer: {name: sgd, lrr: 3}\n", "lrr", "not allowed"),
        ("dataset: iris\noptimizer: {momentum: 0.9}\n", "momentum", "not allowed"),  # which adam has not
        ("dataset: iris\noptimizer: {name: admw}\n", "admw", "adamw"),
        ("dataset: irs\n", "irs", "iris"),
        ("dataset: iris\ntraining: {epochs: ten}\n", "ten", "integer"),
        ("dataset: {name: csv, path: a.csv}\n", "dataset", "target"),
        ("dataset: iris\nmodel: {dropout: 1.5}\n", "1.5", "maximum"),
        ("dataset: iris\nmodle: {}\n", "modle", "not allowed"),
    ],
)
def test_a_mistake_is_underlined_alone(document, text, underlined, said):
    ((message, where),) = document(text).problems()
    assert where == underlined
    assert said in message


OFFERED = [
    ("\n", 1, 0, {"dataset", "model", "optimizer", "training"}, {"lr"}),
    ("dataset: \n", 1, 9, {"iris", "mnist"}, {"csv"}),  # a bare csv says too little
    ("dataset:\n  name: \n", 2, 8, {"iris", "csv", "images"}, set()),
    ("dataset:\n  name: csv\n  path: a.csv\n  \n", 4, 2, {"target", "delimiter", "split"}, {"query", "path"}),
    ("dataset: iris\noptimizer:\n  name: sgd\n  \n", 4, 2, {"lr", "momentum", "l2"}, {"beta1"}),
    ("dataset: iris\noptimizer:\n  lr: 0.1\n  \n", 4, 2, {"beta1"}, {"momentum", "lr"}),
    ("dataset: iris\nmodel:\n  activation: \n", 3, 14, {"relu", "tanh"}, {"adam"}),
    ("dataset: iris\nimprove:\n  space:\n    \n", 4, 4, {"optimizer.lr", "model.hidden"}, {"dataset.path"}),
]


@pytest.mark.parametrize(("text", "line", "column", "offered", "withheld"), OFFERED)
def test_what_fits_is_offered(document, text, line, column, offered, withheld):
    found = document(text).completions(line, column)
    assert offered <= found
    assert not withheld & found


def test_a_key_is_explained_where_the_mouse_rests(document):
    shown = document("dataset: iris\noptimizer:\n  name: adam\n  lr: 0.01\n").hover(4, 3)
    assert "Learning rate" in shown
    assert "Default: 0.001" in shown
