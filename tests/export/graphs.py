"""Small graphs, run by two runtimes: onnxruntime, and the reference evaluator of ONNX itself."""

import numpy as np
from onnx.reference import ReferenceEvaluator

from mlcli.export.graph import DOUBLE, FLOAT, INT64, Graph
from mlcli.export.verify import open_session

KINDS = {"float64": DOUBLE, "float32": FLOAT, "int64": INT64}


def run_both(model, feeds):
    """Outputs by name, by onnxruntime; the reference's are the same but for rounding."""
    found = open_session(model.SerializeToString())(feeds)
    reference = ReferenceEvaluator(model)
    with np.errstate(all="ignore"):
        others = dict(zip(reference.output_names, reference.run(None, feeds), strict=True))
    for name, array in found.items():
        assert array.dtype.kind == others[name].dtype.kind
        if array.dtype.kind == "O":
            assert array.tolist() == others[name].tolist()
        else:
            np.testing.assert_allclose(others[name], array, rtol=1e-4, atol=1e-5)
    return found


def model_of(graph):
    return graph.to_model("0", "", {})


def compute(write, *arrays):
    """write(graph, *names) of arrays (n, k), by both runtimes."""
    names = [f"x{i}" for i, _ in enumerate(arrays)]
    graph = Graph({*names, "y"})
    for name, array in zip(names, arrays, strict=True):
        graph.add_input(name, KINDS[array.dtype.name], array.shape[1:], "")
    value = write(graph, *names)
    graph.add_output("y", value, DOUBLE, ["any"], "")
    return run_both(model_of(graph), dict(zip(names, arrays, strict=True)))["y"]
