"""Draw the order of work as text: a row for each worker, a column for each unit of time."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import gcd, lcm

from annex_actors.protocol.messages import Address
from annex_actors.runtimes.cost_model import Worker
from annex_actors.runtimes.simulated import Piece

IDLE = "·"


def draw(pieces: Sequence[Piece]) -> list[str]:
    """Return a line for each worker, in the order of the workers, such as ``F0 F1 ·  B0 W0``.

    A piece of work is drawn as its letter and the number of its microbatch, counted over all steps; W for a whole step
    has the number of the step if there are several. A worker's second stage has a prime, its third two. The width of a
    piece is its time, in the largest unit that divides all times.

    Args:
        pieces: the pieces of work of a simulation, in any order.
    """
    shown = [piece for piece in pieces if piece.end > piece.start]
    if not shown:
        return []
    unit = _unit(shown)
    stages: dict[Worker, list[Address]] = {}
    for piece in sorted(shown, key=lambda each: each.stage):
        own = stages.setdefault(piece.worker, [])
        own += [] if piece.stage in own else [piece.stage]
    labels = {id(piece): _label(piece, shown) + "'" * stages[piece.worker].index(piece.stage) for piece in shown}
    width = max(map(len, labels.values())) + 1
    rows: dict[Worker, list[Piece]] = {}
    for piece in sorted(shown, key=lambda each: (each.worker, each.start)):
        rows.setdefault(piece.worker, []).append(piece)
    return [_row(row, labels, unit, width) for row in rows.values()]


def _row(row: list[Piece], labels: dict[int, str], unit: Fraction, width: int) -> str:
    cells, now = [], 0
    for piece in row:
        start, end = (int(Fraction(time) / unit) for time in (piece.start, piece.end))
        cells.append(IDLE.ljust(width) * (start - now))
        fill = "-" if end - start > 1 else " "
        cells.append(labels[id(piece)].ljust((end - start) * width - 1, fill) + " ")
        now = end
    return "".join(cells).rstrip()


def _label(piece: Piece, pieces: Sequence[Piece]) -> str:
    steps = 1 + max(each.step for each in pieces)
    if piece.microbatch < 0:
        return f"{piece.work}{piece.step}" if steps > 1 else piece.work
    microbatches = 1 + max(each.microbatch for each in pieces)
    return f"{piece.work}{piece.step * microbatches + piece.microbatch}"


def _unit(pieces: Sequence[Piece]) -> Fraction:
    """Return the longest time of which every start and end is a multiple."""
    times = [Fraction(time) for piece in pieces for time in (piece.start, piece.end) if time]
    below = lcm(*(time.denominator for time in times))
    return Fraction(gcd(*(int(time * below) for time in times)), below)
