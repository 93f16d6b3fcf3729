"""What a peer asks its host to do. A handler returns effects and performs none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from annex_actors.protocol.events import Event
from annex_actors.protocol.messages import Address, Envelope, Post
from annex_actors.protocol.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Send:
    """Deliver an envelope, or lose it: a restarted receiver asks for it with `Resume`."""

    to: Address
    envelope: Envelope


@dataclass(frozen=True, slots=True)
class Commit:
    """Make a snapshot the one that the next incarnation starts from, atomically."""

    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class Emit:
    """Show observers what happened; no peer's progress depends on it."""

    event: Event


Effect: TypeAlias = Send | Commit | Emit


Request: TypeAlias = Post | Commit | Emit
"""What a behaviour asks its node for; the node puts a post into an envelope, and keeps it until it is committed."""
