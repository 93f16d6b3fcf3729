"""Draw the order of work as text: a row for each worker, and time from left to right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from math import floor

from annex_actors.base.columns import cut
from annex_actors.protocol.messages import Address
from annex_actors.runtimes.cost_model import Worker
from annex_actors.runtimes.simulated import Piece

IDLE = "·"


def draw(pieces: Sequence[Piece], *, width: int | None = None) -> list[str]:
    """Return a ruler and a row for each worker, such as ``stage-0  F0 F1 ·  B0 W0``; none is wider than ``width``.

    A piece of work is drawn as its letter and the number of its microbatch, counted over all steps; W for a whole step
    has the number of the step if there are several. A worker's second stage has a prime, its third two. What takes
    longer is wider. If the pieces do not fit, they are drawn without spaces between them, then without numbers; if that
    is still too wide, the rows are cut, and a last line says where.

    Args:
        pieces: the pieces of work of a simulation, in any order.
        width: of the terminal; None for any width.
    """
    shown = sorted((piece for piece in pieces if piece.end > piece.start), key=lambda each: (each.worker, each.start))
    if not shown:
        return []
    rows: dict[Worker, list[Piece]] = {}
    for piece in shown:
        rows.setdefault(piece.worker, []).append(piece)
    names = _names(rows)
    margin = max(map(len, [*names.values(), "time"])) + 2
    scale = _scale(shown, _labels(shown), None if width is None else max(1, width - margin))
    drawn = {worker: _row(row, scale) for worker, row in rows.items()}
    lines = [("time".ljust(margin) + _ruler(scale)).rstrip()]
    lines += [names[worker].ljust(margin) + row for worker, row in drawn.items()]
    if scale.room is None or all(len(row) <= scale.room for row in drawn.values()):
        return lines
    where = f"cut at time {scale.room / float(scale.columns):.4g} of {float(scale.until):g}: too long for this width"
    return [cut(line, margin + scale.room) for line in (*lines, where)]


@dataclass(frozen=True)
class _Scale:
    """How a drawing is laid out: columns per unit of time, what each piece is called, whether spaces are between."""

    columns: Fraction
    labels: dict[Piece, str]
    spaced: bool
    shortest: Fraction
    until: Fraction
    room: int | None

    def column(self, time: float | Fraction) -> int:
        return floor(Fraction(time) * self.columns + Fraction(1, 2))


def _duration(piece: Piece) -> Fraction:
    return Fraction(piece.end) - Fraction(piece.start)


def _scale(pieces: Sequence[Piece], labels: dict[Piece, str], room: int | None) -> _Scale:
    """Return the layout that says most and fits; if none fits, the narrowest one.

    If just a few pieces are too short for a letter, as where an update takes a thousandth of the rest, they vanish.
    """
    shortest, until = min(map(_duration, pieces)), max(Fraction(piece.end) for piece in pieces)
    letters = {piece: label[0] for piece, label in labels.items()}
    for names, spaced in ((labels, True), (labels, False), (letters, False)):
        columns = max(Fraction(len(names[piece]) + spaced) / _duration(piece) for piece in pieces)
        whole = -floor(-columns * shortest) / shortest  # so that equal times have equal widths
        for each in (whole, columns):
            scale = _Scale(each, names, spaced, shortest, until, room)
            if room is None or scale.column(until) <= room:
                return scale
    assert room is not None
    whole_width = _Scale(Fraction(room) / until, letters, False, shortest, until, room)
    visible = [piece for piece in pieces if _duration(piece) * whole_width.columns >= 1]
    return whole_width if 2 * len(visible) > len(pieces) else scale


def _names(rows: Mapping[Worker, Sequence[Piece]]) -> dict[Worker, str]:
    """Return the name of each row: of the worker's stage, or of the worker if any has several stages."""
    stages = {worker: {piece.stage for piece in row} for worker, row in rows.items()}
    alone = all(len(own) == 1 for own in stages.values())
    return {worker: str(*own) if alone else f"worker {worker}" for worker, own in stages.items()}


def _labels(pieces: Sequence[Piece]) -> dict[Piece, str]:
    steps = 1 + max(each.step for each in pieces)
    microbatches = 1 + max(each.microbatch for each in pieces)
    stages: dict[Worker, list[Address]] = {}
    for piece in sorted(pieces, key=lambda each: each.stage):
        own = stages.setdefault(piece.worker, [])
        own += [] if piece.stage in own else [piece.stage]

    def number(piece: Piece) -> str:
        if piece.microbatch < 0:
            return str(piece.step) if steps > 1 else ""
        return str(piece.step * microbatches + piece.microbatch)

    return {each: each.work + number(each) + "'" * stages[each.worker].index(each.stage) for each in pieces}


def _row(pieces: Sequence[Piece], scale: _Scale) -> str:
    tick = max(1, scale.column(scale.shortest))
    end = scale.column(pieces[-1].end)
    cells = [IDLE if column % tick == 0 else " " for column in range(end)]
    for piece in pieces:
        start, end = scale.column(piece.start), scale.column(piece.end)
        fill = "-" if _duration(piece) > scale.shortest else " "
        text = scale.labels[piece].ljust(end - start - scale.spaced, fill).ljust(end - start)
        cells[start:end] = text[: end - start] if end > start else ""
    return "".join(cells).rstrip()


def _ruler(scale: _Scale) -> str:
    """Return the times, at steps of 1, 2, 5, 10 ... or of parts of these, so that they stay apart."""
    widest = len(f"{float(scale.until):g}") + 2
    powers = (Fraction(10) ** power for power in count(-3))
    step = next(part for power in powers for part in (power, 2 * power, 5 * power) if part * scale.columns >= widest)
    ruler = ""
    for index in range(floor(scale.until / step) + 1):
        longer = ruler.ljust(scale.column(index * step)) + f"{float(index * step):g}"
        if scale.room is not None and len(longer) > scale.room:
            break
        ruler = longer
    return ruler
