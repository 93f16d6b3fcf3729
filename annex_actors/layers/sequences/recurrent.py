"""Recurrent layers: a cell, LSTM or GRU, that reads a sequence step by step.

Inside, time is the first axis, so that what a step of time works on lies in one piece. The product of the inputs with
their weights is one matrix product for all steps of time. So are the weight gradients, for all microbatches too: their
rows are the samples at each step of time.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from annex_actors.base import checks
from annex_actors.base.calls import UNWRITTEN, written
from annex_actors.base.random_keys import RandomKey, Tag
from annex_actors.base.types import Array, DType, Floats, Parameters, Shape, frozen
from annex_actors.layers.kernels import NUMPY, Kernels
from annex_actors.layers.kernels import kernels as kernels_of
from annex_actors.layers.layer import Factors, Saved
from annex_actors.layers.sequences.cells import Cell, GruCell, LstmCell, Record, States
from annex_actors.layers.sequences.shapes import sequence_shape

_UNITS = 2**28
"""A BLAS library counts columns in 32 bits, and there are up to four for each unit."""

_INPUT_WEIGHT, _HIDDEN_WEIGHT, _INPUT_BIAS, _HIDDEN_BIAS = "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"


def lstm(units: int, return_sequences: bool = False, reverse: bool = False) -> Recurrent:
    """Return the long short-term memory over a sequence; hidden outputs ``h`` and cells ``c`` begin with zeros.

    At each step of time, ``i, f, g, o = x @ weight_ih + bias_ih + h @ weight_hh + bias_hh``, in four parts of the same
    size. Then ``c = sigmoid(f) * c + sigmoid(i) * tanh(g)`` and ``h = sigmoid(o) * tanh(c)``. From shape ``(sequence,
    width)`` to ``(units,)``, the last ``h``, or to ``(sequence, units)``. Where the network has a mask (``mask``),
    ``h`` and ``c`` stay as they are at padding.

    Args:
        units: how many numbers ``h`` has, >= 1.
        return_sequences: whether the outputs are ``h`` after each step, and not after the last one only.
        reverse: whether it reads from the end; ``concat( lstm:8 lstm:8:reverse=true )`` reads in both directions.

    Raises:
        ConfigError: a setting that is out of range or of another kind.

    Source:
        Hochreiter, Schmidhuber (1997), Long short-term memory; Gers, Schmidhuber, Cummins (2000), Learning to forget;
        as torch.nn.LSTM.
    """
    return Recurrent(LstmCell(), units, return_sequences, reverse)


def gru(units: int, return_sequences: bool = False, reverse: bool = False) -> Recurrent:
    """Return the gated recurrent unit over a sequence; hidden outputs ``h`` begin with zeros.

    At each step of time, ``x_r, x_z, x_n = x @ weight_ih + bias_ih`` and ``h_r, h_z, h_n = h @ weight_hh + bias_hh``,
    in three parts of the same size. Then ``r = sigmoid(x_r + h_r)``, ``z = sigmoid(x_z + h_z)``, ``n = tanh(x_n + r *
    h_n)`` and ``h = (1 - z) * n + z * h``. Shapes and masks are those of `lstm`.

    Args:
        units: how many numbers ``h`` has, >= 1.
        return_sequences: whether the outputs are ``h`` after each step, and not after the last one only.
        reverse: whether it reads from the end.

    Raises:
        ConfigError: a setting that is out of range or of another kind.

    Source:
        Cho et al. (2014), Learning phrase representations using RNN encoder-decoder for statistical machine
        translation; in the form of torch.nn.GRU, where ``r`` multiplies the product with ``h``.
    """
    return Recurrent(GruCell(), units, return_sequences, reverse)


@dataclass(frozen=True)
class Recurrent:
    """A layer that lets a cell read a sequence; made by `lstm` or `gru`.

    Its parameters are torch's: ``weight_ih_l0``, shape ``(width, gates * units)``, ``weight_hh_l0``, shape ``(units,
    gates * units)``, ``bias_ih_l0`` and ``bias_hh_l0``, shape ``(gates * units,)``, with a row for each input, and the
    gates in torch's order. In an LSTM only the sum of the two biases counts; they are two so that a step of any
    optimizer is torch's.
    """

    cell: Cell = field(metadata=UNWRITTEN)
    units: int
    return_sequences: bool = False
    reverse: bool = False
    is_masked: bool = field(default=False, metadata=UNWRITTEN)
    """Whether there is a mask, set by `sequence`."""
    kernels: Kernels = field(default=NUMPY, repr=False, metadata=UNWRITTEN)
    """The library that computes the products."""

    def __post_init__(self) -> None:
        checks.keep(
            self,
            units=checks.whole_number("units", self.units, at_least=1, limit=_UNITS),
            return_sequences=checks.boolean("return_sequences", self.return_sequences),
            reverse=checks.boolean("reverse", self.reverse),
            kernels=kernels_of(self.kernels),
        )

    @property
    def name(self) -> str:
        """The cell's name."""
        return self.cell.name

    def spec(self) -> str:
        """Return the cell's name, ``units``, and other settings by name."""
        return written(self.name, self)

    def with_kernels(self, kernels: Kernels) -> Recurrent:
        """Return the same layer with these kernels."""
        return replace(self, kernels=kernels)

    def with_mask(self, is_masked: bool) -> Recurrent:
        """Return the same layer, with ``is_masked`` set."""
        return replace(self, is_masked=is_masked)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return ``(units,)``, or ``(sequence, units)``.

        Raises:
            ShapeError: samples that are no sequences.
        """
        length, _ = sequence_shape(input_shape)
        return (length, self.units) if self.return_sequences else (self.units,)

    def work(self, input_shape: Shape) -> int:
        """Return one multiplication for each weight and bias at each step of time."""
        length, width = sequence_shape(input_shape)
        return length * (width + self.units + 2) * self.cell.gates * self.units

    def initial_parameters(self, input_shape: Shape, key: RandomKey, dtype: DType) -> Parameters:
        """Return weights and biases drawn for ``key``, uniform up to ``1 / sqrt(units)`` from 0, as in torch."""
        _, width = sequence_shape(input_shape)
        generator, limit, columns = key.generator(Tag.INITIAL_WEIGHTS), self.units**-0.5, self.cell.gates * self.units
        shapes: dict[str, tuple[int, ...]] = {
            _INPUT_WEIGHT: (width, columns),
            _HIDDEN_WEIGHT: (self.units, columns),
            _INPUT_BIAS: (columns,),
            _HIDDEN_BIAS: (columns,),
        }
        return frozen({name: generator.uniform(-limit, limit, shape).astype(dtype) for name, shape in shapes.items()})

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return the outputs, shape ``(microbatch, *output_shape)``; save what `backward` needs."""
        return self._read(parameters, inputs, None)

    def forward_masked(
        self, parameters: Parameters, inputs: Floats, mask: Floats, key: RandomKey | None
    ) -> tuple[Floats, Saved]:
        """Return the outputs of cells whose states stay as they are where ``mask`` is 0."""
        return self._read(parameters, inputs, self._by_time(mask[:, :, None] != 0))

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return dC/dinputs, and as factors what the two products with weights were given, and their gradients."""
        assert isinstance(saved, _Saved)
        grad_projected, grad_recurrent = self._pull_back(parameters[_HIDDEN_WEIGHT], saved, grad_output)
        factors = tuple(map(_rows, (saved.inputs, saved.hidden[:-1], grad_projected, grad_recurrent)))
        if not input_wanted:
            return None, factors
        return self._by_sample(self._product(grad_projected, parameters[_INPUT_WEIGHT].T)), factors

    def weight_gradient(self, factors: Factors) -> dict[str, Floats]:
        """Return one product for each of the two weights, and column sums for the biases."""
        inputs, hidden, grad_projected, grad_recurrent = factors
        return {
            _INPUT_WEIGHT: self.kernels.product(inputs.T, grad_projected),
            _HIDDEN_WEIGHT: self.kernels.product(hidden.T, grad_recurrent),
            _INPUT_BIAS: grad_projected.sum(axis=0),
            _HIDDEN_BIAS: grad_recurrent.sum(axis=0),
        }

    def _read(self, parameters: Parameters, inputs: Floats, mask: Array | None) -> tuple[Floats, Saved]:
        steps = self._by_time(inputs)
        projected = self._product(steps, parameters[_INPUT_WEIGHT])
        projected += parameters[_INPUT_BIAS]
        hidden = np.zeros((len(steps) + 1, len(inputs), self.units), inputs.dtype)
        states: States = (hidden[0],) * self.cell.states
        records = []
        for time in range(len(steps)):
            recurrent = self.kernels.product(hidden[time], parameters[_HIDDEN_WEIGHT])
            recurrent += parameters[_HIDDEN_BIAS]
            after, record = self.cell.step(projected[time], recurrent, states)
            states = _where(mask, time, after, states)
            hidden[time + 1] = states[0]
            records.append(record)
        outputs = self._by_sample(hidden[1:]) if self.return_sequences else states[0]
        return outputs, _Saved(steps, hidden, records, mask)

    def _pull_back(self, weight: Floats, saved: _Saved, grad_output: Floats) -> tuple[Floats, Floats]:
        """Return the gradients of the products with inputs and with ``h``: axes time, sample, feature."""
        grad_projected, grad_recurrent = (
            np.empty((len(saved.inputs), len(grad_output), self.cell.gates * self.units), weight.dtype)
            for _ in range(2)
        )
        nothing = np.zeros_like(saved.hidden[0])
        outputs = self._by_time(grad_output) if self.return_sequences else None
        grads: States = (nothing if self.return_sequences else grad_output, *[nothing] * (self.cell.states - 1))
        for time in reversed(range(len(saved.inputs))):
            grads = grads if outputs is None else (grads[0] + outputs[time], *grads[1:])
            inner = _where(saved.mask, time, grads, (nothing,) * len(grads))
            grad_projected[time], grad_recurrent[time], before = self.cell.pull_back(saved.records[time], inner)
            through = self.kernels.product(grad_recurrent[time], weight.T)
            through += before[0]
            grads = _where(saved.mask, time, (through, *before[1:]), grads)
        return grad_projected, grad_recurrent

    def _product(self, steps: Floats, weight: Floats) -> Floats:
        return self.kernels.product(_rows(steps), weight).reshape(*steps.shape[:-1], weight.shape[1])

    def _by_time(self, array: Array) -> Array:
        """Return an array with the axes sample, time, feature as time, sample, feature, in the order of reading."""
        return np.ascontiguousarray((array[:, ::-1] if self.reverse else array).swapaxes(0, 1))

    def _by_sample(self, array: Floats) -> Floats:
        """Undo `_by_time`."""
        return np.ascontiguousarray((array[::-1] if self.reverse else array).swapaxes(0, 1))


class _Saved(NamedTuple):
    """What backward needs, by time: the inputs; ``h`` before each step and after the last; records; the mask."""

    inputs: Floats
    hidden: Floats
    records: list[Record]
    mask: Array | None


def _where(mask: Array | None, time: int, inside: States, padding: States) -> States:
    """Return ``inside`` for the samples that have this step of time, and ``padding`` for those where it is padding."""
    if mask is None:
        return inside
    return tuple(np.where(mask[time], one, other) for one, other in zip(inside, padding, strict=True))


def _rows(array: Floats) -> Floats:
    return array.reshape(-1, array.shape[-1])
