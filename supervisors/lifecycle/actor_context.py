"""The circumstances of a start, as far as an actor's state reads them."""

from __future__ import annotations

from typing import Protocol

from supervisors.lifecycle.hooks import Hooks
from supervisors.threads.clock import Clock
from supervisors.threads.timers import Timers


class ActorContext(Protocol):
    """The part of a `StartContext` that an actor's state reads."""

    @property
    def id(self) -> str:
        """The child's id in its supervisor."""

    @property
    def incarnation(self) -> int:
        """The number of this start, from 1."""

    @property
    def path(self) -> tuple[str, ...]:
        """The names of all supervisors above, outermost first."""

    @property
    def supervisor(self) -> object | None:
        """The supervisor's reference; None for an actor started without one."""

    @property
    def clock(self) -> Clock:
        """Where the time comes from."""

    @property
    def hooks(self) -> Hooks:
        """The observers of the tree."""

    @property
    def timers(self) -> Timers | None:
        """The timers of the tree; None for an actor started without one."""
