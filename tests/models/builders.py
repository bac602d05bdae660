"""Networks of given sizes."""

from mlcli.features.state import FeatureLayout
from mlcli.models.networks import build_model
from mlcli.models.task import Classification, Regression


def layout_of(n_numeric, cardinalities=(), numbers=None):
    """Numeric inputs, all of them numbers unless told, and categories."""
    names = tuple(f"x{i}" for i in range(n_numeric))
    columns = tuple(f"c{i}" for i in range(len(cardinalities)))
    places = tuple(range(n_numeric) if numbers is None else numbers)
    return FeatureLayout(names, tuple(cardinalities), columns, numbers=places)


def task_of(n_outputs, output="identity"):
    """A task with so many outputs."""
    if output == "identity":
        return Regression(tuple(f"t{i}" for i in range(n_outputs)), (0.0,) * n_outputs, (1.0,) * n_outputs)
    classes = tuple(f"k{i}" for i in range(max(2, n_outputs)))
    return Classification("y", classes, (5,) * len(classes), output, output != "step")


def build_network(config, n_numeric, cardinalities, n_outputs, seed, output="identity"):
    """A network with initial weights."""
    return build_model(config, layout_of(n_numeric, cardinalities), task_of(n_outputs, output), seed)
