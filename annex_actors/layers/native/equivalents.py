"""Torch modules for layers that ``torch.nn`` has no module for, or one with other inputs or outputs."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class Permute(nn.Module):  # type: ignore[misc]  # torch is an extra, and so of any type
    """Puts the axes of samples in another order, as `annex_actors.permute` does.

    Args:
        axes: for each axis of the outputs, which axis of the inputs it is, from 1.
    """

    def __init__(self, *axes: int) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, inputs: Any) -> Any:
        """Return ``inputs`` with its axes in another order."""
        return inputs.permute(0, *self.axes)

    def extra_repr(self) -> str:
        """Return the axes."""
        return ", ".join(map(str, self.axes))


class CentreCrop(nn.Module):  # type: ignore[misc]
    """Cuts the rectangle in the centre out of images, with zeros around them, as `annex_actors.random_crop` predicts.

    Args:
        size: height and width of the rectangle.
        padding: rows of zeros above and below, and columns on the left and right.
    """

    def __init__(self, size: tuple[int, int], padding: tuple[int, int]) -> None:
        super().__init__()
        self.size, self.padding = size, padding

    def forward(self, inputs: Any) -> Any:
        """Return the rectangles, shape ``(samples, channels, *size)``."""
        (height, width), (down, across) = self.size, self.padding
        padded = nn.functional.pad(inputs, (across, across, down, down))
        top, left = (padded.shape[2] - height) // 2, (padded.shape[3] - width) // 2
        return padded[:, :, top : top + height, left : left + width]


class Step(nn.Module):  # type: ignore[misc]
    """1 above 0, else 0."""

    def forward(self, inputs: Any) -> Any:
        """Return ones and zeros."""
        return (inputs > 0).to(inputs.dtype)


class Activated(nn.Linear):  # type: ignore[misc]
    """A linear module and the module of its activation, as `annex_actors.annex_dense` predicts.

    Args:
        in_features: of ``nn.Linear``.
        out_features: likewise.
        activation: the module.
    """

    def __init__(self, in_features: int, out_features: int, activation: Any) -> None:
        super().__init__(in_features, out_features)
        self.activation = activation

    def forward(self, inputs: Any) -> Any:
        """Return the activation of the products."""
        return self.activation(super().forward(inputs))


class Added(nn.Module):  # type: ignore[misc]
    """Adds a table to each sample: learned positions, or others, which are no part of the ``state_dict``.

    Args:
        table: of the shape of a sample.
        is_learned: whether it is a parameter, ``weight``.
    """

    def __init__(self, table: Any, *, is_learned: bool) -> None:
        super().__init__()
        if is_learned:
            self.weight = nn.Parameter(table)
        else:
            self.register_buffer("weight", table, persistent=False)

    def forward(self, inputs: Any) -> Any:
        """Return the sums."""
        return inputs + self.weight


class Indices(nn.Embedding):  # type: ignore[misc]
    """An embedding of indices that are floating numbers."""

    def forward(self, inputs: Any) -> Any:
        """Return the row of each index."""
        return super().forward(inputs.long())


class _Padded(nn.Module):  # type: ignore[misc]
    """What `Conv1d` and `Conv2d` add: padding that may differ from side to side.

    Args:
        sizes: of channels and kernels, as torch's convolution takes them.
        pads: as ``torch.nn.functional.pad`` takes them.
        settings: see torch's convolution.
    """

    def __init__(self, *sizes: Any, pads: tuple[int, ...], **settings: Any) -> None:
        super().__init__(*sizes, **settings)
        self.pads = pads

    def forward(self, inputs: Any) -> Any:
        """Return the outputs."""
        return super().forward(nn.functional.pad(inputs, self.pads) if any(self.pads) else inputs)


class Conv1d(_Padded, nn.Conv1d):  # type: ignore[misc]
    """A convolution of sequences, with any padding."""


class Conv2d(_Padded, nn.Conv2d):  # type: ignore[misc]
    """A convolution of images, with any padding."""


class SelfAttention(nn.MultiheadAttention):  # type: ignore[misc]
    """Attention of a sequence to itself.

    Args:
        embed_dim: the width of a sequence.
        num_heads: into how many parts to cut it.
        causal: whether a position takes nothing from later ones.
        uses_mask: whether it is given a mask, and takes nothing from padding.
        settings: see ``torch.nn.MultiheadAttention``.
    """

    def __init__(
        self, embed_dim: int, num_heads: int, *, causal: bool, uses_mask: bool = False, **settings: Any
    ) -> None:
        super().__init__(embed_dim, num_heads, batch_first=True, **settings)
        self.causal, self.uses_mask = causal, uses_mask

    def forward(self, inputs: Any, mask: Any = None) -> Any:
        """Return the outputs, of the shape of ``inputs``; ``mask`` is 0 where a position is padding."""
        hidden = self._hidden(inputs, mask)
        return super().forward(inputs, inputs, inputs, need_weights=False, attn_mask=hidden)[0]

    def _hidden(self, inputs: Any, mask: Any) -> Any:
        """Return what to add to the scores of each query (row) and key (column); None where all sees all."""
        size = inputs.shape[1]
        hidden = torch.ones(size, size, dtype=torch.bool, device=inputs.device).triu(1) if self.causal else None
        if mask is not None:
            padding = (mask == 0)[:, None, :].expand(-1, size, -1).repeat_interleave(self.num_heads, 0)
            hidden = padding if hidden is None else padding | hidden
        if hidden is None:
            return None
        # A finite number: where all is hidden, infinities would make NaN.
        return torch.zeros_like(hidden, dtype=inputs.dtype).masked_fill(hidden, torch.finfo(inputs.dtype).min)


class _Sequences(nn.Module):  # type: ignore[misc]
    """What `Lstm` and `Gru` add: which of the outputs to return, from which end to read, and to leave out padding.

    Args:
        width: of the inputs.
        units: the width of the outputs.
        return_sequences: whether to return the outputs of all positions, instead of those of the last.
        reverse: whether to read from the end.
        uses_mask: whether it is given a mask; at padding the states stay as they are.
    """

    def __init__(
        self, width: int, units: int, *, return_sequences: bool, reverse: bool, uses_mask: bool = False
    ) -> None:
        super().__init__(width, units, batch_first=True)
        self.return_sequences, self.reverse, self.uses_mask = return_sequences, reverse, uses_mask

    def forward(self, inputs: Any, mask: Any = None) -> Any:
        """Return the outputs; ``mask`` is 0 where a position is padding."""
        steps = inputs.flip(1) if self.reverse else inputs
        if mask is None:
            outputs = super().forward(steps)[0]
        else:
            outputs = self._masked(steps, mask.flip(1) if self.reverse else mask)
        if not self.return_sequences:
            return outputs[:, -1]
        return outputs.flip(1) if self.reverse else outputs

    def _masked(self, inputs: Any, mask: Any) -> Any:
        """Return the outputs after each step of a cell, which is taken only where ``mask`` is not 0."""
        cell = {"LSTM": torch.lstm_cell, "GRU": torch.gru_cell}[self.mode]
        weights = (self.weight_ih_l0, self.weight_hh_l0, self.bias_ih_l0, self.bias_hh_l0)
        zeros = inputs.new_zeros(inputs.shape[0], self.hidden_size)
        states, outputs = [zeros] * (2 if self.mode == "LSTM" else 1), []
        for step, counts in zip(inputs.unbind(1), mask.unbind(1), strict=True):
            after = cell(step, states, *weights) if self.mode == "LSTM" else [cell(step, states[0], *weights)]
            states = [torch.where(counts[:, None] != 0, *each) for each in zip(after, states, strict=True)]
            outputs.append(states[0])
        return torch.stack(outputs, 1)


class Lstm(_Sequences, nn.LSTM):  # type: ignore[misc]
    """An LSTM that returns its outputs alone."""


class Gru(_Sequences, nn.GRU):  # type: ignore[misc]
    """A GRU that returns its outputs alone."""
