"""The order of the samples: a pure function of (seed, epoch); the position in it is a function of the step.

So a run that is resumed at step ``t`` sees exactly the samples that it would have seen, and only has to know ``t``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from annex_actors.base import checks
from annex_actors.base.random_keys import RandomKey, Tag

_NO_EPOCH: tuple[int, NDArray[np.int64]] = (-1, np.empty(0, dtype=np.int64))


def sample_order(samples: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return the order of the samples in an epoch: a permutation of ``0 .. samples - 1``, shape ``(samples,)``."""
    return RandomKey(seed, step=epoch).generator(Tag.SAMPLE_ORDER).permutation(samples)


def microbatch_slices(batch: int, microbatches: int) -> tuple[slice, ...]:
    """Return the microbatches of a batch, in order; their sizes differ by at most one, the larger first.

    Args:
        batch: samples in this batch, >= 1.
        microbatches: how many microbatches, >= 1; a batch with fewer samples has one microbatch for each sample.

    Returns:
        ``min(microbatches, batch)`` slices that cover the batch; for 10 samples and 3 microbatches 0:4, 4:7, 7:10.

    Raises:
        ConfigError: a number below 1.
    """
    checks.whole_number("batch", batch, at_least=1)
    checks.whole_number("microbatches", microbatches, at_least=1)
    size, larger = divmod(batch, min(microbatches, batch))
    sizes = [size + 1] * larger + [size] * (min(microbatches, batch) - larger)
    return tuple(slice(start, stop) for start, stop in pairwise(accumulate(sizes, initial=0)))


@dataclass(frozen=True)
class Batches:
    """The batches of a run, by global step; the last batch of an epoch may be short.

    Args:
        samples: size of the training set, >= 1.
        batch_size: samples in a batch, >= 1; an epoch with fewer samples is one batch.
        seed: the run's seed, >= 0.

    Raises:
        ConfigError: a number out of range.
    """

    samples: int
    batch_size: int
    seed: int
    steps_per_epoch: int = field(init=False, repr=False, compare=False)
    """The number of batches in an epoch, including a short last one."""
    _last_epoch: tuple[int, NDArray[np.int64]] = field(default=_NO_EPOCH, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        checks.whole_number("samples", self.samples, at_least=1)
        checks.whole_number("batch_size", self.batch_size, at_least=1)
        checks.whole_number("seed", self.seed, at_least=0)
        object.__setattr__(self, "steps_per_epoch", -(-self.samples // self.batch_size))

    def indices(self, step: int) -> NDArray[np.int64]:
        """Return the indices of the samples in the batch of a step: int64, shape ``(batch,)``, read-only.

        Args:
            step: counted from 0 over all epochs.

        Raises:
            ConfigError: a negative step.
        """
        checks.whole_number("step", step, at_least=0)
        epoch, position = divmod(step, self.steps_per_epoch)
        start = position * self.batch_size
        return self._order(epoch)[start : start + self.batch_size]

    def size(self, step: int) -> int:
        """Return the number of samples in the batch of a step."""
        start = step % self.steps_per_epoch * self.batch_size
        return min(self.batch_size, self.samples - start)

    def _order(self, epoch: int) -> NDArray[np.int64]:
        cached, order = (
            self._last_epoch
        )  # one tuple, replaced as a whole: a thread never sees one epoch's number with another's order
        if cached != epoch:
            order = sample_order(self.samples, self.seed, epoch)
            order.flags.writeable = False
            object.__setattr__(self, "_last_epoch", (epoch, order))
        return order
