"""What the supervising process and a worker say to each other, beside the envelopes of the protocol."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Thread
from typing import Any

from annex_actors.base.errors import AnnexError
from annex_actors.protocol.messages import Address
from annex_actors.runtimes.faults.injected import LayerFault
from annex_actors.runtimes.faults.planned import Crash, Place
from annex_actors.runtimes.program import PeerSpec

# To the worker


@dataclass(frozen=True, slots=True)
class Prepare:
    """Import what the program at hand imported, so that its classes can be unpickled; then be `Ready`.

    Args:
        program: what `multiprocessing.spawn.prepare` wants.
        load: files of the user's own Python to run, for what they register.
    """

    program: Mapping[str, Any]
    load: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Assign:
    """Be this peer; with two open files, its log of commits and its heartbeat.

    Args:
        spec: the peer.
        incarnation: as its supervisor counts.
        life: as the store counts.
        depth: see `SharedCommitLog`.
        every: see `SharedCommitLog`; such commits are to be told, by `Kept`.
        commit_every: steps from one commit to the next.
        crashes: failures to make on purpose.
    """

    spec: PeerSpec
    incarnation: int
    life: int
    depth: int
    every: int
    commit_every: int
    crashes: tuple[Crash, ...]


@dataclass(frozen=True, slots=True)
class Connect:
    """Talk to this life of a peer over the socket that comes with it, no more over any earlier one; be `Connected`."""

    peer: Address
    incarnation: int


@dataclass(frozen=True, slots=True)
class Stop:
    """End in order."""


@dataclass(frozen=True, slots=True)
class Ping:
    """Show by the heartbeat that you respond."""


@dataclass(frozen=True, slots=True)
class Inject:
    """Let something go wrong in a layer, to show that it does no harm."""

    layer: int
    fault: LayerFault


# From the worker


@dataclass(frozen=True, slots=True)
class Ready:
    """I can be assigned."""


@dataclass(frozen=True, slots=True)
class Connected:
    """What I send to this life of a peer reaches it from now on."""

    peer: Address
    incarnation: int


@dataclass(frozen=True, slots=True)
class Up:
    """I am the peer that I was assigned to be, at its last commit."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The commit of this step is in the log, and stays for a while."""

    step: int


@dataclass(frozen=True, slots=True)
class Crashing:
    """A failure on order happens now."""

    place: Place


@dataclass(frozen=True, slots=True)
class Ended:
    """I end.

    Args:
        error: the exception, pickled with its traceback; None for an end in order.
        text: the same as text, for whom cannot unpickle it.
    """

    error: bytes | None = None
    text: str = ""

    def exception(self) -> BaseException | None:
        """Return the exception; None for an end in order."""
        if self.error is None:
            return None
        found: list[object] = []
        # In a thread of its own: the frames of an unpickled traceback hold those below them, where it was unpickled,
        # and with these all that is done with the exception afterwards.
        thread = Thread(target=lambda content: found.append(_unpickled(content)), args=[self.error])
        thread.start()
        thread.join()
        error = found.pop()
        return error if isinstance(error, BaseException) else self._as_text()

    def _as_text(self) -> RemoteError:
        remote = RemoteError((self.text.strip().splitlines() or ["an exception without a text"])[-1])
        remote.add_note(self.text)
        return remote


def _unpickled(content: bytes) -> object:
    try:
        return pickle.loads(content)
    except Exception:  # noqa: BLE001 - its class may want anything
        return None


class RemoteError(AnnexError):
    """An exception that cannot be unpickled here; its last line, and the whole of its text as a note."""
