"""A Gantt chart: the ideal schedule above the real one, on one axis of time, with the reason of each wait.

Where the simulator does not know the schedule, since it is your own and not registered, the chart has no ideal one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from annex_actors.base.errors import DataError, UserError
from annex_actors.base.words import counted
from annex_actors.protocol.messages import WHOLE_STEP, Address
from annex_actors.protocol.routing import is_stage
from annex_actors.tracing.ideal import ideal_of
from annex_actors.tracing.pictures import COLORS, label_of, new_figure, plain, saved
from annex_actors.tracing.recording import Recording
from annex_actors.tracing.waits import (
    CORE,
    CREDIT,
    HOP,
    NO_ACTIVATION,
    NO_GRADIENT,
    NO_MESSAGE,
    RESTARTING,
    SCHEDULE,
)

WAITS = {
    NO_ACTIVATION: ("#e8f4fb", ""),
    NO_GRADIENT: ("#fdf1d9", ""),
    NO_MESSAGE: ("#f2f2f2", ""),
    HOP: ("#ffffff", "...."),
    CREDIT: ("#ffffff", "////"),
    SCHEDULE: ("#ffffff", "\\\\\\\\"),
    CORE: ("#ffffff", "xxxx"),
    RESTARTING: ("#f6c5b8", "||||"),
}
"""Colour and pattern of each reason of a wait."""

DEFAULT_STEPS = 3
MOST_PIECES = 5_000
"""Pieces of work of a chart: each is drawn."""

_ROW, _INCHES, _MARGIN, _WIDTH = 0.8, 0.34, 1.5, 12.0
_NARROW = 0.012
"""The part of the width below which a piece has no name in it, and no edge."""

_KINDS = {"F": "forward", "B": "backward", "W": "weight gradient", "P": "predict", "C": "commit, control", "S": "start"}


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of the chart; times in milliseconds since its left edge."""

    row: int
    start: float
    end: float
    letter: str
    name: str = ""
    reason: str = ""


def window_of(trace: Recording, step: int | None = None, steps: int = DEFAULT_STEPS) -> range:
    """Return the steps that a chart shows, at most so many: from ``step``, or those that took as long as most do.

    Raises:
        DataError: the step was not traced.
    """
    traced = trace.steps
    if not traced:
        raise DataError("expected a trace with steps, got one of predictions; trace a training")
    if step is not None and step not in traced:
        raise DataError(f"expected a step that was traced, from {traced[0]} to {traced[-1]}, got {step}")
    if step is None:
        spans = _spans(trace)
        whole = [first for first in traced if first + steps - 1 in spans] or [traced[0]]
        took = {first: spans[min(first + steps - 1, traced[-1])][1] - spans[first][0] for first in whole}
        step = sorted(whole, key=took.__getitem__)[(len(whole) - 1) // 2]
    return range(step, min(step + steps, traced[-1] + 1))


def _spans(trace: Recording) -> dict[int, tuple[float, float]]:
    """Return when the work of each step began and ended."""
    spans: dict[int, tuple[float, float]] = {}
    for works in trace.work.values():
        for work in works:
            if work.on_step:
                start, end = spans.get(work.step, (work.start, work.end))
                spans[work.step] = min(start, work.start), max(end, work.end)
    return spans


def gantt_of(
    trace: Recording, picture_format: str = "svg", *, step: int | None = None, steps: int = DEFAULT_STEPS
) -> bytes:
    """Return the chart of some steps as a picture.

    Args:
        trace: of a training.
        picture_format: ``svg``, ``png`` or ``pdf``.
        step: the first step; None: in the middle of the trace.
        steps: how many, >= 1.

    Raises:
        DataError: see `window_of`; or there are too many pieces of work.
        ConfigError: matplotlib is not installed.
    """
    window = window_of(trace, step, steps)
    rows, real, wall = real_bars(trace, window)
    stages = [peer for peer in rows if is_stage(peer)]
    ideal = ideal_bars(trace, len(window), stages)
    first = len(stages) + 1 if ideal else 0
    height = first + len(rows)
    figure, axes = new_figure(_WIDTH, _MARGIN + _INCHES * height)
    _draw(axes, ideal, 0, wall)
    _draw(axes, real, first, wall)
    shown = [*enumerate(stages if ideal else ()), *enumerate(rows, first)]
    axes.set_yticks([row for row, _ in shown], [label_of(trace, peer) for _, peer in shown])
    axes.set_ylim(height - 0.5, -0.5)
    axes.set_xlim(0, max([wall, *(bar.end for bar in ideal)]))
    axes.set_xlabel("milliseconds")
    for at, text in ((-0.5, "ideal"), (first - 0.5, "real")) if ideal else ():
        axes.text(0, at, text, ha="left", va="bottom", fontsize="small", style="italic")
    axes.set_title(plain(_title(trace, window, ideal, wall)), fontsize="medium")
    figure.legend(handles=_legend(real, ideal), loc="outside lower center", ncols=5, fontsize="small")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return saved(figure, picture_format)


def real_bars(trace: Recording, window: range) -> tuple[list[Address], list[Bar], float]:
    """Return the peers that worked on these steps, their work and waits, and how many milliseconds that took."""
    rows = sorted(trace.peers, key=lambda peer: not is_stage(peer))
    inside = [each for peer in rows for each in trace.work[peer] if each.on_step and each.step in window]
    if len(inside) > MOST_PIECES:
        raise DataError(
            f"expected a chart of at most {counted(MOST_PIECES, 'piece of work', 'pieces of work')}, "
            f"got {len(inside):,}; show fewer `steps`"
        )
    begin, end = min(each.start for each in inside), max(each.end for each in inside)
    bars = []
    for row, peer in enumerate(rows):
        for work in trace.work[peer]:
            if work.end > begin and work.start < end:
                name = _name(work.letter, work.microbatch) if work.on_step else ""
                bars.append(Bar(row, (work.start - begin) * 1e3, (work.end - begin) * 1e3, work.letter, name))
        for wait in trace.idle[peer]:
            if wait.end > begin and wait.start < end:
                start, until = max(wait.start, begin), min(wait.end, end)
                bars.append(Bar(row, (start - begin) * 1e3, (until - begin) * 1e3, "", reason=wait.reason))
    return rows, bars, (end - begin) * 1e3


def ideal_bars(trace: Recording, steps: int, rows: Sequence[Address]) -> list[Bar]:
    """Return the work of the same schedule in the simulator, with the measured times; none if it does not know it."""
    try:
        pieces = ideal_of(trace, steps).pieces
    except UserError:
        return []
    return [
        Bar(rows.index(each.stage), each.start * 1e3, each.end * 1e3, each.work, _name(each.work, each.microbatch))
        for each in pieces
        if each.stage in rows
    ]


def _title(trace: Recording, window: range, ideal: Sequence[Bar], wall: float) -> str:
    best = f"ideal {max(bar.end for bar in ideal):.3g} ms" if ideal else "the ideal is not known"
    which = f"step {window[0]}" if len(window) == 1 else f"steps {window[0]} to {window[-1]}"
    how = (
        f"{trace.header['schedule']}, {counted(trace.header['microbatches'], 'microbatch')}, {trace.header['runtime']}"
    )
    return f"{which} of {trace.header['run']} ({how}): {wall:.3g} ms, {best}"


def _draw(axes: Any, bars: Sequence[Bar], first: int, wall: float) -> None:
    for bar in bars:
        width = bar.end - bar.start
        place = {"y": first + bar.row, "width": width, "left": bar.start, "height": _ROW}
        if bar.reason:
            color, pattern = WAITS.get(bar.reason, ("#ffffff", ""))
            axes.barh(**place, color=color, hatch=pattern, edgecolor="#c8c8c8", linewidth=0)
        else:
            is_narrow = width < _NARROW * wall
            axes.barh(**place, color=COLORS[bar.letter], edgecolor="white", linewidth=0 if is_narrow else 0.4)
            if bar.name and not is_narrow:
                middle = bar.start + width / 2, first + bar.row
                axes.text(*middle, bar.name, ha="center", va="center", fontsize=6.5, clip_on=True)


def _legend(*groups: Sequence[Bar]) -> list[Any]:
    from matplotlib.patches import Patch

    bars = [bar for group in groups for bar in group]
    letters = {bar.letter for bar in bars}
    reasons = {bar.reason for bar in bars}
    named = [(letter, text) for letter, text in _KINDS.items() if letter in letters]
    found = [Patch(color=COLORS[letter], label=f"{letter} {text}") for letter, text in named]
    for reason, (color, pattern) in WAITS.items():
        if reason in reasons:
            found.append(Patch(facecolor=color, hatch=pattern, edgecolor="#c8c8c8", label=reason))
    return found


def _name(letter: str, microbatch: int) -> str:
    return letter if microbatch == WHOLE_STEP else f"{letter}{microbatch}"
