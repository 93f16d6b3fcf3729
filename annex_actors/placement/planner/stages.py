"""What a stage of neighbouring layers costs: its pieces of work, the hop behind it, and its memory."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from annex_actors.placement.memory import slot_bytes
from annex_actors.placement.planner.hops import Hops, kinds
from annex_actors.placement.planner.problem import Link, Problem
from annex_actors.schedules.discipline import Discipline, Grouping

Index: TypeAlias = Any
"""The index of a layer, or an array of them, one for each of many stages; so are the numbers that come of it."""


class Limits(NamedTuple):
    """What a schedule lets stage s of S keep, for m microbatches a step.

    Args:
        in_flight: the most microbatches whose F is done and whose B is not.
        deferred: the most whose F is done and whose W is not.
        lag: by how many steps the weights lag; so many old versions of them are kept.
    """

    in_flight: int
    deferred: int
    lag: int

    @classmethod
    def of(cls, row: Discipline, s: int, stages: int, microbatches: int) -> Limits:
        """Return the limits of a stage."""
        lag = row.lag(s, stages)
        deferred = (lag + 1) * microbatches
        if row.cap is not None:
            deferred = min(deferred, row.cap(s, stages, microbatches))
        return cls(min(row.credit(s, stages, microbatches), deferred), deferred, lag)


class StageCosts(NamedTuple):
    """What a stage costs; all but ``hop`` is of one of its replicas.

    Args:
        forward: seconds of F of a microbatch.
        backward: seconds of B of a microbatch.
        weight_gradient: seconds of W for a whole step.
        last_weight_gradient: seconds of the W that is left when the last B is done.
        update: seconds of the optimizer, and of what replicas send each other, once a step.
        hop: seconds of a message to the next stage, and of one back; 0 for the last stage.
        share: how many of the step's microbatches it works on.
        work: seconds that all replicas together work for a step.
        memory: bytes; 0 where nothing depends on them.
    """

    forward: Any
    backward: Any
    weight_gradient: Any
    last_weight_gradient: Any
    update: Any
    hop: Any
    share: int
    work: Any
    memory: Any

    @property
    def busy(self) -> Any:
        """The seconds that a replica works for a step."""
        return self.share * (self.forward + self.backward) + self.weight_gradient + self.update


class Costs:
    """The costs of every stage that layers of a chain can make.

    Args:
        problem: the layers and limits.
        row: the schedule.
        microbatches: m, one of those in the problem.
        memory: whether the memory of stages is of interest.
        at_once: whether all messages arrive at once, whatever the links are.
    """

    def __init__(
        self, problem: Problem, row: Discipline, microbatches: int, *, memory: bool = True, at_once: bool = False
    ) -> None:
        chain = problem.chains[microbatches]
        self.row = row
        self.microbatches = microbatches
        self._whole = row.weight_gradients is Grouping.STEP
        self._counts_memory = memory
        self._piece = problem.piece
        layers = chain.layers
        sizes = (chain.input_bytes, *(each.output_bytes for each in layers))
        learns = [bool(each.parameter_bytes) for each in layers]
        self._hops = Hops(problem, sizes, at_once=at_once)
        self._speeds = [kind.worker.speed for kind in kinds(problem)]
        self.hops, self.longest_hop = self._hops.least, self._hops.longest
        self.forward = _sums(each.forward for each in layers)
        self.backward = _sums(each.backward for each in layers)
        self.weight_gradient = _sums(each.weight_gradient for each in layers)
        self.update = _sums(each.update for each in layers)
        self._saved = _sums(each.saved_bytes for each in layers)
        self._factors = _sums(each.factor_bytes for each in layers)
        self._parameters = _sums(each.parameter_bytes for each in layers)
        self._layers = layers
        self._slots: dict[int, Any] = {}
        self._inputs = _sums(size * learned for size, learned in zip(sizes, learns, strict=False))
        self._outputs = _sums(size * learned for size, learned in zip(sizes[1:], learns, strict=True))

    def stage(
        self, start: Index, stop: Index, replicas: int, kind: int, limits: Limits, after: int | None
    ) -> StageCosts:
        """Return what the layers from ``start`` to before ``stop`` cost as a stage.

        Args:
            start: the first layer.
            stop: the layer after the last.
            replicas: of the stage.
            kind: of its workers, of `hops.kinds`.
            limits: of what it may keep.
            after: the kind of the next stage's workers; None: there is none.
        """
        m, piece, speed = self.microbatches, self._piece, self._speeds[kind]
        forward = (self.forward[stop] - self.forward[start] + piece) / speed
        backward = (self.backward[stop] - self.backward[start] + piece) / speed
        one = (self.weight_gradient[stop] - self.weight_gradient[start]) / replicas
        if self._whole:
            weight_gradient = last = (m * one + piece) / speed
        else:
            last = (one + piece) / speed
            weight_gradient = m * last
        update = (self.update[stop] - self.update[start]) / (replicas * speed)
        work = m * (forward + backward) + replicas * (weight_gradient + update)
        if replicas > 1:
            update += self._exchange_seconds(start, stop, replicas, self._hops.link(kind, kind))
        share, memory = -(-m // replicas), self.memory(start, stop, replicas, limits) if self._counts_memory else 0
        hop = self._hops.between(kind, after)[stop]
        return StageCosts(forward, backward, weight_gradient, last, update, hop, share, work, memory)

    def memory(self, start: Index, stop: Index, replicas: int, limits: Limits) -> Any:
        """Return the most bytes that a replica of the stage keeps: what `placement.memory.plan_memory` says of it."""
        _, deferred, lag = limits
        in_flight = np.minimum(limits.in_flight, -(-(lag + 1) * self.microbatches // replicas))
        saved, factors = (sums[stop] - sums[start] for sums in (self._saved, self._factors))
        parameters, slots = (sums[stop] - sums[start] for sums in (self._parameters, self._slot_sums(replicas)))
        activations = in_flight * np.maximum(saved, factors) + (deferred - in_flight) * factors
        return activations + (lag + 3) * parameters + 2 * slots

    def _slot_sums(self, replicas: int) -> Any:
        if replicas not in self._slots:
            self._slots[replicas] = _sums(slot_bytes(each, replicas) for each in self._layers)
        return self._slots[replicas]

    def _received(self, start: Index, stop: Index, replicas: int) -> Any:
        """Return the bytes that a replica receives of the others for its rows of the weight gradients.

        For a layer with n inputs and k outputs and a batch of B samples, these are (B - B/R)(n/R + k) numbers.
        """
        inputs, outputs = self._inputs[stop] - self._inputs[start], self._outputs[stop] - self._outputs[start]
        others = self.microbatches * (replicas - 1)
        return -(-others * (inputs + replicas * outputs) // replicas**2)

    def _exchange_seconds(self, start: Index, stop: Index, replicas: int, link: Link) -> Any:
        """Return how long replicas wait for each other's factors, and then for each other's new rows of the weights."""
        parameters = self._parameters[stop] - self._parameters[start]
        rows = (replicas - 1) * parameters / replicas
        seconds = 2 * link.latency + link.per_byte * (self._received(start, stop, replicas) + rows)
        return np.where(parameters > 0, seconds, 0.0)


def _sums(numbers: Iterable[float]) -> np.ndarray[Any, np.dtype[Any]]:
    """Return the sums of the first 0, 1, 2 … numbers; they never fall, so that no difference is below 0."""
    return np.array(list(accumulate(numbers, initial=0)))
