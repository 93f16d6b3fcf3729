"""What all layers on sequences ask of their samples."""

from __future__ import annotations

from annex_actors.base.errors import ShapeError
from annex_actors.base.types import Shape


def sequence_shape(input_shape: Shape) -> tuple[int, int]:
    """Return the length and the width of a sample that is a sequence.

    Raises:
        ShapeError: not of shape ``(sequence, width)``.
    """
    if len(input_shape) != 2:
        cure = "put embedding before" if len(input_shape) == 1 else "put reshape before"
        raise ShapeError(f"expected samples of shape (sequence, width), got {input_shape}; {cure}")
    length, width = input_shape
    return length, width
