"""An ONNX graph, written node by node."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mlcli.errors import config_error

# Operators of 2022, which most runtimes of today have; LabelEncoder is of the second domain.
OPSET, ML_OPSET, IR_VERSION = 17, 3, 8
ML = "ai.onnx.ml"
DOUBLE, FLOAT, INT64 = TensorProto.DOUBLE, TensorProto.FLOAT, TensorProto.INT64
STRING, UINT8 = TensorProto.STRING, TensorProto.UINT8
# Of a file in the format of Protocol Buffers; a part of it is kept for all that is no number.
MAX_BYTES = (1 << 31) - (1 << 26)

# The name of a value that a node computes or a caller gives; or a constant.
Value = str | float | NDArray[np.generic] | np.generic


class Graph:
    """Nodes, constants, inputs and outputs, in the order in which they are added. Values are known by names.

    taken : names that nodes and constants may not have
    """

    def __init__(self, taken: Collection[str]) -> None:
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self._taken = {*taken}
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._tensors: list[onnx.TensorProto] = []
        self._bytes = 0

    def add_input(self, name: str, kind: int, shape: Sequence[int], text: str) -> str:
        """A tensor (rows, *shape) that the caller gives; text tells him what."""
        self.inputs.append(helper.make_tensor_value_info(name, kind, ["rows", *shape], text))
        return name

    def add_output(self, name: str, value: str, kind: int, shape: Sequence[int], text: str) -> None:
        """A tensor (rows, *shape) that the caller gets."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self.outputs.append(helper.make_tensor_value_info(name, kind, ["rows", *shape], text))

    def node(self, operator: str, *inputs: Value, domain: str = "", **attributes: Any) -> str:  # noqa: ANN401
        """The value that an operator computes; a Python float is a float64, an int an int64."""
        name = self._name(operator)
        known = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        self._nodes.append(helper.make_node(operator, known, [name], domain=domain, **attributes))
        return name

    def constant(self, value: Value) -> str:
        """A number or an array; equal ones are kept once."""
        array = np.asarray(value)
        key = (
            array.dtype.str,
            array.shape,
            array.tobytes() if array.dtype != object else repr(array.tolist()).encode(),
        )
        if key not in self._constants:
            self._constants[key] = self._name("constant")
            self._bytes += array.nbytes
            self._tensors.append(numpy_helper.from_array(array, self._constants[key]))
        return self._constants[key]

    def cast(self, value: str, kind: int) -> str:
        """The value as another type."""
        return self.node("Cast", value, to=kind)

    def concat(self, parts: Sequence[str], axis: int = 1) -> str:
        """The parts side by side."""
        return parts[0] if len(parts) == 1 else self.node("Concat", *parts, axis=axis)

    def columns(self, value: str, at: Sequence[int] | NDArray[np.int64]) -> str:
        """The columns (n, k) at these places."""
        return self.node("Gather", value, np.asarray(at, dtype=np.int64), axis=1)

    def reshape(self, value: str, *shape: int) -> str:
        """One length may be −1, which is found, or 0, which stays."""
        return self.node("Reshape", value, np.array(shape, dtype=np.int64))

    def to_model(self, producer_version: str, text: str, metadata: Mapping[str, str]) -> onnx.ModelProto:
        """The model of this graph. Raises ConfigError where it is larger than a file of ONNX can be."""
        if self._bytes > MAX_BYTES:
            raise config_error(
                "model.hidden",
                f"the network takes {self._bytes / 1e9:.1f} GB, and an ONNX file holds 2; train one with fewer units",
            )
        graph = helper.make_graph(self._nodes, "mlcli", self.inputs, self.outputs, self._tensors, doc_string=text)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML, ML_OPSET)]
        model = helper.make_model(
            graph,
            opset_imports=opsets,
            ir_version=IR_VERSION,
            producer_name="mlcli",
            producer_version=producer_version,
            doc_string=text,
        )
        helper.set_model_props(model, dict(metadata))
        return model

    def _name(self, stem: str) -> str:
        name, count = stem, 0
        while name in self._taken:
            count += 1
            name = f"{stem}_{len(self._taken) + count}"
        self._taken.add(name)
        return name
