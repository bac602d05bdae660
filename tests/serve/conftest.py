import pytest

from mlcli.serve.models import load_model
from tests.conftest import clear_settings, train_in
from tests.serve.servers import Asked

ROWS = 120
KINDS = """
name: kinds
dataset:
  name: csv
  path: kinds.csv
  target: kept
  types: {plan: category}
model: {hidden: [8]}
training: {epochs: 3}
evaluation: {baselines: none}
"""


def write_kinds(folder):
    """A table with a column of each kind, and a class that depends on them."""
    lines = ["age,plan,member,since,kept"]
    for i in range(ROWS):
        age, plan, member = 18 + i * 7 % 60, ("basic", "plus", "gold")[i % 3], "yes" if i % 4 else "no"
        age = "" if i % 11 == 5 else age
        lines.append(f"{age},{plan},{member},2024-{1 + i % 12:02}-{1 + i % 28:02},{'stay' if i % 3 else 'leave'}")
    (folder / "kinds.csv").write_text("\n".join(lines) + "\n")
    (folder / "kinds.yaml").write_text(KINDS)


@pytest.fixture(scope="session")
def kinds_folder(tmp_path_factory):
    """A folder with a run of the table of all kinds."""
    folder = tmp_path_factory.mktemp("kinds")
    write_kinds(folder)
    return train_in(folder, "kinds.yaml")


@pytest.fixture
def in_kinds(kinds_folder, monkeypatch):
    """The folder, as the working directory."""
    monkeypatch.chdir(kinds_folder)
    clear_settings(monkeypatch)
    return kinds_folder


@pytest.fixture(scope="session")
def kinds(kinds_folder):
    """Its model."""
    return load_model(None, str(kinds_folder / "runs/kinds/001"))


@pytest.fixture(scope="session")
def iris(trained_iris):
    """A model of numbers alone."""
    return load_model("iris", str(trained_iris / "runs/iris/001"))


@pytest.fixture
def asked(kinds):
    """An application with the model of all kinds, which answers in this process."""
    with Asked({"kinds": kinds}) as application:
        yield application
