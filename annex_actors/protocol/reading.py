"""The messages between the trainer and the reader, which reads the samples that do not fit into memory.

A `Read` asks for the inputs of one step, or of one message of an evaluation; `Rows` brings them. What is read is a
function of the place that both name, so an answer may come twice or be asked for again, and nothing is kept for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from annex_actors.base.types import Floats, made_often
from annex_actors.protocol.messages import Message, WithArray


@made_often
@dataclass(frozen=True, slots=True)
class Read(Message):
    """Read the inputs of a step; with a microbatch, those of the message with this number of an evaluation at it."""

    kind = "read"
    goes_back = True


@made_often
@dataclass(frozen=True, slots=True, eq=False)
class Rows(WithArray):
    """The inputs that a `Read` of the same place asked for, ``(samples, *input_shape)``."""

    kind = "rows"

    array: Floats
