"""On Ray as elsewhere: replicas, and arrays too large for a call, give the bits of the plain program."""

from __future__ import annotations

from annex_actors.layers import activation, dense, sequence
from tests.oracle.plain import expected
from tests.rays import shared_ray
from tests.trainings import CLASSES, Training, fingerprints, train


def test_replicas_equal_the_plain_program() -> None:
    alone = Training(schedule="1f1b", microbatches=3)
    replicated = Training(schedule="1f1b", microbatches=3, replicas=(2, *(1 for _ in alone.placement[1:])))
    assert train(replicated, shared_ray()).fingerprints == fingerprints(expected(alone))


def test_arrays_that_travel_in_the_object_store_equal_the_plain_program() -> None:
    wide = sequence(dense(3000), activation("relu"), dense(CLASSES))
    training = Training(network=wide, size=160, batch_size=80, epochs=1, microbatches=1)
    runtime = shared_ray()
    from annex_actors.runtimes.ray.cluster import INLINE_BYTES

    assert INLINE_BYTES < 80 * 3000 * 4
    assert train(training, runtime).fingerprints == fingerprints(expected(training))
