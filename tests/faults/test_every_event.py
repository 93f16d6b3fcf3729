"""A kill at every single event of a small run, and a second one while the peer recovers."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from annex_actors.runtimes import InlineRuntime
from annex_actors.runtimes.inline import InlineJob
from supervisors import Strategy
from tests.faults.plans import assert_undisturbed, disturbed, killing, shuffled
from tests.matrix import some
from tests.trainings import EVERY_OPTIMIZER, TUNED, Training

SMALL = Training(epochs=2, size=4, batch_size=2)
"""Five stages, two epochs of two steps of two microbatches, each epoch with its evaluation."""

ASYNCHRONOUS = [
    Training(schedule=each, microbatches=1, epochs=2, size=4, batch_size=1)
    for each in ("pipedream", "pipedream-vertical", "2bw", "no-stash")
]
"""Five stages with up to five steps under way at once, over the end of an epoch."""

OPTIMIZERS = [replace(SMALL, optimizer=each) for each in EVERY_OPTIMIZER.values()]
"""Every optimizer, each with a learning rate that varies."""
TUNINGS = [replace(each, network=TUNED, ema_momentum=0.9) for each in (SMALL, ASYNCHRONOUS[0])]

CLIPPED = [
    replace(each, clipping="global_norm:0.1")
    for each in (SMALL, *ASYNCHRONOUS, replace(SMALL, schedule="zb-h2"), replace(SMALL, schedule="interleaved"))
]
"""Five stages that wait for each other at the end of every step."""

OTHERS = [
    *ASYNCHRONOUS,
    replace(SMALL, schedule="zb-h1"),
    replace(SMALL, schedule="interleaved"),
    replace(SMALL, weighted=True),
]

ORDERS = [None, 1, 2]
"""Work first; or shuffled by these seeds."""

SEEDS = {strategy: seed for seed, strategy in enumerate(Strategy)}
"""Seeds of the samples: another one for each strategy."""


@cache
def events(training: Training, order: int | None) -> int:
    """Return how many events an undisturbed run has."""
    host = InlineRuntime() if order is None else InlineRuntime(shuffled(order))
    job = host.start(training.program())
    assert isinstance(job, InlineJob)
    job.wait()
    return job.events


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("order", ORDERS)
def test_a_kill_at_any_event_changes_nothing(strategy: Strategy, order: int | None, whole: bool) -> None:
    for event in some(range(1, events(SMALL, order) + 1), sample=40, whole=whole, seed=SEEDS[strategy]):
        outcome = disturbed(SMALL, killing({event}, order), strategy=strategy)
        assert outcome.restarts >= 1, f"no peer was killed at event {event}"
        assert_undisturbed(outcome, SMALL)


@pytest.mark.parametrize("training", OTHERS, ids=lambda training: training.schedule)
@pytest.mark.parametrize("order", [None, 1])
def test_a_kill_at_any_event_changes_nothing_with_other_schedules(
    training: Training, order: int | None, whole: bool
) -> None:
    for event in some(range(1, events(training, order) + 1), sample=20, whole=whole, seed=len(training.schedule)):
        outcome = disturbed(training, killing({event}, order))
        assert outcome.restarts >= 1, f"no peer was killed at event {event}"
        assert_undisturbed(outcome, training)


@pytest.mark.parametrize("training", OPTIMIZERS, ids=lambda training: training.optimizer.name)
def test_a_kill_at_any_event_changes_nothing_with_any_optimizer(training: Training, whole: bool) -> None:
    for event in some(range(1, events(training, None) + 1), sample=8, whole=whole, seed=len(repr(training.optimizer))):
        outcome = disturbed(training, killing({event}))
        assert outcome.restarts >= 1, f"no peer was killed at event {event}"
        assert_undisturbed(outcome, training)


@pytest.mark.parametrize("training", TUNINGS, ids=lambda training: training.schedule)
def test_a_kill_at_any_event_changes_nothing_where_layers_learn_otherwise(training: Training, whole: bool) -> None:
    for event in some(range(1, events(training, 1) + 1), sample=20, whole=whole, seed=3):
        assert_undisturbed(disturbed(training, killing({event}, 1)), training)


@pytest.mark.parametrize("training", CLIPPED, ids=lambda training: training.schedule)
@pytest.mark.parametrize("order", [None, 1, 2])
def test_a_kill_at_any_event_changes_nothing_where_the_global_norm_clips(
    training: Training, order: int | None, whole: bool
) -> None:
    for event in some(range(1, events(training, order) + 1), sample=8, whole=whole, seed=5):
        for commit_every in (1, 3):
            outcome = disturbed(training, replace(killing({event, event + 40}, order), commit_every=commit_every))
            assert_undisturbed(outcome, training)


@pytest.mark.parametrize("training", [SMALL, *OTHERS], ids=lambda training: training.schedule)
@pytest.mark.parametrize("commit_every", [2, 3, 100])
def test_a_kill_at_any_event_changes_nothing_where_only_some_steps_are_committed(
    training: Training, commit_every: int, whole: bool
) -> None:
    for event in some(range(1, events(training, None) + 1), sample=12, whole=whole, seed=commit_every):
        for order in (None, event):
            outcome = disturbed(training, replace(killing({event, event + 60}, order), commit_every=commit_every))
            assert_undisturbed(outcome, training)


@pytest.mark.parametrize("strategy", Strategy)
def test_a_second_kill_during_the_recovery_changes_nothing(strategy: Strategy, whole: bool) -> None:
    pairs = [(first, first + gap) for first in range(1, events(SMALL, None) + 1) for gap in (1, 2, 3, 5, 8, 13, 21)]
    for first, second in some(pairs, sample=60, whole=whole):
        assert_undisturbed(disturbed(SMALL, killing({first, second}), strategy=strategy), SMALL)


STORMS = {
    Strategy.ONE_FOR_ONE: range(80, 120),
    Strategy.REST_FOR_ONE: range(200, 240),
    Strategy.ONE_FOR_ALL: range(200, 240),
}
"""Events between two kills: a step has about 120, so with far fewer no step would ever be finished."""


@pytest.mark.parametrize("strategy", Strategy)
def test_kills_without_end_change_nothing(strategy: Strategy, whole: bool) -> None:
    training = replace(SMALL, epochs=4)
    for every in some(STORMS[strategy], sample=5, whole=whole):
        host = InlineRuntime(kill=lambda event, every=every: event % every == 0)  # type: ignore[misc]
        outcome = disturbed(training, host, strategy=strategy)
        assert outcome.restarts >= 3
        assert_undisturbed(outcome, training)


IN_FILES = [replace(each, in_files=True) for each in (SMALL, ASYNCHRONOUS[0], replace(SMALL, weighted=True))]
"""With a reader of the inputs, ahead of the trainer."""


@pytest.mark.parametrize("training", IN_FILES, ids=["1f1b", "pipedream", "weighted"])
@pytest.mark.parametrize("order", ORDERS)
def test_a_kill_at_any_event_changes_nothing_where_a_reader_reads_the_inputs(
    training: Training, order: int | None, whole: bool
) -> None:
    for event in some(range(1, events(training, order) + 1), sample=40, whole=whole, seed=7):
        outcome = disturbed(training, killing({event, event + 30}, order))
        assert outcome.restarts >= 1, f"no peer was killed at event {event}"
        assert_undisturbed(outcome, replace(training, in_files=False))
