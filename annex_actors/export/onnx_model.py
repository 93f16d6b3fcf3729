"""A trained network as an ONNX model: arrays in, or the raw columns of a table; predictions out, and class names."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from annex_actors.base import checks
from annex_actors.base.types import Array, Shape
from annex_actors.data.tables import Table
from annex_actors.data.tables.columns import Form, located
from annex_actors.data.transforms import Fitted, Preparation
from annex_actors.export.graph import Graph, Value
from annex_actors.export.network import outputs_of, predictions_of
from annex_actors.export.transforms import DTYPES, cells_of, features_of
from annex_actors.export.weights import predicting, trained
from annex_actors.training.learner import Learner

INPUTS, LABEL, PREDICTIONS, AMOUNTS = "inputs", "label", "predictions", "amounts"
"""The names of a model's inputs and outputs."""


def onnx_model(learner: Learner, *, transforms: bool = True, source: str = "") -> Any:
    """Return a trained network as an ONNX model, which predicts what `Learner.predict` does, but for rounding.

    Of a learner that was trained on a table (``learner.preparation``) it takes raw columns: an input for each one that
    is used, under the column's name, shape ``(rows, 1)``. Text is text, of which an empty one is missing. Dates are
    int64, microseconds since 1970, of which the least number, NumPy's NaT, is missing. All other columns are float64,
    truth values 0 and 1, of which NaN is missing. `onnx_inputs` makes them of a table. Any other learner's model has
    one input, ``inputs``, shape ``(rows, *input_shape)``, of the network's dtype.

    Outputs are ``predictions``, what `Learner.predict` returns; for classes ``label``, their names, shape ``(rows,)``;
    and with a preparation for regression ``amounts``, in the table's units, float64. Where the preparation would refuse
    a row for a missing number, predictions are NaN, and the label is empty. An output whose name a column has is called
    ``predicted label``, and so on.

    The operators are those of version 18, of December 2022. The model's metadata name the network, its classes and
    inputs, the source, and the weights' SHA-256.

    Args:
        learner: trained.
        transforms: whether the model takes raw columns where the learner does; else it takes the numbers that the
            preparation makes of them.
        source: where the learner is from, such as a run's folder, for the metadata.

    Returns:
        An ``onnx.ModelProto``; ``onnx.save`` writes it.

    Raises:
        DataError: the learner has not been trained.
        ConfigError: onnx is not installed; or ONNX has no operators for a layer, a cost or a transform, which the
            message names; or weights of 2 GB and more.
    """
    checks.instance("learner", learner, Learner, "a trained Learner")
    checks.boolean("transforms", transforms)
    checks.instance("source", source, str, "a text")
    return _Model(learner, learner.preparation if transforms else None).made(source)


def onnx_inputs(preparation: Preparation, table: Table) -> dict[str, Array]:
    """Return the columns of raw rows as a model with this preparation takes them, by name, each ``(rows, 1)``.

    Raises:
        DataError: a missing column, or cells of another kind than in training.
        ConfigError: an argument of another kind.
    """
    checks.instance("preparation", preparation, Preparation, "a Preparation, such as learner.preparation")
    checks.instance("table", table, Table, "a table, such as Table(columns, source)")
    used = [feature for feature in preparation.features if feature.names]
    forms = _forms(used)
    columns, cells = table.select([*forms]), {}
    for name, form in forms.items():
        with located(table, name):
            cells[name] = cells_of(columns[name], form.kind)
    return cells


def _forms(features: Sequence[Fitted]) -> dict[str, Form]:
    return {name: form for each in features for name, form in zip(each.columns, each.forms, strict=True)}


class _Model:
    """A model while it is made.

    Args:
        learner: trained.
        preparation: see `onnx_model`.
    """

    def __init__(self, learner: Learner, preparation: Preparation | None) -> None:
        self._learner, self._preparation = learner, preparation
        self._checkpoint, self._spec = trained(learner), learner.spec
        self._classes = learner.classes
        used = () if preparation is None else tuple(each for each in preparation.features if each.names)
        self._used, self._columns = used, _forms(used)
        self._graph = Graph(self._spec.dtype, reserved=self._columns)

    def made(self, source: str) -> Any:
        """Return the model."""
        graph, spec, shape = self._graph, self._spec, self._checkpoint.input_shape
        inputs = INPUTS if self._preparation is None else self._prepared()
        outputs = outputs_of(graph, spec.network, predicting(self._learner), shape, inputs)
        output_shape = spec.network.shapes(shape)[-1]
        predictions = predictions_of(graph, spec.cost, outputs, output_shape)
        if self._preparation is not None:
            predictions = self._without_refused(predictions, inputs, output_shape)
        given = self._outputs(predictions, output_shape)
        taken = [Value(name, DTYPES.get(form.kind, np.float64), (1,)) for name, form in self._columns.items()]
        return graph.model(taken or [Value(INPUTS, spec.dtype, shape)], given, self._metadata(source))

    def _prepared(self) -> str:
        double = self._graph.of_dtype(np.dtype(np.float64))
        features = double.node("Concat", *(features_of(double, each) for each in self._used), axis=1)
        return self._graph.floats(double.cast(features, np.float32))  # samples are float32, whatever the network is

    def _without_refused(self, predictions: str, inputs: str, output_shape: Shape) -> str:
        """Return predictions that are NaN where an input is: a layer such as relu may hide it."""
        graph = self._graph
        refused = graph.node("IsNaN", graph.node("ReduceSum", inputs, graph.integers(1)))
        beside = graph.reshaped(refused, [1] * len(output_shape))
        return graph.node("Where", beside, graph.array(np.nan), predictions)

    def _outputs(self, predictions: str, output_shape: Shape) -> list[Value]:
        graph, preparation = self._graph, self._preparation
        values = [Value(self._free(PREDICTIONS), self._spec.dtype, output_shape)]
        if self._classes is not None:
            label = graph.node("Gather", graph.texts([*self._classes, ""]), self._class(predictions, output_shape))
            values.insert(0, Value(graph.named(label, self._free(LABEL)), object, ()))
        elif preparation is not None and preparation.units is not None:
            double, units = graph.of_dtype(np.dtype(np.float64)), preparation.units
            scaled = double.node("Mul", double.floats(predictions), double.array(units.scale))
            amounts = double.node("Add", scaled, double.array(units.mean))
            values.insert(0, Value(graph.named(amounts, self._free(AMOUNTS)), np.float64, output_shape))
        graph.named(predictions, values[-1].name)
        return values

    def _class(self, predictions: str, output_shape: Shape) -> str:
        """Return the number of the class that each row's predictions mean, one more than the last if they are NaN."""
        graph, classes = self._graph, self._classes or ()
        if output_shape == (1,) and len(classes) == 2:
            number = graph.cast(graph.node("Greater", graph.reshaped(predictions, ()), graph.array(0.5)), np.int64)
        else:
            number = graph.node("ArgMax", predictions, axis=-1, keepdims=0)
        is_none = graph.node("IsNaN", graph.node("ReduceSum", predictions, graph.integers(-1), keepdims=0))
        return graph.node("Where", is_none, graph.array(len(classes), np.int64), number)

    def _free(self, name: str) -> str:
        while name in self._columns:
            name = f"predicted {name}"
        return name

    def _metadata(self, source: str) -> dict[str, str]:
        preparation = self._preparation
        known = {
            "network": self._spec.network.spec(),
            "cost": self._spec.cost.name,
            "weights_sha256": self._checkpoint.weights_sha256,
            "step": str(self._checkpoint.step),
            "source": source,
            "classes": None if self._classes is None else json.dumps(self._classes),
            "columns": json.dumps({name: [form.kind, *form.words] for name, form in self._columns.items()}),
            "feature_names": None if preparation is None else json.dumps(preparation.feature_names),
            "labels": None if preparation is None else json.dumps(preparation.target.labels),
        }
        return {name: value for name, value in known.items() if value and value != "{}"}
