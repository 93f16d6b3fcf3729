"""Events as lines of text: pure functions from an event to a line."""

from __future__ import annotations

from annex_actors.base.columns import USUAL, joined
from annex_actors.base.figures import metric_parts, number
from annex_actors.base.words import counted
from annex_actors.protocol.events import (
    CheckpointFailed,
    Event,
    PeerAbandoned,
    PeerExited,
    PeerHung,
    PeerMoved,
    PeerStarted,
)
from annex_actors.runs.records import EpochRecord
from annex_actors.runs.run_counts import RunCounts


def epoch_line(epoch: EpochRecord, epochs: int, width: int = USUAL) -> str:
    """Return ``epoch  3/20  step 135  cost 0.1200  test cost 0.1400  accuracy 0.9500  12,345/s``.

    The last is the samples per second, which is left out if the epoch trained no samples: a run resumed at the end of
    an epoch only evaluates it again. What does not fit is left out too: the step first, then the rate, then the test
    cost. Restarts have lines of their own.
    """
    step = f"step {epoch.steps}"
    speed = [f"{epoch.samples_per_second:,.0f}/s"] if epoch.samples_per_second else []
    test = [] if epoch.test_cost is None else [f"test cost {number(epoch.test_cost)}"]
    if epoch.validation_cost is not None:
        test = [f"validation cost {number(epoch.validation_cost)}"]
    parts = [
        f"epoch {epoch.epoch:{len(str(epochs))}}/{epochs}",
        step,
        f"cost {number(epoch.train_cost)}",
        *test,
        *metric_parts(epoch.metrics),
        *speed,
    ]
    return joined(parts, width, spare=[step, *speed, *test])


def status_line(counts: RunCounts, epochs: int, width: int) -> str:
    """Return ``epoch 3/20 step 101 cost 0.1200 accuracy 0.9500 12,345/s``, how far a run has come, for a live bar.

    Cost and step are of now, metrics of the last finished epoch, and so is the rate, once there is one.
    """
    last = counts.epochs[-1] if counts.epochs else None
    step, speed = f"step {counts.steps}", f"{(last or counts).samples_per_second:,.0f}/s"
    metrics = metric_parts(last.metrics) if last else []
    restarts = [counted(counts.restarts, "restart")] if counts.restarts else []
    parts = [
        f"epoch {min(counts.finished + 1, epochs)}/{epochs}",
        step,
        *([] if counts.cost is None else [f"cost {number(counts.cost)}"]),
        *metrics,
        speed,
        *restarts,
    ]
    return joined(parts, width, spare=[step, *metrics[::-1], speed, *restarts], gap=" ")


def incident_line(event: Event) -> str | None:
    """Return a line for a failure, a restart or a move; None for an event of normal operation."""
    match event:
        case PeerExited(orderly=False, reason=reason, label=label):
            return reason if reason.startswith("layer ") else f"{label} ended: {reason}"
        case PeerStarted(incarnation=incarnation, label=label, node=node) if incarnation > 1:
            return f"{label} is up again, incarnation {incarnation}{_on(node)}"
        case PeerMoved(label=label, worker=worker):
            return f"{label} moves to a {worker}"
        case PeerHung(label=label, place=place, limit_s=limit_s, node=node):
            return f"{label} hangs{_on(node)}: {place} for more than {limit_s:.3g} s"
        case CheckpointFailed(step=step, reason=reason):
            return f"the checkpoint of step {step} could not be saved: {reason}; the run goes on"
        case PeerAbandoned(label=label):
            return f"{label} could not be stopped: it was fenced off and left behind"
    return None


def _on(node: str) -> str:
    return f" on node {node}" if node else ""
