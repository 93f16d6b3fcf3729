"""``annex-actors status``: a run and its actors as they are now."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.cells import cell_len

from annex_actors.base import columns
from annex_actors.base.texts import printable
from annex_actors.base.words import counted
from annex_actors.cli import options as shared
from annex_actors.cli.output import print_json, print_lines, print_result

if TYPE_CHECKING:
    from annex_actors.control.status import ActorStatus, Status


def status(run: shared.RunHere = None, json: shared.Json = False, debug: shared.Debug = False) -> None:
    """Show a run and its actors as they are now; of one that has ended, how far it came.

    Rates and the busy fraction are since an actor is up.
    """
    from annex_actors.control.current import status_of
    from annex_actors.control.folders import meant

    now = status_of(meant(run, Path()))
    if json:
        print_json(now.model_dump_json())
        return
    print_result("\n".join(summary(now)))
    if now.actors:
        print_lines(["", *actor_table(now.actors, columns.width_of(sys.stdout))])
        print_lines(incidents(now))
    elif now.state == "dead":
        print_result(f"its process was killed; annex-actors resume {now.run} goes on from its newest checkpoint")
    elif now.state == "failed":
        print_result("\n".join(_story(now.run)))


def _story(run: str) -> list[str]:
    """Return what failed in a run that has ended: the first cause, then what followed from it."""
    from annex_actors.runs.event_log import read_events
    from annex_actors.runs.saved_run import SavedRun
    from annex_actors.runs.story import story

    report = SavedRun.open(run).report
    return story(read_events(run), report.error if report else None)


def summary(now: Status) -> list[str]:
    """Return how far a run is, in a few lines."""
    from annex_actors.base.figures import metric_parts, number

    state = now.state + (f" in process {now.pid}" if now.pid is not None else "")
    steps = f"step {now.step:,}" + (f" of {now.steps:,}" if now.steps else "")
    cost = [] if now.train_cost is None else [f"cost {number(now.train_cost)}"]
    speed = [f"{now.samples_per_second:,.0f} samples/s"] if now.samples_per_second else []
    restarts = [counted(now.restarts, "restart")] if now.restarts else []
    progress = [f"epoch {now.epoch} of {now.epochs}", steps, *cost, *metric_parts(now.metrics), *speed, *restarts]
    plan = [now.runtime, now.schedule, counted(now.microbatches, "microbatch"), f"{now.seconds:.1f} s"]
    return [f"{now.run}: {state}", ", ".join(progress), ", ".join(plan)]


def nested(actors: Sequence[ActorStatus]) -> list[tuple[int, ActorStatus]]:
    """Return actors with how deep they are in the tree, parents before their children."""
    depths: dict[str | None, int] = {None: -1}
    found = []
    for each in actors:
        depths[each.id] = depths.get(each.parent, -1) + 1
        found.append((depths[each.id], each))
    return found


def actor_table(actors: Sequence[ActorStatus], width: int) -> list[str]:
    """Return actors as a table with the tree in its first column."""
    rows = fitting([cells(depth, actor) for depth, actor in nested(actors)], width)
    return columns.table(list(rows[0]), [list(row.values()) for row in rows], width)


_SPARE = ("worker", "up", "memory", "handled", "/s", "restarts", "busy", "node")
"""Columns that are left out where there is no room for them, in this order."""

_EMPTY = {"worker": ("", "thread"), "node": ("",)}
"""What the cells of a column have of which nothing is to be said."""

_GAP = 2


def fitting(rows: Sequence[Mapping[str, str]], width: int) -> list[dict[str, str]]:
    """Return rows, by the names of their columns, without the spare columns for which there is no room.

    Nor is there one for the workers where all are threads, or for the nodes where there is one machine.
    """
    without = {name for name, empty in _EMPTY.items() if all(row[name] in empty for row in rows)}
    names = [name for name in rows[0] if name not in without]
    widths = {name: max(map(cell_len, (name, *(row[name] for row in rows)))) + _GAP for name in names}
    for name in _SPARE:
        if name in widths and sum(widths.values()) - _GAP > width:
            del widths[name]
    return [{name: row[name] for name in widths} for row in rows]


def cells(depth: int, actor: ActorStatus) -> dict[str, str]:
    """Return what is shown of an actor, by column; of a supervisor, the restarts in its window of those allowed."""
    of = f"/{actor.restarts_used + actor.restarts_left}" if actor.kind == "supervisor" else ""
    is_peer = actor.kind in ("layer", "trainer", "reader")
    found = {
        "actor": "  " * depth + name_of(actor),
        "node": actor.node,
        "state": actor.state if actor.work is None or actor.state != "working" else short(actor.work),
        "restarts": "" if actor.kind == "observer" else f"{actor.restarts_used}{of}",
        "mail": "" if actor.mailbox is None else f"{actor.mailbox:,}",
        "handled": f"{actor.handled:,}" if is_peer else "",
        "/s": f"{actor.handled_per_second:,.0f}" if is_peer else "",
        "busy": f"{actor.busy:.0%}" if is_peer else "",
        "memory": "" if actor.memory_bytes is None else f"{actor.memory_bytes / 2**20:,.0f} MB",
        "worker": _worker(actor) if is_peer else "",
        "up": f"{actor.uptime:,.0f} s",
    }
    return {name: printable(cell) for name, cell in found.items()}


def _worker(actor: ActorStatus) -> str:
    if actor.pid is not None:
        return str(actor.pid)
    return "remote" if actor.node else "thread"


def name_of(actor: ActorStatus) -> str:
    """Return an actor's name for people: the label of a layer, the id of a supervisor with its strategy."""
    return f"{actor.id} ({actor.label})" if actor.kind == "supervisor" and actor.label != actor.id else actor.label


def short(work: str) -> str:
    """Return a piece of work in a few letters: ``forward 7.2`` for step 7, microbatch 2."""
    return work.replace("weight gradient", "weights").replace(" at step", "").replace(" microbatch ", ".")


def incidents(now: Status) -> list[str]:
    """Return how actors ended, the newest last, with an empty line before them; nothing where none did."""
    ends = sorted(((end.time, each, end) for each in now.actors for end in each.exits), key=lambda end: end[0])
    shown = [f"{now.time - time:8.1f} s ago  {actor.label} ended: {end.reason}" for time, actor, end in ends[-5:]]
    return ["", *shown] if shown else []
