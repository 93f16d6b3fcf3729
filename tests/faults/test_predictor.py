"""A prediction is killed at each of its events, in any order of events: the same answers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.runtimes import InlineRuntime, Supervision
from annex_actors.runtimes.cost_model import CostModel, LayerTimes
from annex_actors.runtimes.inline import InlineJob
from annex_actors.runtimes.simulated import SimulatedRuntime
from annex_actors.testing.small_runs import asked, expected_outputs, prediction, some_inputs
from supervisors import Strategy
from tests.trainings import Training

SIZES = (300, 2, 600)
FIRSTS = (0, 2, 3)
PATIENT = 10**6
EXPECTED = [expected_outputs(some_inputs(size)) for size in SIZES]


def answered(host: InlineRuntime, strategy: Strategy = Strategy.ONE_FOR_ONE) -> int:
    """Ask one question after another, compare the answers, and return how many events that took."""
    run = prediction(supervision=Supervision(strategy, max_restarts=PATIENT))
    with closing(host.start(run)) as job:
        for size, first, expected in zip(SIZES, FIRSTS, EXPECTED, strict=True):
            assert np.array_equal(asked(job, run, some_inputs(size), first), expected)
    assert isinstance(job, InlineJob)
    return job.events


@pytest.mark.parametrize("strategy", Strategy)
def test_a_kill_at_any_event_of_a_prediction_changes_no_answer(strategy: Strategy) -> None:
    for event in range(1, answered(InlineRuntime()) + 1):
        answered(InlineRuntime(kill=lambda now, event=event: now == event), strategy)  # type: ignore[misc]


@settings(deadline=None, print_blob=True, max_examples=40)
@given(seed=st.integers(0, 2**32), kills=st.sampled_from([0, 0.01, 0.05]))
def test_any_order_of_events_and_many_kills_change_no_answer(seed: int, kills: float) -> None:
    random = Random(seed)
    choose: Callable[[int, int], int] = lambda channels, peers: random.randrange(channels + peers)  # noqa: E731
    answered(InlineRuntime(choose=choose, kill=lambda _: random.random() < kills))


def test_on_a_virtual_clock_a_predictor_answers_too() -> None:
    run = prediction()
    with closing(SimulatedRuntime(CostModel([LayerTimes()] * 5, latency=1)).start(run)) as job:
        assert np.array_equal(asked(job, run, some_inputs(300)), EXPECTED[0])


def test_a_trainer_that_is_killed_before_it_hears_of_a_halt_is_told_again() -> None:
    training, kills = Training(epochs=50), set[int]()
    program = training.program()
    newest_first = InlineRuntime(choose=lambda channels, peers: channels + peers - 1, kill=kills.__contains__)
    with closing(newest_first.start(program)) as job:
        job.halt()
        assert isinstance(job, InlineJob)
        kills.add(job.events + 1)
        job.wait()
        assert job.restarts == 1
    latest = program.store.latest(program.stages[0].address)
    assert latest is None or latest.step < training.steps
