"""Crashes and kills as data, and checks that they change nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from hypothesis import strategies as st

from annex_actors.protocol.events import EpochFinished, StepFinished
from annex_actors.protocol.instrument import Point
from annex_actors.runtimes import Crash, CrashPlan, InlineRuntime, Runtime, Supervision
from annex_actors.schedules.discipline import Grouping
from annex_actors.schedules.table import discipline
from supervisors import Strategy
from tests.trainings import Outcome, Seen, Training, carry_out, undisturbed

PATIENT = 10**6
"""Restarts and attempts that no plan here uses up."""


def patient(strategy: Strategy = Strategy.ONE_FOR_ONE) -> Supervision:
    """Return supervision that never gives up."""
    return Supervision(strategy, max_restarts=PATIENT, max_attempts=PATIENT)


def disturbed(
    training: Training,
    host: Runtime,
    *,
    strategy: Strategy = Strategy.ONE_FOR_ONE,
    crashes: tuple[Crash, ...] = (),
) -> Outcome:
    """Return the outcome of ``training`` on a host that kills, or with planned crashes."""
    program = training.program(crashes=CrashPlan(crashes), supervision=patient(strategy))
    return carry_out(program, host, training.initial)


def assert_undisturbed(outcome: Outcome, training: Training) -> None:
    """Check that ``outcome`` is that of an undisturbed run; a sequential one, where that gives the same bits."""
    row = discipline(training.schedule)
    alike = row.weight_gradients is Grouping.STEP and row.overlap(len(training.placement)) == 1
    expected = undisturbed(replace(training, schedule="sequential" if alike else training.schedule))
    assert outcome.fingerprints == expected.fingerprints
    assert outcome.checkpoint.step == training.steps
    assert outcome.history == expected.history


def assert_shown_in_order(seen: Seen, outcome: Outcome) -> None:
    """Check that every event was shown, perhaps twice, but unchanged and in order."""
    steps, epochs = seen.of(StepFinished), seen.of(EpochFinished)
    assert [event.step for event in steps] == sorted(event.step for event in steps)
    assert [event.epoch for event in epochs] == sorted(event.epoch for event in epochs)
    assert tuple({event.step: event.cost for event in steps}.values()) == outcome.checkpoint.costs
    assert len({(event.step, event.cost) for event in steps}) == outcome.checkpoint.step
    assert all(event == outcome.history[event.epoch] for event in epochs)
    assert len({event.epoch for event in epochs}) == len(outcome.history)


def shuffled(seed: int) -> Callable[[int, int], int]:
    """Return a pseudo-random choice of events."""
    random = Random(seed)
    return lambda channels, peers: random.randrange(channels + peers)


def killing(events: set[int], seed: int | None = None) -> InlineRuntime:
    """Return a host that kills the peer at work at each of ``events``; with ``seed``, in a shuffled order of events."""
    if seed is None:
        return InlineRuntime(kill=events.__contains__)
    return InlineRuntime(shuffled(seed), events.__contains__)


def crashes(training: Training) -> st.SearchStrategy[Crash]:
    """Return crashes that can happen in ``training``."""
    return st.builds(
        Crash,
        layer=st.integers(0, len(training.network.layers)),
        step=st.integers(0, training.steps - 1),
        microbatch=st.integers(0, training.microbatches - 1),
        at=st.sampled_from(Point),
        times=st.integers(1, 3),
    )
