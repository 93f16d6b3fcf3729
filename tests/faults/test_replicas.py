"""Replicas of a stage are killed at every event, alone and together, on every host: the same bits."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.layers import activation, dense, sequence
from annex_actors.protocol.events import PeerExited
from annex_actors.protocol.routing import TRAINER, Routing, stage_address
from annex_actors.runtimes import CrashPlan, InlineRuntime
from annex_actors.runtimes.cost_model import CostModel, LayerTimes
from annex_actors.runtimes.hosting.job import SupervisedJob
from annex_actors.runtimes.inline import InlineJob
from annex_actors.runtimes.simulated import SimulatedRuntime
from annex_actors.schedules.table import SYNCHRONOUS
from supervisors import KILLED, Strategy
from tests.faults.plans import (
    assert_shown_in_order,
    assert_undisturbed,
    crashes,
    disturbed,
    killing,
    patient,
    shuffled,
)
from tests.faults.test_kills_from_outside import TRAINING as OUTSIDE
from tests.faults.test_kills_from_outside import with_kills
from tests.kills import KILLS_THREADS
from tests.matrix import matrix, some
from tests.runtimes.processes.jobs import process_of, struck
from tests.trainings import Seen, Training, carry_out, fingerprints, undisturbed

SMALL = Training(size=4, batch_size=2, replicas=(2, 1, 3, 2, 2))
"""Five stages in ten replicas, one of which has no microbatch; two epochs of two steps of two microbatches."""

TRAININGS = [
    SMALL,
    replace(SMALL, clipping="global_norm:0.1"),
    replace(SMALL, schedule="zb-h1", microbatches=3, size=6, batch_size=3),
    replace(SMALL, schedule="interleaved", stages=(range(0, 2), range(2, 5)), replicas=(2, 3), microbatches=5),
]

WIDE = replace(
    SMALL,
    network=sequence(dense(150), activation("relu"), dense(3)),
    input_shape=(150,),
    stages=(range(0, 2), range(2, 4)),
    replicas=(3, 2),
)
"""With weights that the replicas divide: gradients, updates and slots."""

WIDE_TRAININGS = {
    "wide": WIDE,
    "wide global norm": replace(WIDE, clipping="global_norm:0.1"),
    "wide zb-h1": replace(WIDE, schedule="zb-h1", microbatches=3, size=6, batch_size=3),
    "wide averages": replace(WIDE, ema_momentum=0.9),
}

SCHEDULES = [*(row.name for row in SYNCHRONOUS), "interleaved"]


def alone(training: Training) -> Training:
    """Return the same training without replicas."""
    return replace(training, replicas=())


@cache
def events(training: Training, order: int | None) -> int:
    """Return how many events an undisturbed run has."""
    job = (InlineRuntime() if order is None else InlineRuntime(shuffled(order))).start(training.program())
    assert isinstance(job, InlineJob)
    job.wait()
    return job.events


@pytest.mark.parametrize(
    "training",
    [*TRAININGS, *WIDE_TRAININGS.values()],
    ids=["1f1b", "global norm", "zb-h1", "interleaved", *WIDE_TRAININGS],
)
@pytest.mark.parametrize("order", [None, 1])
def test_a_kill_at_any_event_changes_nothing(training: Training, order: int | None, whole: bool) -> None:
    for event in some(range(1, events(training, order) + 1), sample=8, whole=whole, seed=len(training.schedule)):
        for commit_every in (1, 3):
            host = replace(killing({event, event + 50}, order), commit_every=commit_every)
            outcome = disturbed(training, host)
            assert outcome.restarts >= 1 or commit_every > 1, f"no peer was killed at event {event}"
            assert_undisturbed(outcome, alone(training))


@pytest.mark.parametrize("strategy", Strategy)
def test_a_kill_at_any_event_changes_nothing_by_any_strategy(strategy: Strategy, whole: bool) -> None:
    for event in some(range(1, events(SMALL, None) + 1), sample=8, whole=whole, seed=len(strategy.value)):
        assert_undisturbed(disturbed(SMALL, killing({event}), strategy=strategy), alone(SMALL))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_kill_at_any_event_changes_nothing_by_any_schedule(schedule: str, whole: bool) -> None:
    training = replace(WIDE, schedule=schedule, microbatches=3, size=6, batch_size=3)
    for event in some(range(1, events(training, 2) + 1), sample=6, whole=whole, seed=len(schedule)):
        assert_undisturbed(disturbed(training, killing({event}, 2)), alone(training))


@pytest.mark.parametrize("training", WIDE_TRAININGS.values(), ids=WIDE_TRAININGS)
def test_all_replicas_of_a_stage_killed_at_once_at_any_event_change_nothing(training: Training, whole: bool) -> None:
    last = events(training, 3)
    for event in some(range(1, last + 1), sample=6, whole=whole, seed=3):
        # Each event kills the peer that it is about: many in a row are about all replicas of both stages.
        outcome = disturbed(training, killing({*range(event, event + 6)}, 3))
        assert_undisturbed(outcome, alone(training))


@pytest.mark.parametrize("every", matrix(range(150, 190), sample=3, id=str))
def test_kills_without_end_change_nothing(every: int) -> None:
    outcome = disturbed(SMALL, InlineRuntime(kill=lambda event: event % every == 0))
    assert outcome.restarts >= 3
    assert_undisturbed(outcome, alone(SMALL))


@settings(deadline=None, print_blob=True, max_examples=20)
@given(
    schedule=st.sampled_from(SCHEDULES),
    microbatches=st.integers(1, 5),
    replicas=st.lists(st.integers(1, 3), min_size=5, max_size=5),
    order=st.none() | st.integers(0, 2**32),
    kills=st.sets(st.integers(1, 3000), max_size=15),
    clipping=st.sampled_from([None, "global_norm:0.1"]),
    data=st.data(),
)
def test_the_result_is_the_same_whatever_is_killed_or_crashes_at_any_time(
    schedule: str,
    microbatches: int,
    replicas: list[int],
    order: int | None,
    kills: set[int],
    clipping: str | None,
    data: st.DataObject,
) -> None:
    training = Training(schedule=schedule, microbatches=microbatches, replicas=tuple(replicas), clipping=clipping)
    plan = tuple(data.draw(st.lists(crashes(training), max_size=3), label="crashes"))
    seen = Seen()
    program = training.program(crashes=CrashPlan(plan), observers=[seen], supervision=patient())
    outcome = carry_out(program, killing(kills, order), training.initial)
    assert_undisturbed(outcome, alone(training))
    assert_shown_in_order(seen, outcome)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_kills_in_virtual_time_change_nothing(schedule: str) -> None:
    training = Training(schedule=schedule, microbatches=3, replicas=(2, 1, 3, 2, 2))
    addresses = training.program().driver.routing.stage_addresses
    costs = CostModel([LayerTimes()] * 5, latency=1, kills=[(3.5 + 7 * at, each) for at, each in enumerate(addresses)])
    outcome = disturbed(training, SimulatedRuntime(costs))
    assert outcome.restarts == len(addresses)
    assert_undisturbed(outcome, alone(training))


@KILLS_THREADS
@pytest.mark.usefixtures("no_thread_is_left")
@pytest.mark.parametrize("host", ["threads", "schedulers"])
@pytest.mark.parametrize("seed", matrix(range(40), sample=3, id=str))
def test_random_kills_of_threads_change_nothing(seed: int, host: str) -> None:
    training = replace(OUTSIDE, replicas=(2, 1, 3, 2, 2))
    names = [*Routing(5, replicas=training.replicas).stage_addresses, TRAINER]
    checkpoint, seen = with_kills(host, seed, patient(), training, names)
    assert fingerprints(checkpoint) == undisturbed(OUTSIDE).fingerprints
    assert any(event.reason == str(KILLED) for event in seen.of(PeerExited)), "no kill has reached a peer"


@pytest.mark.parametrize(
    ("training", "stage"),
    [
        (Training(microbatches=3, stages=(range(0, 2), range(2, 5)), replicas=(2, 2)), 1),
        (replace(WIDE, size=13, batch_size=5, microbatches=3, replicas=(2, 1)), 0),
    ],
    ids=["whole", "divided"],
)
def test_all_replicas_of_a_stage_whose_processes_are_killed_at_once_change_nothing(
    training: Training, stage: int
) -> None:
    victims = [stage_address(stage, replica) for replica in range(2)]

    def strike(job: SupervisedJob) -> None:
        for process in [process_of(job, victim) for victim in victims]:
            process.kill()

    checkpoint, seen, job = struck(strike, training=training)
    assert fingerprints(checkpoint) == undisturbed(alone(training)).fingerprints
    assert {event.address for event in seen.of(PeerExited) if not event.orderly} == set(victims)
    assert job.restarts == 2
