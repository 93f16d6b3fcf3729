"""Statistics over groups of channels and all positions: what batch_norm and group_norm have in common.

An array is seen as blocks of positions, each with a row of channels. Batch norm has one block, the microbatch, and a
group for each channel; group norm has a block for each sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annex_actors.base.types import Floats
from annex_actors.layers.columns import beside, tiled


@dataclass(frozen=True)
class Groups:
    """How the numbers of an array are grouped.

    Args:
        blocks: how many there are.
        positions: in each block.
        channels: at each position, a multiple of ``groups``.
        groups: of neighbouring channels, for each of which a block has its own statistics.
    """

    blocks: int
    positions: int
    channels: int
    groups: int

    @property
    def numbers(self) -> int:
        """How many numbers a group has in a block."""
        return self.positions * self.channels // self.groups

    def wide(self, array: Floats) -> Floats:
        """Return a view of shape ``(blocks, rows, width)``: several positions side by side, as in `columns.wide`."""
        side = beside(self.positions, self.channels)
        return array.reshape(self.blocks, self.positions // side, side * self.channels)

    def sums(self, array: Floats) -> Floats:
        """Return the sums of a wide array over the positions, shape ``(blocks, channels)``."""
        sums: Floats = array.sum(axis=1)
        return self._channels(sums)

    def products(self, left: Floats, right: Floats) -> Floats:
        """Return the sums of the products of two wide arrays over the positions, shape ``(blocks, channels)``."""
        return self._channels(np.einsum("brw,brw->bw", left, right))

    def means(self, sums: Floats) -> Floats:
        """Return the mean of each group, spread to its channels, from the sums of the channels: the same shape."""
        each = sums.reshape(self.blocks, self.groups, -1)
        means = each.sum(axis=-1, keepdims=True) / self.numbers
        return np.broadcast_to(means, each.shape).reshape(sums.shape)

    def _channels(self, sums: Floats) -> Floats:
        result: Floats = sums.reshape(self.blocks, -1, self.channels).sum(axis=1)
        return result


@dataclass(frozen=True)
class Standardized:
    """An array less its mean, and one over its deviation, from which `pull_back` finds its way.

    Args:
        groups: how the numbers are grouped.
        centred: the inputs less their mean, a wide array.
        inverse: one over the standard deviation of each channel, shape ``(blocks, channels)``.
        is_fixed: whether the statistics are constants instead of functions of the inputs.
    """

    groups: Groups
    centred: Floats
    inverse: Floats
    is_fixed: bool = False

    def outputs(self, weight: Floats | None, bias: Floats | None) -> Floats:
        """Return ``centred * inverse * weight + bias``: a new wide array."""
        outputs: Floats = self.centred * self._row(_product(self.inverse, weight))
        if bias is not None:
            outputs += tiled(bias, outputs)
        return outputs

    def sums(self, grad_output: Floats) -> tuple[Floats, Floats]:
        """Return the sums over positions of ``grad_output * centred`` and of ``grad_output``, a wide array."""
        return self.groups.products(grad_output, self.centred), self.groups.sums(grad_output)

    def pull_back(self, grad_output: Floats, sums: tuple[Floats, Floats], weight: Floats | None) -> Floats:
        """Return dC/dinputs, a new wide array: ``inverse * (g - mean(g) - x * mean(g * x))``.

        There x is what was standardised and g is dC/dx, that is ``grad_output * weight``.

        Source:
            Ioffe, Szegedy (2015), Batch normalization, section 3.
        """
        if self.is_fixed:
            return grad_output * self._row(_product(self.inverse, weight))
        if weight is not None and self.groups.groups < self.groups.channels:  # else the weight is a constant of a group
            grad_output = grad_output * tiled(weight, grad_output)
            sums, weight = (sums[0] * weight, sums[1] * weight), None
        products, totals = map(self.groups.means, sums)
        grad_input: Floats = self.centred * self._row(products * self.inverse**2)
        np.subtract(grad_output, grad_input, out=grad_input)
        grad_input -= self._row(totals)
        grad_input *= self._row(_product(self.inverse, weight))
        return grad_input

    def _row(self, channels: Floats) -> Floats:
        """Return a number for each block and channel, repeated for the positions that lie side by side."""
        side = self.centred.shape[-1] // self.groups.channels
        return np.tile(channels, side)[:, np.newaxis]


def _product(channels: Floats, weight: Floats | None) -> Floats:
    return channels if weight is None else channels * weight
