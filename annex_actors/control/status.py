"""A run and its actors at one moment, as JSON: what the commands, the page and `top` show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict

RunState: TypeAlias = Literal["running", "stopping", "finished", "failed", "interrupted", "dead"]
"""How far a run is; of a dead one the process was killed, and it can be resumed."""

ActorKind: TypeAlias = Literal["supervisor", "layer", "trainer", "reader", "observer"]

ActorState: TypeAlias = Literal["starting", "working", "waiting", "restarting", "hung", "failed", "stopped"]

Number: TypeAlias = Annotated[
    float | None, BeforeValidator(lambda value: value if value is not None and math.isfinite(value) else None)
]
"""A finite number, or None for any other: JSON has neither NaN nor infinity."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class ActorExit(_Record):
    """The end of an incarnation that was not in order.

    Args:
        time: when its supervisor noticed, in seconds of the run's clock.
        incarnation: from 1, as its supervisor counts.
        reason: one line.
        traceback: of the layer's own exception; None: it had none.
    """

    time: float
    incarnation: int
    reason: str
    traceback: str | None = None


class ActorStatus(_Record):
    """An actor at one moment.

    Args:
        id: its name, such as ``stage-1``.
        parent: the id of its supervisor; None: it is the root.
        kind: what it is.
        label: for people, such as ``layer 1 relu``.
        state: what it does.
        incarnation: from 1; 0 before its first start.
        restarts_used: how often it was restarted; of a supervisor, how many restarts count in its window now.
        restarts_left: how many more its supervisor allows now; of a supervisor, how many more it allows.
        mailbox: how many messages wait for it; None: not known.
        handled: how many messages all its incarnations have handled.
        handled_per_second: since this viewer's last look, or since it is up.
        busy: the fraction of the time that it worked since then, 0 to 1.
        work: its current piece of work, such as ``forward at step 7 microbatch 2``; None: it has none.
        work_seconds: how long it has worked at that.
        memory_bytes: resident memory of its own process; None: it has no process to itself.
        pid: of that process; None: it lives on a thread of the process that works on the run, or on another node.
        node: the name of the node that it lives on; empty: that process, or the runtime has one machine.
        uptime: seconds since this incarnation is up.
        exits: how its last incarnations ended, the newest last; five at most.
    """

    id: str
    parent: str | None
    kind: ActorKind
    label: str
    state: ActorState
    incarnation: int = 0
    restarts_used: int = 0
    restarts_left: int = 0
    mailbox: int | None = None
    handled: int = 0
    handled_per_second: float = 0.0
    busy: float = 0.0
    work: str | None = None
    work_seconds: float | None = None
    memory_bytes: int | None = None
    pid: int | None = None
    node: str = ""
    uptime: float = 0.0
    exits: tuple[ActorExit, ...] = ()


class Status(_Record):
    """A run at one moment. Epochs and steps are finished ones; all times are in seconds.

    Args:
        version: of this schema.
        run: the run's folder.
        pid: of the process that works on it; None: none does.
        state: how far it is.
        time: of this look, on the clock of the run's events; 0 where the run does not go on.
        wall_time: the same in UTC, ISO 8601.
        seconds: how long it has worked since it was started or resumed.
        runtime: where its layers live.
        schedule: the name of its pipeline schedule.
        microbatches: into how many parts every batch is cut.
        epoch: how many epochs are finished.
        epochs: how many it is to have.
        step: how many steps are finished.
        steps: how many it is to have.
        samples_per_second: training throughput of the current epoch.
        train_cost: of the last finished step; where the run has ended, of its last epoch.
        metrics: of the last finished epoch, by name.
        restarts: how often any actor was restarted.
        actors: parents before their children; the first one is the root, ``run``.
    """

    version: int = 1
    run: str
    pid: int | None
    state: RunState
    time: float = 0.0
    wall_time: str
    seconds: float = 0.0
    runtime: str
    schedule: str
    microbatches: int
    epoch: int
    epochs: int
    step: int
    steps: int
    samples_per_second: float = 0.0
    train_cost: Number = None
    metrics: Mapping[str, Number]
    restarts: int = 0
    actors: tuple[ActorStatus, ...] = ()


def wall_time(seconds: float | None = None) -> str:
    """Return a time in UTC as text, ISO 8601, given its seconds since 1970; by default the time now."""
    now = datetime.now(UTC) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
