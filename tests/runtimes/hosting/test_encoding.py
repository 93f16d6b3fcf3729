"""Messages as bytes: whatever is sent arrives as it was, bit by bit and class by class."""

from __future__ import annotations

import math
import pickle
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pytest

from annex_actors.protocol.messages import (
    WHOLE_STEP,
    Address,
    Await,
    Backward,
    Committed,
    Envelope,
    Forward,
    Message,
    Part,
    Predict,
    Report,
    Resume,
    Target,
)
from annex_actors.protocol.norms import GlobalNorm, SquaredNorm
from annex_actors.protocol.routing import TRAINER, stage_address
from annex_actors.runtimes.hosting.workers.encoding import decoded, encoded


def array(*shape: int, dtype: Any = np.float32) -> np.ndarray[Any, Any]:
    made = np.arange(math.prod(shape)).astype(dtype).reshape(shape)
    made.flags.writeable = False
    return made


@dataclass(frozen=True, slots=True)
class Own(Message):
    """A kind of message that a user has defined."""

    kind = "own"
    what: frozenset[int]


MESSAGES: list[Message] = [
    Forward("run", 3, 1, 2, array(4, 5), Part(2, 8)),
    Forward("ünï", 2**70, 0, 0, array(0, 3), Part(1, 8, 0.1, 5e-324), (array(4, 2), array(4))),
    Backward("run", 3, 1, 2, array(4, 5, dtype=np.float64)),
    Backward("run", 3, 1, 2, array(4, 5), (array(4, 7),)),
    Target("run", 3, 1, 2, array(4, dtype=np.int64)),
    Target("run", 3, 1, 2, array(4, dtype=np.uint8), array(4, dtype=np.float64)),
    Predict("run", 0, 9, 1, array(3, 2, 2), (), 0.25),
    Report("run", 7, WHOLE_STEP, 4, math.pi, 32),
    Report("run", 7, WHOLE_STEP, 4, float("nan"), 32),
    Report("run", 7, WHOLE_STEP, 4, np.float64(-0.0), 32),
    SquaredNorm("run", 7, WHOLE_STEP, 4, 1e300),
    GlobalNorm("run", 7, WHOLE_STEP, 4, math.inf),
    Committed("run", 7, WHOLE_STEP, WHOLE_STEP),
    Await("run", 7, WHOLE_STEP, WHOLE_STEP),
    Resume("run", 7, WHOLE_STEP, WHOLE_STEP),
    Own("run", 7, WHOLE_STEP, WHOLE_STEP, frozenset({1, 2})),
    Forward("run", 3, 1, 2, np.array([None, "x"], object), Part(2, 8)),
    Forward("run", 3, 1, 2, np.asfortranarray(array(4, 5)), Part(2, 8)),
    Forward("run", 3, 1, 2, np.zeros(2, [("a", np.float32)]), Part(2, 8)),
]


def sent(message: object) -> Any:
    arrays: list[memoryview] = []
    body = encoded(message, arrays.append)
    return decoded(body, [memoryview(bytes(each)) for each in arrays])


def same(one: Any, other: Any) -> bool:
    """Return whether two values are of the same classes, and of the same bits."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        alike = one.shape == other.shape and one.dtype == other.dtype
        equal = one.tolist() == other.tolist() if one.dtype.hasobject else one.tobytes() == other.tobytes()
        return bool(alike and equal)
    if isinstance(one, float):
        return np.float64(one).tobytes() == np.float64(other).tobytes()
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Message | Part | Envelope):
        return all(same(getattr(one, each.name), getattr(other, each.name)) for each in fields(one))
    return bool(one == other)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("sender", [stage_address(3), TRAINER])
def test_an_envelope_arrives_as_it_was(message: Message, sender: Address) -> None:
    envelope = Envelope(sender, 2, 5, message)
    got = sent(envelope)
    assert same(envelope, got)
    assert type(got.sender) is Address


@pytest.mark.parametrize("message", MESSAGES[:7], ids=lambda each: type(each).__name__)
def test_arrays_stay_beside_and_cannot_be_written_to(message: Any) -> None:
    arrays: list[memoryview] = []
    body = encoded(Envelope(TRAINER, 1, 0, message), arrays.append)
    assert [each.nbytes for each in arrays] == [each.nbytes for each in message.stack]
    assert len(body) < 250
    assert not any(each.flags.writeable for each in sent(Envelope(TRAINER, 1, 0, message)).message.stack)


@pytest.mark.parametrize("other", ["text", None, (1, [2]), Part(1, 2), Address("trainer")])
def test_anything_else_arrives_too(other: object) -> None:
    assert sent(other) == other


def test_what_every_step_sends_is_not_pickled(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise AssertionError("it was pickled")

    monkeypatch.setattr(pickle, "dumps", fail)
    for message in (MESSAGES[0], MESSAGES[3], MESSAGES[5], MESSAGES[7]):
        encoded(Envelope(TRAINER, 1, 0, message), lambda memory: None)
