"""Recurrent cells: what an LSTM and a GRU do in one step of time, and its pull-back.

A cell is given two products with weights, one of the step's inputs and one of its own outputs ``h`` of the step before.
The layer around it (`recurrent`) computes these, walks through time, and leaves out padding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeAlias

import numpy as np

from annex_actors.base.types import Floats

States: TypeAlias = tuple[Floats, ...]
"""What a cell carries from step to step, each of shape ``(microbatch, units)``: the outputs ``h`` first."""

Record: TypeAlias = Any
"""What `Cell.pull_back` needs from `Cell.step`."""


class Cell(Protocol):
    """A recurrent cell: pure functions of arrays, and no weights."""

    @property
    def name(self) -> str:
        """Name of its layer in layer specs, such as ``lstm``."""

    @property
    def gates(self) -> int:
        """How many numbers each of the two products has for a unit."""

    @property
    def states(self) -> int:
        """How many arrays it carries from step to step."""

    def step(self, projected: Floats, recurrent: Floats, states: States) -> tuple[States, Record]:
        """Return the states after a step, which are new arrays, and what `pull_back` needs.

        Args:
            projected: ``x @ weight_ih + bias_ih``, shape ``(microbatch, gates * units)``.
            recurrent: ``h @ weight_hh + bias_hh``, likewise; the cell may overwrite it.
            states: before the step.
        """

    def pull_back(self, record: Record, grads: States) -> tuple[Floats, Floats, States]:
        """Return the gradients of ``projected``, of ``recurrent``, and of the states before, apart from ``recurrent``.

        Args:
            record: of the step.
            grads: dC/dstates after the step.
        """


@dataclass(frozen=True)
class LstmCell:
    """``i, f, g, o = x + h``, ``c = sigmoid(f) * c + sigmoid(i) * tanh(g)``, ``h = sigmoid(o) * tanh(c)``.

    ``x`` and ``h`` on the right of the first formula are the two products; the states are ``h`` and ``c``.
    """

    name: ClassVar[str] = "lstm"
    gates: ClassVar[int] = 4
    states: ClassVar[int] = 2

    def step(self, projected: Floats, recurrent: Floats, states: States) -> tuple[States, Record]:
        """Return ``h`` and ``c`` after a step."""
        gates = recurrent
        gates += projected
        enters, stays, new, leaves = _parts(gates, self.gates)
        new *= 2  # tanh(x) = 2 * sigmoid(2 * x) - 1: so one pass squashes all four
        _squash(gates)
        new *= 2
        new -= 1
        cells = stays * states[1]
        cells += enters * new
        squashed = np.tanh(cells)
        return (leaves * squashed, cells), (gates, states[1], squashed)

    def pull_back(self, record: Record, grads: States) -> tuple[Floats, Floats, States]:
        """Return the gradient of both products, which is the same, and those of ``h``, none, and ``c``."""
        gates, cells, squashed = record
        enters, stays, new, leaves = _parts(gates, self.gates)
        grad_output, grad_cells = grads
        grad_cells = grad_cells + grad_output * leaves * (1 - squashed * squashed)
        grad = 1 - gates
        grad *= gates
        grad_enters, grad_stays, grad_new, grad_leaves = _parts(grad, self.gates)
        grad_enters *= grad_cells * new
        grad_stays *= grad_cells * cells
        np.multiply(1 - new * new, grad_cells * enters, out=grad_new)
        grad_leaves *= grad_output * squashed
        return grad, grad, (np.zeros_like(grad_output), grad_cells * stays)


@dataclass(frozen=True)
class GruCell:
    """``r = sigmoid(x_r + h_r)``, ``z = sigmoid(x_z + h_z)``, ``n = tanh(x_n + r * h_n)``, ``h = (1 - z) * n + z * h``.

    ``x_r, x_z, x_n`` and ``h_r, h_z, h_n`` are the parts of the two products; the state is ``h``.
    """

    name: ClassVar[str] = "gru"
    gates: ClassVar[int] = 3
    states: ClassVar[int] = 1

    def step(self, projected: Floats, recurrent: Floats, states: States) -> tuple[States, Record]:
        """Return ``h`` after a step."""
        (before,), (*gated, candidate) = states, _parts(projected, self.gates)
        *recurrent_gated, recurrent_new = _parts(recurrent, self.gates)
        resets, stays = (_squash(one + other) for one, other in zip(gated, recurrent_gated, strict=True))
        new = resets * recurrent_new
        new += candidate
        np.tanh(new, out=new)
        after = before - new
        after *= stays
        after += new
        return (after,), (resets, stays, new, recurrent_new, before)

    def pull_back(self, record: Record, grads: States) -> tuple[Floats, Floats, States]:
        """Return the gradients of both products, which differ in the last part, and that of ``h``."""
        resets, stays, new, recurrent_new, before = record
        (grad_output,) = grads
        grad_projected = np.empty((len(new), self.gates * new.shape[1]), new.dtype)
        grad_resets, grad_stays, grad_new = _parts(grad_projected, self.gates)
        np.multiply(grad_output * (1 - stays), 1 - new * new, out=grad_new)
        np.multiply(grad_output * (before - new), stays * (1 - stays), out=grad_stays)
        np.multiply(grad_new * recurrent_new, resets * (1 - resets), out=grad_resets)
        grad_recurrent = grad_projected.copy()
        _parts(grad_recurrent, self.gates)[-1][...] *= resets
        return grad_projected, grad_recurrent, (grad_output * stays,)


def _parts(array: Floats, count: int) -> tuple[Floats, ...]:
    """Return views of the columns of each gate."""
    return tuple(array.reshape(len(array), count, -1).swapaxes(0, 1))


def _squash(array: Floats) -> Floats:
    """Replace each number by its sigmoid, ``(1 + tanh(x / 2)) / 2``, which never overflows."""
    array *= 0.5
    np.tanh(array, out=array)
    array += 1
    array *= 0.5
    return array
