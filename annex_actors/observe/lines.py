"""Events as lines for people. Pure: an event in, a line out."""

from __future__ import annotations

from collections.abc import Mapping

from annex_actors.protocol.events import Event, PeerAbandoned, PeerExited, PeerStarted
from annex_actors.training.report import EpochRecord


def epoch_line(epoch: EpochRecord, epochs: int) -> str:
    """Return ``epoch  3/20  step 135  cost 0.12  test cost 0.14  accuracy 0.95  12,345 samples/s  restarts 0``."""
    width = len(str(epochs))
    test = [] if epoch.test_cost is None else [f"test cost {epoch.test_cost:.4f}"]
    parts = [
        f"epoch {epoch.epoch:{width}}/{epochs}",
        f"step {epoch.steps}",
        "cost " + ("unknown" if epoch.train_cost is None else f"{epoch.train_cost:.4f}"),
        *test,
        *metric_parts(epoch.metrics),
        f"{epoch.samples_per_second:,.0f} samples/s",
        f"restarts {epoch.restarts}",
    ]
    return "  ".join(parts)


def metric_parts(metrics: Mapping[str, float | None]) -> list[str]:
    """Return ``["accuracy 0.9583"]``."""
    return [f"{name} {value:.4f}" for name, value in metrics.items() if value is not None]


def incident_line(event: Event) -> str | None:
    """Return what is worth telling of a peer's life: a crash, a restart; None for the orderly course of things."""
    match event:
        case PeerExited(orderly=False, reason=reason, label=label):
            return reason if reason.startswith("layer ") else f"{label} ended: {reason}"
        case PeerStarted(incarnation=incarnation, label=label) if incarnation > 1:
            return f"{label} is up again, incarnation {incarnation}"
        case PeerAbandoned(label=label):
            return f"{label} could not be stopped: it was fenced off and left behind"
    return None
