"""Random orders of events, random kills, random crashes: the same bits every time."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.protocol.events import PeerExited
from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes import Crash, CrashPlan, InlineRuntime
from annex_actors.schedules.table import DISCIPLINES
from supervisors import Strategy
from tests.faults.plans import assert_shown_in_order, assert_undisturbed, crashes, killing, patient
from tests.trainings import MOMENTUM, REGRESSOR, SKIPPING, Seen, Training, carry_out

BASE = Training(microbatches=3)
TRAININGS = [
    BASE,
    replace(BASE, network=REGRESSOR, cost="mean_squared_error", optimizer=MOMENTUM, microbatches=8, batch_size=9),
    replace(BASE, stages=(range(0, 2), range(2, 5)), microbatches=2),
    replace(BASE, stages=(range(0, 5),), microbatches=1),
    replace(BASE, network=SKIPPING),
    replace(BASE, network=SKIPPING, microbatches=2, stages=(range(0, 4), range(4, 7), range(7, 10))),
]
SCHEDULES = sorted(DISCIPLINES)
KILLS = st.sets(st.integers(1, 2000), max_size=25)


@settings(deadline=None, print_blob=True)
@given(
    training=st.sampled_from(TRAININGS),
    schedule=st.sampled_from(SCHEDULES),
    strategy=st.sampled_from(Strategy),
    order=st.none() | st.integers(0, 2**32),
    kills=KILLS,
    data=st.data(),
)
def test_the_result_is_the_same_whatever_is_killed_or_crashes_at_any_time(
    training: Training, schedule: str, strategy: Strategy, order: int | None, kills: set[int], data: st.DataObject
) -> None:
    training = replace(training, schedule=schedule)
    plan = tuple(data.draw(st.lists(crashes(training), max_size=4), label="crashes"))
    seen = Seen()
    program = training.program(crashes=CrashPlan(plan), observers=[seen], supervision=patient(strategy))
    outcome = carry_out(program, killing(kills, order), training.initial)
    assert_undisturbed(outcome, training)
    assert_shown_in_order(seen, outcome)


@settings(deadline=None, print_blob=True, max_examples=30)
@given(
    layer=st.integers(0, 3),
    step=st.integers(0, BASE.steps - 1),
    strategy=st.sampled_from(Strategy),
    data=st.data(),
)
def test_neighbours_that_crash_in_the_same_step_change_nothing(
    layer: int, step: int, strategy: Strategy, data: st.DataObject
) -> None:
    drawn = [data.draw(crashes(BASE), label=label) for label in ("layer", "its neighbour")]
    plan = tuple(replace(each, layer=layer + offset, step=step) for offset, each in enumerate(drawn))
    seen = Seen()
    program = BASE.program(crashes=CrashPlan(plan), observers=[seen], supervision=patient(strategy))
    outcome = carry_out(program, InlineRuntime(), BASE.initial)
    assert_undisturbed(outcome, BASE)
    crashed = {event.address for event in seen.of(PeerExited) if "crash on order" in event.reason}
    assert crashed == {stage_address(layer), stage_address(layer + 1)}


@settings(deadline=None, print_blob=True, max_examples=20)
@given(plan=st.lists(crashes(BASE), min_size=10, max_size=30), strategy=st.sampled_from(Strategy))
def test_many_crashes_change_nothing(plan: list[Crash], strategy: Strategy) -> None:
    program = BASE.program(crashes=CrashPlan(plan), supervision=patient(strategy))
    outcome = carry_out(program, InlineRuntime(), BASE.initial)
    assert outcome.restarts >= 10
    assert_undisturbed(outcome, BASE)
