"""What goes over the socket: a line of JSON for each request, and one for its response."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class Request(BaseModel):
    """What a client asks.

    Args:
        method: what to do: look at the run, examine its actors, end it as Ctrl-C does, kill an actor,
            or move one to another worker.
        actor: which one to kill or move: the index of a layer, ``2:1`` for replica 1 of layer 2, an id such as
            ``stage-1``, or a part of its label.
        worker: where to move it: ``thread`` or ``process``; None: the one where it does not live.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["status", "doctor", "stop", "kill", "move"]
    actor: str | None = None
    worker: str | None = None


class Response(BaseModel):
    """What a server answers.

    Args:
        result: of the method, if it was carried out: a `Status`, a `Diagnosis`, or what was stopped, killed or moved.
        error: one line, if it was not.
    """

    model_config = ConfigDict(frozen=True)

    result: Any = None
    error: str | None = None


class _Ended(BaseModel):
    model_config = ConfigDict(frozen=True)

    id: str
    label: str
    incarnation: int


class Killed(_Ended):
    """An actor that was killed."""


class KilledActors(BaseModel):
    """All that were killed, one or the replicas of a layer: what ``kill`` results in."""

    model_config = ConfigDict(frozen=True)

    actors: tuple[Killed, ...]


class Moved(_Ended):
    """An actor that was told to move to a ``worker``; ``incarnation`` is the last one before it."""

    worker: str
