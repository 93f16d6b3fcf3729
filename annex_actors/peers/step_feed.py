"""Feed steps: cut their batches into microbatches, and make the messages for the first and the last stage."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from annex_actors.base.types import Array, Floats
from annex_actors.costs import scaled
from annex_actors.data import Batches, microbatch_slices
from annex_actors.data.sources.stored import stored
from annex_actors.peers.read_ahead import ReadAhead
from annex_actors.protocol.events import EpochFinished
from annex_actors.protocol.messages import Forward, Part, Post, Target, freeze
from annex_actors.protocol.reading import Rows
from annex_actors.protocol.routing import Routing

History: TypeAlias = tuple[EpochFinished, ...]
"""The finished epochs."""


class TrainingSamples(NamedTuple):
    """What is trained on.

    Args:
        inputs: shape ``(samples, *input_shape)``; of the network's dtype.
        targets: as the cost encodes them.
        weight: what each sample counts, shape ``(samples,)``; None: 1 each.
    """

    inputs: Floats
    targets: Array
    weight: Floats | None


class StepFeed:
    """Feeds steps in their order; where inputs stay in files, once they are read.

    ``fed`` is the step after the last one that was fed, and ``until`` the one after the last that may be fed now, and
    that an earlier incarnation of the trainer may have fed.

    Args:
        run: the run's name.
        routing: the chain of stages.
        samples: all samples.
        batches: which samples belong to which step.
        parts: into how many microbatches to cut a batch, at most; one of fewer samples has one for each.
        rule: from the finished epochs to the rate factor of the next steps, see `Part`; None: 1.
        first: the step to begin with.
        end: the step after the last of the run.
    """

    def __init__(
        self,
        run: str,
        routing: Routing,
        samples: TrainingSamples,
        batches: Batches,
        parts: int,
        rule: Callable[[History], float] | None,
        *,
        first: int,
        end: int,
    ) -> None:
        self.fed = self.until = first
        self._samples = samples
        self._batches = batches
        self._run = run
        self._routing = routing
        self._parts = parts
        self._rule = rule
        self._factor: tuple[int, float] | None = None
        self._slices: dict[int, tuple[slice, ...]] = {}
        self._ahead = None if stored(samples.inputs) is None else ReadAhead(run, routing, first, end)

    def send(self, until: int, history: History) -> list[Post]:
        """Return the messages of the steps below ``until`` that are not fed yet, or what to ask the reader for them.

        Args:
            until: within the current epoch.
            history: the epochs before it.
        """
        ahead, self.until = self._ahead, max(self.until, until)
        posts = [] if ahead is None else ahead.ask(until)
        while self.fed < until and (ahead is None or self.fed in ahead):
            posts += self._step(self.fed, history)
            self.fed += 1
        return posts

    def put(self, rows: Rows) -> None:
        """Keep the inputs of a step, which were read for it."""
        if self._ahead is not None:
            self._ahead.put(rows)

    def ask_again(self) -> list[Post]:
        """Return what a restarted reader is to be asked."""
        return [] if self._ahead is None else self._ahead.ask_again()

    def _step(self, step: int, history: History) -> list[Post]:
        """Return the messages of a step: for each microbatch its targets, then its inputs."""
        samples, indices = self._samples, self._batches.indices(step)
        read = None if self._ahead is None else self._ahead.take(step)
        slices = self._cut(len(indices))
        part = Part(len(slices), len(indices), self._rate_factor(history))
        weights = None if samples.weight is None else scaled(samples.weight[indices])
        run, routing = self._run, self._routing
        posts: list[Post] = []
        for microbatch, rows in enumerate(slices):
            inputs = freeze(samples.inputs[indices[rows]] if read is None else read[rows])
            targets = freeze(samples.targets[indices[rows]])
            forward = Forward(run, step, microbatch, routing.inputs, inputs, part)
            weight = None if weights is None else freeze(weights[rows])
            target = Target(run, step, microbatch, routing.targets, targets, weight)
            posts += (Post(routing.receiver(target), target), Post(routing.receiver(forward), forward))
        return posts

    def _cut(self, batch: int) -> tuple[slice, ...]:
        """Return the microbatches of a batch; all batches but the last one of an epoch have the same size."""
        slices = self._slices.get(batch)
        if slices is None:
            slices = self._slices[batch] = microbatch_slices(batch, self._parts)
        return slices

    def _rate_factor(self, history: History) -> float:
        """Return the factor for the steps of the current epoch; it changes when the epoch ends, and with no step."""
        if self._rule is None:
            return 1.0
        if self._factor is None or self._factor[0] != len(history):
            self._factor = len(history), float(self._rule(history))
        return self._factor[1]
