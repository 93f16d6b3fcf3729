"""The sentences that say what a plan costs and why: from the values of `planned`, in one place."""

from __future__ import annotations

from collections.abc import Sequence

from annex_actors.base.columns import table
from annex_actors.base.words import counted
from annex_actors.placement.planner.evaluation import Evaluated
from annex_actors.placement.planner.planned import Merge, Planned
from annex_actors.placement.planner.problem import Objective

_TERMS = {
    "work": "its slowest stage works longer",
    "waits": "its stages wait longer while the pipe fills and drains",
    "hops": "its messages take longer",
    "pieces": "it has more pieces of work, each with its fixed cost",
    "cores": "its stages share the cores with more work",
    "memory": "a worker needs more memory",
    "": "it is as good",
}


_TIMES = 2
"""From how many times on, a part is not said in percent."""


def lines(planned: Planned, names: Sequence[str], width: int) -> list[str]:
    """Return what to tell a person about a plan, for a terminal of that width.

    Args:
        planned: the plan, with its reasons.
        names: the text of each layer, the cost as the last one.
        width: of the terminal.
    """
    best = planned.best
    named = any(stage.nodes for stage in best.stages)
    headers = ["stage", "layers", "node" if named else "worker", "busy ms", "hop ms", "memory"]
    rows = [
        [
            s,
            f"{_span(stage.layers)} {', '.join(names[layer] for layer in stage.layers)}",
            ", ".join(stage.nodes if named else map(str, stage.workers)),
            _ms(stage.busy),
            _ms(stage.hop) if s + 1 < len(best.stages) else "-",
            _bytes(stage.memory),
        ]
        for s, stage in enumerate(best.stages)
    ]
    return [*table(headers, rows, width), "", *sentences(planned)]


def sentences(planned: Planned) -> list[str]:
    """Return how long a step takes, of what that is made, why the second best plan lost, and what to merge."""
    best, terms = planned.best, planned.best.terms
    which = "alone" if planned.objective is not Objective.THROUGHPUT else "in the long run"
    takes = "takes" if best.is_exact else "takes at least"
    parts = {
        "work of the slowest stage": terms.work,
        "waiting": terms.waits,
        "hops": terms.hops,
        "fixed cost of pieces": terms.pieces,
        "too few cores": terms.cores,
    }
    made_of = ", ".join(f"{name} {_share(part, best.seconds)}" for name, part in parts.items() if part > 0)
    found = [
        f"{_named(best)}: a step {which} {takes} {_ms(best.seconds)} ms" + (f" ({made_of})" if made_of else ""),
        f"the bottleneck is stage {best.bottleneck}; waiting is {best.bubble:.0%} of the time of all workers; "
        f"the most that one of them needs is {_bytes(best.memory)}",
    ]
    if planned.second is not None and planned.loss is not None:
        by = "" if not planned.loss.term else f", {planned.loss.by:.1%} more"
        what = _bytes(planned.second.memory) if planned.loss.term == "memory" else f"{_ms(planned.second.seconds)} ms"
        found.append(f"second: {_named(planned.second)}, {what}{by}: {_TERMS[planned.loss.term]}")
    return [*found, *map(_advice, planned.merges)]


def _advice(merge: Merge) -> str:
    first, last = merge.layers[0], merge.layers[-1]
    share = f"{merge.share:.0%} of" if merge.share < _TIMES else counted(round(merge.share), "time")
    return f"merge layers {first} to {last}: a hop between them is {share} their work"


def _named(plan: Evaluated) -> str:
    stages, parts = counted(len(plan.stages), "stage"), counted(plan.microbatches, "microbatch")
    return f"{plan.schedule}, {stages}, {parts}"


def _span(layers: range) -> str:
    return str(layers[0]) if len(layers) == 1 else f"{layers[0]}-{layers[-1]}"


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.3g}" if seconds < 1 else f"{seconds * 1e3:,.0f}"


def _bytes(number: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number} B"
