"""What Ray carries of an envelope: it arrives as it was, small ones as bytes."""

from __future__ import annotations

import numpy as np
import pytest

from annex_actors.protocol.messages import Await, Backward, Envelope, Forward, Part, Report
from annex_actors.protocol.routing import TRAINER, stage_address

pytest.importorskip("ray")
from annex_actors.runtimes.ray.parcels import SMALL, Parcel, opened, parcel

ROOM = SMALL // 4
"""As many numbers as a small envelope may have."""


def envelope(numbers: int) -> Envelope:
    return Envelope(stage_address(1), 3, 7, Backward("run", 5, 1, 2, np.arange(numbers, dtype=np.float32)))


@pytest.mark.parametrize("numbers", [0, 1, ROOM, ROOM + 1, 4 * ROOM])
@pytest.mark.parametrize("way", [None, "an actor"])
def test_an_envelope_arrives_as_it_was(numbers: int, way: str | None) -> None:
    sent = envelope(numbers)
    carried = parcel("there", 4, sent, way)
    assert isinstance(carried, Parcel if numbers > ROOM or way else bytes)
    got = opened(carried)
    assert (got.channel, got.number, got.way) == ("there", 4, way)
    assert isinstance(sent.message, Backward)
    assert isinstance(got.envelope.message, Backward)
    assert (str(got.envelope), got.envelope.committed) == (str(sent), sent.committed)
    ours, theirs = sent.message.array, got.envelope.message.array
    assert (theirs.dtype, theirs.shape, theirs.tobytes()) == (ours.dtype, ours.shape, ours.tobytes())


def test_arrays_of_one_envelope_are_small_together() -> None:
    half = np.zeros(ROOM // 2 + 1, np.float32)
    message = Forward("run", 5, 1, 2, half, Part(1, 8), (half,))
    assert isinstance(parcel("there", 1, Envelope(stage_address(1), 3, 7, message)), Parcel)


@pytest.mark.parametrize("message", [Report("run", 7, 0, 4, 0.25, 32), Await("run", 7, 0, 0)], ids=["plain", "pickled"])
def test_what_has_no_arrays_is_bytes(message: Report | Await) -> None:
    carried = parcel("there", 1, Envelope(TRAINER, 1, 0, message))
    assert isinstance(carried, bytes)
    assert opened(carried).envelope == Envelope(TRAINER, 1, 0, message)
