"""An ONNX graph while it is built: nodes in order, and the arrays that they use.

Values have names, as in ONNX itself: each method returns the name of what it adds. Nothing here knows layers.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from annex_actors.base.errors import ConfigError
from annex_actors.base.types import Array, DType

OPSET = 18
"""The version of ONNX's operators, of December 2022: the first whose reductions take their axes as an input."""

OPSET_ML = 3
"""The version of ``ai.onnx.ml``, of which only `LabelEncoder` is used."""

IR_VERSION = 8
"""The version of the file format that belongs to `OPSET`; newer ones are refused by older runtimes."""

ROWS = "rows"
"""The name of the first axis of inputs and outputs, which may have any length."""

_MOST_BYTES = 2**31 - 2**20
"""A protocol buffer has less than 2 GB; a part is left for the nodes."""


def imported() -> Any:
    """Return the package ``onnx``, an extra that not every installation has.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise ConfigError("expected onnx for an ONNX model, got none; pip install 'annex-actors[onnx]'") from error
    return onnx


@dataclass
class Graph:
    """Nodes, and the constants that they use.

    Args:
        dtype: of the network's numbers.
        nodes: in the order of the computation.
        constants: by name; those of a body are the outer graph's, whose names a body may use.
        numbers: that make names unique.
        reserved: names that values have from outside, such as a table's columns.
    """

    dtype: DType
    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)
    numbers: count[int] = field(default_factory=count)
    reserved: Collection[str] = ()

    @property
    def is_double(self) -> bool:
        """Whether numbers are float64, for which onnxruntime has no convolution, mean pooling, LSTM, GRU and erf."""
        return self.dtype == np.float64

    def node(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node with one output, and return the output's name."""
        return self.several(operator, inputs, 1, domain=domain, **attributes)[0]

    def several(
        self, operator: str, inputs: Sequence[str], outputs: int, *, domain: str = "", **attributes: Any
    ) -> list[str]:
        """Add a node with several outputs, and return their names."""
        name = self.new_name(operator.lower())
        names = [name] if outputs == 1 else [f"{name}.{index}" for index in range(outputs)]
        self.nodes.append(
            imported().helper.make_node(operator, list(inputs), names, name=name, domain=domain, **attributes)
        )
        return names

    def named(self, value: str, name: str) -> str:
        """Give a value a name of its own, and return it."""
        self.nodes.append(imported().helper.make_node("Identity", [value], [name], name=name))
        return name

    def array(self, values: ArrayLike, dtype: DTypeLike | None = None, *, name: str | None = None) -> str:
        """Add a constant, of the network's dtype unless another is given."""
        array = np.ascontiguousarray(values, self.dtype if dtype is None else dtype)
        if name is None or name in self.reserved:
            name = self.new_name("constant")
        self.constants[name] = imported().numpy_helper.from_array(array.reshape(np.shape(values)), name)
        return name

    def integers(self, *values: int) -> str:
        """Add a constant list of whole numbers, such as axes or a shape."""
        return self.array(np.array(values), np.int64)

    def texts(self, values: Sequence[str]) -> str:
        """Add a constant list of texts."""
        return self.array(np.array(values, object), object)

    def cast(self, value: str, dtype: DTypeLike) -> str:
        """Return a value as another dtype."""
        return self.node("Cast", value, to=imported().helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def floats(self, value: str) -> str:
        """Return a value in the network's dtype."""
        return self.cast(value, self.dtype)

    def reshaped(self, value: str, sizes: Sequence[int]) -> str:
        """Return a value whose samples have another shape."""
        return self.node("Reshape", value, self.integers(0, *sizes))

    def body(self) -> Graph:
        """Return an empty graph that may use this one's constants and values, such as the body of a loop."""
        return Graph(self.dtype, [], self.constants, self.numbers, self.reserved)

    def of_dtype(self, dtype: DType) -> Graph:
        """Return the same graph, whose numbers are of another dtype from here on."""
        return Graph(dtype, self.nodes, self.constants, self.numbers, self.reserved)

    def new_name(self, stem: str) -> str:
        """Return a name that no other value has."""
        names = (f"{stem}_{number}" for number in self.numbers)
        return next(name for name in names if name not in self.reserved)

    def as_body(self, inputs: Sequence[str], outputs: Sequence[str]) -> Any:
        """Return a body as the attribute of a node."""
        helper = imported().helper
        kind = helper.np_dtype_to_tensor_dtype(self.dtype)
        values = [[helper.make_tensor_value_info(each, kind, None) for each in names] for names in (inputs, outputs)]
        return helper.make_graph(self.nodes, self.new_name("body"), *values)

    def model(self, inputs: Sequence[Value], outputs: Sequence[Value], metadata: dict[str, str]) -> Any:
        """Return the model, checked.

        Args:
            inputs: what the model takes.
            outputs: what it gives.
            metadata: kept with it.

        Raises:
            ConfigError: arrays of 2 GB and more, which one file cannot hold.
        """
        from importlib.metadata import version

        onnx = imported()
        if sum(each.ByteSize() for each in self.constants.values()) > _MOST_BYTES:
            raise ConfigError(
                "expected weights of less than 2 GB, which an ONNX file holds at most, got more; use --to safetensors"
            )
        graph = onnx.helper.make_graph(
            self.nodes,
            "network",
            [each.info for each in inputs],
            [each.info for each in outputs],
            list(self.constants.values()),
        )
        opsets = [onnx.helper.make_opsetid("", OPSET)]
        if any(node.domain for node in self.nodes):
            opsets.append(onnx.helper.make_opsetid("ai.onnx.ml", OPSET_ML))
        model = onnx.helper.make_model(
            graph,
            opset_imports=opsets,
            ir_version=IR_VERSION,
            producer_name="annex-actors",
            producer_version=version("annex-actors"),
        )
        onnx.helper.set_model_props(model, metadata)
        onnx.checker.check_model(model)
        return model


@dataclass(frozen=True)
class Value:
    """An input or output of a model: its name, what it holds, and the shape of a sample.

    Args:
        name: unique in the model.
        dtype: of the numbers; ``object`` for text.
        shape: without the axis of rows.
    """

    name: str
    dtype: DTypeLike
    shape: tuple[int, ...]

    @property
    def info(self) -> Any:
        """The value as ONNX describes it."""
        helper = imported().helper
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype))
        return helper.make_tensor_value_info(self.name, kind, [ROWS, *self.shape])


@dataclass(frozen=True)
class Place:
    """Where a layer stands in a network.

    Args:
        index: the layer's.
        weights: its parameters and its state, by name.
        before: the shapes of the arrays of a sample before the layer, the activation's first.
        after: likewise, after the layer.
        mask: the mask's value where the layer looks at one.
    """

    index: int
    weights: dict[str, Array]
    before: tuple[tuple[int, ...], ...]
    after: tuple[tuple[int, ...], ...]
    mask: str | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a sample before the layer."""
        return self.before[0]

    def weight(self, graph: Graph, name: str, array: Array | None = None) -> str:
        """Add one of the weights, under the name that it has in a checkpoint, such as ``0.weight``.

        Args:
            graph: to which it is added.
            name: of the weight in the layer.
            array: the weight in the layout that ONNX wants; as it is by default.
        """
        return graph.array(self.weights[name] if array is None else array, name=f"{self.index}.{name}")
