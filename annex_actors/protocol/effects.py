"""What a peer asks its host to do. A handler returns effects and performs none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from annex_actors.protocol.events import Event
from annex_actors.protocol.messages import Address, Envelope, Post
from annex_actors.protocol.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Send:
    """Deliver an envelope, or lose it: whoever misses it asks with `Resume`."""

    to: Address
    envelope: Envelope


@dataclass(frozen=True, slots=True)
class Commit:
    """Make a snapshot the one that the next incarnation starts from, atomically."""

    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class Emit:
    """Show observers what happened; nobody's progress depends on it."""

    event: Event


Effect: TypeAlias = Send | Commit | Emit


Wish: TypeAlias = Post | Commit | Emit
"""What a behaviour asks for: the node around it puts a post into an envelope and keeps it until it is committed."""
