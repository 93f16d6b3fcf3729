"""The messages between the supervising process and a worker, beside the envelopes of the protocol."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Thread
from typing import Any

from annex_actors.base.errors import RemoteError
from annex_actors.protocol.messages import Address
from annex_actors.runtimes.delayed_links import DelayedLinks
from annex_actors.runtimes.faults.injected import LayerFault
from annex_actors.runtimes.faults.planned import Crash, Place
from annex_actors.runtimes.handed_over import Wanted
from annex_actors.runtimes.hosting.probed import Probed
from annex_actors.runtimes.program import PeerSpec
from annex_actors.runtimes.slowed_layers import SlowedLayers
from annex_actors.runtimes.tracing.scope import Scope

# To the worker


@dataclass(frozen=True, slots=True)
class Prepare:
    """Import what the program imports, so that its classes can be unpickled; then answer `Ready`.

    Args:
        program: the argument of `multiprocessing.spawn.prepare`.
        load: the user's Python files to run, for what they register.
    """

    program: Mapping[str, Any]
    load: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Assign:
    """Host this peer.

    Args:
        spec: the peer.
        incarnation: as its supervisor counts.
        number: of the incarnation, as the store counts.
        depth: how many of the last commits are kept.
        every: the newest commit of a step that is a multiple of this is kept too, and the worker reports it by `Kept`.
        commit_every: steps between two commits.
        crashes: the planned crashes that are left.
        blas_threads: on how many threads the BLAS library computes each product.
        wanted: what it is to hand over, as messages of these classes; None: nothing.
        trace: the steps that it records; None: it is not traced.
        slowed: the layers that wait after their work; None: none does.
        delayed: how much later what it sends to other stages arrives; None: as soon as it can.
    """

    spec: PeerSpec
    incarnation: int
    number: int
    depth: int
    every: int
    commit_every: int
    crashes: tuple[Crash, ...]
    blas_threads: int = 1
    wanted: Wanted | None = None
    trace: Scope | None = None
    slowed: SlowedLayers | None = None
    delayed: DelayedLinks | None = None


@dataclass(frozen=True, slots=True)
class Connect:
    """Send to this incarnation of a peer, and to no earlier one; answer `Connected`.

    Args:
        peer: whom.
        number: of its incarnation, as the store counts.
        way: how to reach it, where that can be said by a value.
    """

    peer: Address
    number: int
    way: Any = None


@dataclass(frozen=True, slots=True)
class Relay:
    """Send to this incarnation of a peer through the supervising process, where it lives; answer `Connected`."""

    peer: Address
    number: int


@dataclass(frozen=True, slots=True)
class Stop:
    """End after the current piece of work."""


@dataclass(frozen=True, slots=True)
class Ping:
    """Answer through the heartbeat."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Answer how the peer does, by `ProbeAnswer` of the same number."""

    number: int
    deep: bool


@dataclass(frozen=True, slots=True)
class Inject:
    """Inject a fault into a layer."""

    layer: int
    fault: LayerFault


# From the worker


@dataclass(frozen=True, slots=True)
class Ready:
    """I am ready for `Assign`."""


@dataclass(frozen=True, slots=True)
class Connected:
    """I send to this incarnation of a peer from now on."""

    peer: Address
    number: int


@dataclass(frozen=True, slots=True)
class Up:
    """The peer is up, at its last commit, since ``time``."""

    time: float


@dataclass(frozen=True, slots=True)
class Kept:
    """The commit of this step is in the log, and is kept there for a while."""

    step: int


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """How the peer does; the reading thread says so, whatever the actor is doing."""

    number: int
    answer: Probed


@dataclass(frozen=True, slots=True)
class Crashing:
    """A planned crash happens now."""

    place: Place


@dataclass(frozen=True, slots=True)
class Ended:
    """I end; the last message of a worker.

    Args:
        error: the exception, pickled with its traceback; None for an orderly end.
        plain: the same with its cause as a `RemoteError`, for where ``error`` cannot be unpickled.
    """

    error: bytes | None = None
    plain: bytes = b""

    def exception(self) -> BaseException | None:
        """Return the exception; None for an orderly end."""
        if self.error is None:
            return None
        found: list[object] = []
        # In a thread of its own: the frames of an unpickled traceback refer to the frames that unpickled it, and so
        # would keep alive all that these refer to.
        thread = Thread(target=lambda: found.append(_unpickled(self.error) or _unpickled(self.plain)))
        thread.start()
        thread.join()
        error = found.pop()
        return error if isinstance(error, BaseException) else RemoteError("an exception that cannot be read")


def _unpickled(content: bytes | None) -> object:
    try:
        return pickle.loads(content or b"")  # no variable, which the exception's own traceback would refer to
    except Exception:  # noqa: BLE001 - its class may raise anything
        return None
