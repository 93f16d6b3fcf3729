"""Torch modules for networks that branch: a sequence of modules through which a stack of tensors passes.

They do what `annex_actors.layers.branches` does: a module works on the top of the stack, and those here on several.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class OnStack(nn.Module):  # type: ignore[misc]  # torch is an extra, and so of any type
    """A module that takes several tensors from the top of the stack.

    Args:
        takes: how many.
    """

    def __init__(self, takes: int) -> None:
        super().__init__()
        self.takes = takes

    def extra_repr(self) -> str:
        """Return how many tensors it takes."""
        return str(self.takes)


class Fork(OnStack):
    """Puts the top on the stack several times.

    Args:
        copies: how often.
    """

    def __init__(self, copies: int) -> None:
        super().__init__(1)
        self.copies = copies

    def forward(self, top: Any) -> list[Any]:
        """Return the tensor several times."""
        return [top] * self.copies

    def extra_repr(self) -> str:
        """Return how often."""
        return str(self.copies)


class Rotate(OnStack):
    """Moves the topmost tensor below the others."""

    def forward(self, top: Any, *others: Any) -> list[Any]:
        """Return the tensors, the first one last."""
        return [*others, top]


class Join(OnStack):
    """Replaces tensors by their sum."""

    def forward(self, *tensors: Any) -> list[Any]:
        """Return the sum."""
        return [sum(tensors[1:], start=tensors[0])]


class Concatenate(OnStack):
    """Lays tensors side by side on the last axis."""

    def forward(self, *tensors: Any) -> list[Any]:
        """Return them side by side."""
        return [torch.cat(tensors, -1)]


class Mask(OnStack):
    """Puts a mask under sequences: 1 where a position counts, 0 where it holds nothing but padding.

    Args:
        padding: what sequences are filled up with.
    """

    def __init__(self, padding: float) -> None:
        super().__init__(1)
        self.padding = padding

    def forward(self, top: Any) -> list[Any]:
        """Return the sequences and their mask."""
        counts = top != self.padding
        return [top, (counts if counts.ndim == 2 else counts.any(2)).to(top.dtype)]

    def extra_repr(self) -> str:
        """Return the padding."""
        return str(self.padding)


class Unmask(OnStack):
    """Takes the mask off."""

    def forward(self, top: Any, mask: Any) -> list[Any]:
        """Return the sequences."""
        return [top]


class MaskedAvgPool(OnStack):
    """Averages the positions that count, and takes the mask off."""

    def forward(self, top: Any, mask: Any) -> list[Any]:
        """Return the averages, zeros where no position counts."""
        return [(top * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)]


class Branched(nn.Sequential):  # type: ignore[misc]
    """A sequence of modules: some are `OnStack`, and those with ``uses_mask`` are given the mask at the bottom, too."""

    def forward(self, inputs: Any) -> Any:
        """Return what lies on the stack after the last module."""
        stack = [inputs]
        for module in self:
            if isinstance(module, OnStack):
                stack = [*module(*stack[: module.takes]), *stack[module.takes :]]
            elif getattr(module, "uses_mask", False):
                stack = [module(stack[0], stack[-1]), *stack[1:]]
            else:
                stack = [module(stack[0]), *stack[1:]]
        return stack[0]
