"""With several BLAS threads too, every runtime and plan gives the bits of the plain program on as many threads."""

from __future__ import annotations

import pytest

from annex_actors.layers import activation, dense, dropout, sequence
from annex_actors.runtimes import Crash
from annex_actors.training.learner import Learner
from tests.kills import KILLS_THREADS
from tests.oracle.plain import plain
from tests.trainings import CLASSES, Training, fingerprints

WIDE = sequence(dense(520), activation("relu"), dropout(0.2), dense(520), activation("tanh"), dense(CLASSES))
"""A network whose sums are so long that OpenBLAS, for any processor, adds them up in another order on two threads."""

RUNTIMES = "inline", "threads", "schedulers"
PLANS = "6:blas_threads=2", "3:blas_threads=2,3:blas_threads=2"


UNEQUAL = "3:blas_threads=2,2:worker=thread,1:blas_threads=2"
EACH_LAYER = (2, 2, 2, 1, 1, 2)
"""The threads of each layer by that plan."""


def training(blas_threads: int | tuple[int, ...]) -> Training:
    return Training(network=WIDE, size=90, batch_size=60, input_shape=(515,), microbatches=2, blas_threads=blas_threads)


def learner(runtime: str, stages: str) -> Learner:
    return training(2).learner(runtime, stages=stages)


@pytest.mark.parametrize("stages", PLANS, ids=["one stage", "two stages"])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_runtime_and_plan_equals_the_plain_program_on_two_threads(runtime: str, stages: str) -> None:
    mine, each = learner(runtime, stages), training(2)
    result = mine.train(each.dataset, epochs=each.epochs, batch_size=each.batch_size, crashes=[Crash(layer=3, step=1)])
    assert result.restarts == 1
    assert fingerprints(result.checkpoint) == fingerprints(plain(each))


def test_replicas_equal_the_plain_program_on_two_threads() -> None:
    mine, each = learner("schedulers", "3x2:blas_threads=2,3:blas_threads=2"), training(2)
    result = mine.train(each.dataset, epochs=each.epochs, batch_size=each.batch_size, crashes=[Crash(layer=1, step=1)])
    assert result.restarts == 1
    assert fingerprints(result.checkpoint) == fingerprints(plain(each))


def test_processes_equal_the_plain_program_on_two_threads() -> None:
    mine, each = learner("processes", PLANS[1]), training(2)
    result = mine.train(each.dataset, epochs=each.epochs, batch_size=each.batch_size, crashes=[Crash(layer=1, step=2)])
    assert result.restarts == 1
    assert fingerprints(result.checkpoint) == fingerprints(plain(each))


def test_the_number_of_threads_decides_bits() -> None:
    assert len({fingerprints(plain(training(threads))) for threads in (1, 2)}) == 2


def test_predictions_have_the_bits_of_the_evaluation_by_actors() -> None:
    mine, each = learner("schedulers", PLANS[1]), training(2)
    result = mine.train(each.dataset, epochs=1, batch_size=each.batch_size)
    many = each.dataset.train.inputs.repeat(3, axis=0)
    with mine.serving() as predict:
        assert (predict(many) == mine.predict(many)).all()
    assert mine.evaluate(each.dataset)["cost"] == result.history[-1].test_cost


@KILLS_THREADS
def test_stages_with_unequal_numbers_equal_the_plain_program_whatever_dies() -> None:
    mine, each = learner("processes", UNEQUAL), training(EACH_LAYER)
    crashes = [Crash(layer=1, step=1), Crash(layer=4, step=2)]
    result = mine.train(each.dataset, epochs=each.epochs, batch_size=each.batch_size, crashes=crashes)
    assert result.restarts == 2
    assert fingerprints(result.checkpoint) == fingerprints(plain(each))
    few = each.dataset.test.inputs[:5]  # in this thread where numbers are equal
    with mine.serving() as predict:
        assert mine.predict(few).tobytes() == predict(few).tobytes()
    assert len({fingerprints(plain(training(threads))) for threads in (1, 2, EACH_LAYER)}) == 3
