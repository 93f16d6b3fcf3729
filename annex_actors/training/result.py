"""What a training run came to, however it ended."""

from __future__ import annotations

from dataclasses import dataclass

from annex_actors.protocol.events import EpochFinished
from annex_actors.training.checkpoint import Checkpoint


@dataclass(frozen=True, eq=False)
class Result:
    """What a training run came to.

    Args:
        checkpoint: weights, optimizer slots and costs at the last step that every layer committed.
        history: the epochs that were finished.
        restarts: how often any actor was started anew.
        seconds: from the first actor's start to the last one's end.
        samples: trained on, counted once per step; of a run that was resumed, since then.
        stages: how many actors the layers made.
        interrupted: whether Ctrl-C ended the run.
    """

    checkpoint: Checkpoint
    history: tuple[EpochFinished, ...]
    restarts: int
    seconds: float
    samples: int
    stages: int
    interrupted: bool = False

    @property
    def train_cost(self) -> float | None:
        """Mean cost over the last finished epoch's samples; None before the first."""
        return self.history[-1].train_cost if self.history else None

    @property
    def test_cost(self) -> float | None:
        """Mean cost over the test set after the last finished epoch."""
        return self.history[-1].test_cost if self.history else None

    @property
    def test_accuracy(self) -> float | None:
        """Part of the test samples that were classified right; None for regression."""
        return self.history[-1].metrics.get("accuracy") if self.history else None

    @property
    def samples_per_second(self) -> float:
        """Training throughput, evaluation and start included."""
        return self.samples / self.seconds if self.seconds else 0.0


class InterruptedRun(KeyboardInterrupt):
    """Ctrl-C ended a run in order; ``result`` holds the last step that every layer committed."""

    def __init__(self, result: Result) -> None:
        super().__init__(f"interrupted after step {result.checkpoint.step}")
        self.result = result
