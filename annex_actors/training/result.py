"""The outcome of a training run, however it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from annex_actors.base.words import counted
from annex_actors.protocol.events import EpochFinished, Evaluated
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.history import History


@dataclass(frozen=True, eq=False)
class Result:
    """The outcome of a training run.

    Args:
        checkpoint: weights, optimizer slots and costs at the last step that every layer committed; or at the end of the
            best epoch, if the run has finished under a condition that restores these (`EarlyStopping`).
        history: the finished epochs, also as columns.
        restarts: how many times any actor was restarted.
        seconds: from the start of the first actor until the run finished, failed or was interrupted, by the clock of
            its events; observers that still hear of it, and the end of the actors, do not count.
        samples: how many were trained on; work repeated after a crash counts once; after a resume, only those since.
        stages: how many actors the layers and the cost had.
        microbatches: into how many parts a batch was cut.
        interrupted: whether Ctrl-C ended the run.
        last: the checkpoint at the last step that every layer committed, from which the run can be resumed; None: it is
            ``checkpoint``.
        evaluations: those within the epochs (``evaluate_every``), in order.
        test: cost and metrics of the test samples at the weights of ``checkpoint``, where validation samples were
            evaluated after the epochs and the run has finished; None otherwise.
    """

    checkpoint: Checkpoint
    history: History
    restarts: int
    seconds: float
    samples: int
    stages: int
    microbatches: int
    interrupted: bool = False
    last: Checkpoint | None = None
    evaluations: tuple[Evaluated, ...] = ()
    test: Mapping[str, Any] | None = None

    def __repr__(self) -> str:
        restarts = self.restarts
        steps = (self.last or self.checkpoint).step
        costs = {"cost": self.train_cost, "validation cost": self.validation_cost, "test cost": self.test_cost}
        metrics = self.epoch.metrics if self.epoch else {}
        of_epoch = f"of epoch {self.epoch.epoch + 1} " if self.last and self.epoch else ""
        figures = {**{name: cost for name, cost in costs.items() if cost is not None}, **metrics}
        parts = [
            f"{counted(steps, 'step')} in {self.seconds:.2f} s",
            *(f"{name} {value:.4f}" for name, value in figures.items()),
            *([counted(restarts, "restart")] if restarts else []),
            *(["interrupted"] if self.interrupted else []),
            f"weights {of_epoch}{self.checkpoint.weights_sha256[:12]}",
        ]
        return f"Result({', '.join(parts)})"

    @property
    def epoch(self) -> EpochFinished | None:
        """The finished epoch to which the weights of ``checkpoint`` belong; None before the first.

        It is the last one, or the best one if its weights were restored.
        """
        before = [epoch for epoch in self.history if epoch.steps <= self.checkpoint.step]
        return before[-1] if before else None

    @property
    def train_cost(self) -> float | None:
        """Mean cost over the training samples of that epoch; None before the first."""
        return self.epoch.train_cost if self.epoch else None

    @property
    def validation_cost(self) -> float | None:
        """Mean cost over the validation samples after that epoch; None before the first, and where there are none."""
        return self.epoch.validation_cost if self.epoch else None

    @property
    def test_cost(self) -> float | None:
        """Mean cost over the test samples at these weights; None if they were not evaluated."""
        return self.test["cost"] if self.test is not None else self.epoch.test_cost if self.epoch else None

    @property
    def test_metrics(self) -> Mapping[str, float]:
        """The metrics of the test samples at these weights by name; empty if they were not evaluated."""
        if self.test is not None:
            return {name: value for name, value in self.test.items() if name != "cost"}
        return self.epoch.metrics if self.epoch and self.epoch.test_cost is not None else {}

    @property
    def test_accuracy(self) -> float | None:
        """Fraction of the test samples classified correctly at these weights; None for regression."""
        return self.test_metrics.get("accuracy")

    @property
    def samples_per_second(self) -> float:
        """Training throughput: ``samples`` in ``seconds``, including start and evaluation."""
        return self.samples / self.seconds if self.seconds else 0.0


class InterruptedRun(KeyboardInterrupt):
    """Ctrl-C ended a run in an orderly way; ``result`` holds the last step that every layer committed."""

    def __init__(self, result: Result) -> None:
        super().__init__(f"interrupted after step {result.checkpoint.step}")
        self.result = result
