"""The order of work on a worker that holds several stages: interleaved 1F1B.

With S stages and p workers, worker r holds the stages r, p + r, 2p + r and so on: its chunks 0, 1, 2 …. It forwards p
microbatches through chunk 0, the same p through chunk 1, and so on to the last chunk, then the next p. Gradients go in
the same order from the last chunk to the first. After a warm-up of 2(p-r-1) + (v-1)p forwards, forwards and gradients
alternate.

Source:
    Narayanan et al. (2021), Efficient large-scale language model training on GPU clusters, section 2.2; order and
    warm-up as in Megatron-LM's schedule.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Chunk:
    """One stage of a worker, in a step.

    Args:
        stage: s, from 0.
        stages: S.
        chunks: v, stages per worker; the last chunk may be missing on some workers.
        microbatches: m; any number, though the bubble is as small as in the paper only for multiples of p.
    """

    stage: int
    stages: int
    chunks: int
    microbatches: int

    @property
    def workers(self) -> int:
        """The number of workers, p."""
        return -(-self.stages // self.chunks)

    @property
    def own_chunks(self) -> int:
        """The number of stages on this worker."""
        rank = self.stage % self.workers
        return -(-(self.stages - rank) // self.workers)

    @property
    def warm_up(self) -> int:
        """The number of forwards before the first gradient, on all stages of the worker."""
        p, v = self.workers, self.own_chunks
        return min(self.microbatches * v, 2 * (p - self.stage % p - 1) + (v - 1) * p)

    def forward_place(self, microbatch: int) -> int:
        """Return the place of F in the order of the worker's work in this step, from 0."""
        place = self._position(microbatch, self.stage // self.workers)
        return place if place < self.warm_up else 2 * place - self.warm_up

    def backward_place(self, microbatch: int) -> int:
        """Return the place of B in the same order."""
        place = self._position(microbatch, self.own_chunks - 1 - self.stage // self.workers)
        steady = self.microbatches * self.own_chunks - self.warm_up
        return self.warm_up + 2 * place + 1 if place < steady else self.warm_up + steady + place

    @property
    def weight_gradient_place(self) -> int:
        """The place of W of the whole step: after all other work, the first stage's first."""
        return 2 * self.microbatches * self.own_chunks + self.stage // self.workers

    def _position(self, microbatch: int, turn: int) -> int:
        """Return a place among the worker's forwards, or among its gradients."""
        rounds, rest = divmod(microbatch, self.workers)
        size = min(self.workers, self.microbatches - rounds * self.workers)
        return rounds * self.workers * self.own_chunks + turn * size + rest


@lru_cache
def most_in_flight(chunk: Chunk) -> int:
    """Return the most microbatches of a stage that are in flight at once, in the order above."""
    places = [(chunk.forward_place(j), 1) for j in range(chunk.microbatches)]
    places += [(chunk.backward_place(j), -1) for j in range(chunk.microbatches)]
    most = now = 0
    for _, change in sorted(places):
        now += change
        most = max(most, now)
    return most
