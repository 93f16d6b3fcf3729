"""Envelopes as what Ray carries: small ones as `bytes`.

Ray pickles any other argument by cloudpickle, which takes a fifth of a millisecond for an envelope. But a large array
goes into its object store without being copied, and is read there without a copy.
"""

from __future__ import annotations

import marshal
from typing import Any, NamedTuple

from annex_actors.protocol.messages import Envelope
from annex_actors.runtimes.hosting.workers.encoding import decoded, encoded

SMALL = 1 << 16
"""Up to so many bytes the arrays of an envelope are copied twice; below Ray's limit for what travels in the call."""


class Parcel(NamedTuple):
    """An envelope on its way.

    Args:
        channel: names the channel, to its receiver.
        number: of the envelope in the channel, from 0.
        envelope: the envelope.
        way: with the first one, the handle of the sender's actor; None: the supervising process has sent it.
    """

    channel: str
    number: int
    envelope: Envelope
    way: Any = None


def parcel(channel: str, number: int, envelope: Envelope, way: Any = None) -> Parcel | bytes:
    """Return an envelope as an argument of a call; for the arguments see `Parcel`."""
    if way is None:
        arrays: list[memoryview] = []
        body = encoded(envelope, arrays.append)
        if sum(each.nbytes for each in arrays) <= SMALL:
            return marshal.dumps((channel, number, body, arrays))
    return Parcel(channel, number, envelope, way)


def opened(given: Parcel | bytes) -> Parcel:
    """Return what `parcel` was given."""
    if isinstance(given, Parcel):
        return given
    channel, number, body, arrays = marshal.loads(given)
    return Parcel(channel, number, decoded(body, arrays))
