"""What a peer asks its host to do. A handler returns effects and carries out none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from annex_actors.base.types import stored_directly
from annex_actors.protocol.events import Event
from annex_actors.protocol.messages import Address, Envelope, Post
from annex_actors.protocol.snapshot import Snapshot


@stored_directly
@dataclass(frozen=True, slots=True)
class Send:
    """Deliver an envelope. It may be lost: a restarted receiver asks for it again with `Resume`."""

    to: Address
    envelope: Envelope


@stored_directly
@dataclass(frozen=True, slots=True)
class Commit:
    """Make a snapshot, atomically, the one that the next incarnation starts from."""

    snapshot: Snapshot


@stored_directly
@dataclass(frozen=True, slots=True)
class Emit:
    """Show observers what happened; no peer's progress depends on it."""

    event: Event


Effect: TypeAlias = Send | Commit | Emit


Request: TypeAlias = Post | Commit | Emit
"""What a behaviour asks of its node, which puts a post into an envelope and keeps it until its step is committed."""
