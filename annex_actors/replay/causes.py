"""Find the failure of a run that is replayed where no piece is named: the one that ended the run, or the first one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from annex_actors.replay.pieces import WORK, Selection
from annex_actors.runs.event_log import read_events
from annex_actors.runs.failure_records import FailureRecord
from annex_actors.runs.saved_run import SavedRun

_LAYER = re.compile(r"layer ([0-9]+) ")
_PLACE = re.compile(
    r" in (?:(forward|backward|weight.gradient)|update|commit) at step ([0-9]+)(?: microbatch ([0-9]+))?"
)
"""Where a layer failed, as in ``killed by SIGSEGV in forward at step 7 microbatch 1``."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A failure of a run.

    Args:
        error: one line.
        pieces: what failed.
        record: what is kept of it; None: nothing, as where a layer's process was killed once, or hung.
    """

    error: str
    pieces: Selection
    record: FailureRecord | None = None


def first_cause(saved: SavedRun) -> Cause | None:
    """Return the failure that ended a run; of a run that has not failed, the first one; None: there is none.

    Raises:
        DataError: what is kept is damaged.
    """
    kept = [_kept(record) for record in saved.directory.failures().records()]
    causes = [*_ends(saved, kept), *kept]
    error = (saved.report.error or "") if saved.report else ""
    return next((each for each in causes if each.error in error), causes[0] if causes else None)


def _kept(record: FailureRecord) -> Cause:
    message = record.message
    work = message.kind.replace(" ", "_")
    microbatch = None if message.microbatch < 0 else message.microbatch
    return Cause(
        record.error, Selection(message.step, record.layer, microbatch, work if work in WORK else None), record
    )


def _ends(saved: SavedRun, kept: Sequence[Cause]) -> Iterator[Cause]:
    """Yield the ends of stages in the middle of a piece of work, with what is kept of it."""
    for event in read_events(saved.path):
        label, reason = str(event.get("label")), str(event.get("reason"))
        layer, place = _LAYER.match(reason) or _LAYER.match(label), _PLACE.search(reason)
        if event.get("event") == "PeerExited" and layer and place:
            work, step, microbatch = place.groups()
            which = None if microbatch is None else int(microbatch)
            kind = None if work is None else work.replace(" ", "_")
            error = reason if _LAYER.match(reason) else f"{label}: {reason}"
            pieces = Selection(int(step), int(layer[1]), which, kind)
            same = (each.record for each in kept if each.error == error or each.pieces == pieces)
            yield Cause(error, pieces, next(same, None))
