"""The simulator: virtual time, real work."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError
from annex_actors.experiments.simulation import simulate
from annex_actors.placement.planner import Link
from annex_actors.protocol.instrument import Point
from annex_actors.protocol.messages import Address
from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes import Crash
from annex_actors.runtimes.cost_model import CostModel, LayerTimes
from annex_actors.runtimes.simulated import Piece, SimulatedJob, SimulatedRuntime
from annex_actors.schedules.discipline import B, Discipline, F, W
from annex_actors.schedules.table import DISCIPLINES, discipline
from annex_actors.testing.disciplines import check_order
from tests.faults.plans import disturbed
from tests.trainings import Training, train, undisturbed

UNEVEN = CostModel(
    layers=[LayerTimes(3, 1, 2, 1), LayerTimes(1, 1, 0), LayerTimes(2, 5, 1), LayerTimes(1, 1, 1), LayerTimes(4, 0, 0)],
    latency=2,
    per_byte=0.25,
)


@pytest.mark.parametrize("schedule", DISCIPLINES)
@pytest.mark.parametrize("costs", [CostModel(), UNEVEN], ids=["no time", "uneven times"])
def test_a_real_training_gives_the_same_bits_in_virtual_time(schedule: str, costs: CostModel) -> None:
    training = Training(schedule=schedule, microbatches=3)
    outcome = train(training, SimulatedRuntime(costs))
    assert outcome.fingerprints == undisturbed(training).fingerprints
    assert outcome.history == undisturbed(training).history


@pytest.mark.parametrize("schedule", ["1f1b", "pipedream", "zb-h1"])
def test_stages_that_share_workers_give_the_same_bits(schedule: str) -> None:
    training = Training(schedule=schedule, microbatches=3)
    shared = CostModel(layers=UNEVEN.layers, workers=[0, 1, 0, 1, 0])
    assert train(training, SimulatedRuntime(shared)).fingerprints == undisturbed(training).fingerprints


@pytest.mark.parametrize("schedule", DISCIPLINES)
def test_kills_in_virtual_time_change_nothing_but_the_time(schedule: str) -> None:
    training = Training(schedule=schedule, microbatches=2)
    kills = [
        (10.5, stage_address(2)),
        (11, stage_address(0)),
        (40, stage_address(2)),
        (40, stage_address(3)),
        (77.25, stage_address(4)),
    ]
    outcome = disturbed(training, SimulatedRuntime(CostModel(layers=UNEVEN.layers, latency=1, kills=kills)))
    assert outcome.fingerprints == undisturbed(training).fingerprints
    assert outcome.restarts == len(kills)


def test_a_planned_crash_is_handled_as_on_other_runtimes() -> None:
    training = Training(microbatches=2)
    crash = Crash(layer=2, step=1, microbatch=1, at=Point.BACKWARD, times=2)
    outcome = disturbed(training, SimulatedRuntime(UNEVEN), crashes=(crash,))
    assert outcome.fingerprints == undisturbed(training).fingerprints
    assert outcome.restarts == 2


def test_the_same_program_takes_the_same_time_in_the_same_order() -> None:
    one, two = (
        simulate(
            "zb-h1", stages=5, microbatches=7, steps=2, costs=CostModel(latency=0.3, kills=[(7.5, stage_address(2))])
        )
        for _ in range(2)
    )
    assert one.pieces == two.pieces
    assert (one.makespan, one.messages) == (two.makespan, two.messages)


def test_what_a_killed_stage_was_doing_is_lost_and_done_again() -> None:
    calm = simulate("1f1b", stages=4, microbatches=6)
    killed = simulate("1f1b", stages=4, microbatches=6, costs=CostModel(kills=[(5.5, stage_address(1))]))
    assert killed.makespan > calm.makespan
    assert killed.restarts == 1
    again = {key: many for key, many in Counter(work(piece) for piece in killed.pieces).items() if many > 1}
    assert again, "what it had done of the step it does again"
    assert {stage for stage, *_ in again} == {stage_address(1)}, "and the others do nothing again"


def work(piece: Piece) -> tuple[Address, str, int, int]:
    return piece.stage, piece.work, piece.step, piece.microbatch


def test_a_slow_worker_slows_the_pipeline_down() -> None:
    calm = simulate("1f1b", stages=3, microbatches=10, times=LayerTimes(1, 2, 0))
    slow = simulate("1f1b", stages=3, microbatches=10, times=LayerTimes(1, 2, 0), costs=CostModel(slowness={1: 2}))
    assert slow.workers[1].busy == 2 * calm.workers[1].busy
    assert slow.makespan >= slow.workers[1].busy > calm.makespan


def test_a_hop_takes_alpha_and_beta_for_each_byte() -> None:
    one = simulate("sequential", stages=2, microbatches=1, costs=CostModel(latency=3))
    assert one.makespan == 1 + 3 + 1 + 1 + 1 + 3 + 1 + 1 - 1, "F, hop, F, B; W beside the hop; B, W"
    two = simulate("sequential", stages=2, microbatches=1, costs=CostModel(latency=3, per_byte=1, message_bytes=10))
    assert two.makespan == one.makespan + 20
    shared = simulate("sequential", stages=2, microbatches=1, costs=CostModel(latency=3, workers=[0, 0]))
    assert shared.makespan == 6, "no hop between stages of one worker"


def test_a_link_of_two_workers_has_a_time_of_its_own() -> None:
    links = {(0, 1): Link(5), (2, 3): Link(1, 1)}
    costs = CostModel(latency=3, links=links, message_bytes=10)
    ends = [simulate("sequential", stages=stages, microbatches=1, costs=costs).makespan for stages in (1, 2, 3, 4)]
    assert [end - 3 * stages for stages, end in enumerate(ends, 1)] == [0, 10 - 1, 16 - 2, 38 - 3]


def test_a_killed_stage_does_nothing_until_it_is_up_again() -> None:
    kills = [(0.5, stage_address(1)), (0.75, stage_address(1))]
    times = [simulate("1f1b", stages=1, microbatches=2, costs=CostModel(restart=each)).makespan for each in (0, 9)]
    assert times[0] == times[1], "nothing is killed"
    for restart in (0, 4):
        costs = CostModel(kills=kills, restart=restart)
        found = simulate("1f1b", stages=2, microbatches=2, costs=costs)
        first = min(piece.start for piece in found.pieces if piece.stage == stage_address(1))
        assert first == max(1, 0.75 + restart), "the second kill begins the restart once more"
        assert found.restarts == 2


def test_messages_of_the_trainer_are_counted() -> None:
    few, more = (simulate("1f1b", stages=stages, microbatches=4) for stages in (2, 6))
    assert 0 < few.trainer_messages < few.messages
    assert more.trainer_messages - few.trainer_messages < more.messages - few.messages


def test_a_tally_counts_what_was_done() -> None:
    got = simulate("gpipe", stages=3, microbatches=4, times=LayerTimes(1, 2, 0.5, 0.25))
    assert all(worker.busy == 4 * (1 + 2 + 0.5) + 0.25 for worker in got.workers)
    assert got.busy == pytest.approx(3 * (4 * 3.5 + 0.25) / (3 * got.makespan))
    assert len(got.pieces) == 3 * (4 + 4 + 1)


STUCK = Discipline(
    "stuck", "", (F, B, W), credit=lambda s, S, m: 1, gate=lambda work, at: work is not B or at.forwards == at.m
)


def test_a_schedule_that_stands_still_is_detected() -> None:
    with pytest.raises(ConfigError, match=r"schedule stuck to go on with 2 stages, but .* for schedule stuck to"):
        simulate(STUCK, stages=2, microbatches=2)


@pytest.mark.parametrize("name", ["stages", "microbatches", "steps"])
def test_a_number_out_of_range_is_refused(name: str) -> None:
    numbers = {"stages": 2, "microbatches": 2, "steps": 1} | {name: 0}
    with pytest.raises(ConfigError, match=f"expected `{name}` to be an integer >= 1, got 0"):
        simulate("1f1b", stages=numbers["stages"], microbatches=numbers["microbatches"], steps=numbers["steps"])


def test_times_of_another_number_of_stages_are_refused() -> None:
    with pytest.raises(ConfigError, match="expected times of 3 stages, got 2"):
        simulate("1f1b", stages=3, microbatches=1, times=[LayerTimes(), LayerTimes()])


def test_the_clock_stands_still_where_nothing_costs_anything() -> None:
    job = SimulatedRuntime().start(Training().program())
    assert isinstance(job, SimulatedJob)
    job.wait()
    job.close()
    assert job.now == 0
    assert job.messages > 0


@settings(deadline=None, print_blob=True, max_examples=80)
@given(
    name=st.sampled_from(sorted(DISCIPLINES)),
    S=st.integers(1, 6),
    m=st.integers(1, 7),
    steps=st.integers(1, 4),
    data=st.data(),
)
def test_the_order_is_legal_and_limits_are_kept_however_long_work_takes(
    name: str, S: int, m: int, steps: int, data: st.DataObject
) -> None:
    small = st.integers(0, 4)
    each = [LayerTimes(*data.draw(st.tuples(small, small, small, small), label=f"stage {s}")) for s in range(S)]
    costs = CostModel(latency=data.draw(small), slowness={0: data.draw(st.sampled_from([1, 2]))})
    got = simulate(name, stages=S, microbatches=m, steps=steps, times=each, costs=costs)
    check_order(discipline(name), got, microbatches=m, steps=steps)


@pytest.mark.parametrize("schedule", DISCIPLINES)
def test_fewer_cores_than_workers_give_the_same_bits(schedule: str) -> None:
    training = Training(schedule=schedule, microbatches=3)
    few = CostModel(layers=UNEVEN.layers, latency=1, cores=2, piece=0.5, trainer=3, one_interpreter=True)
    assert train(training, SimulatedRuntime(few)).fingerprints == undisturbed(training).fingerprints


@pytest.mark.parametrize("schedule", DISCIPLINES)
def test_no_more_pieces_are_under_way_than_there_are_cores(schedule: str) -> None:
    one, two, all_ = (
        simulate(schedule, stages=4, microbatches=4, steps=3, costs=CostModel(cores=cores, workers=range(4)))
        for cores in (1, 2, 4)
    )
    free = simulate(schedule, stages=4, microbatches=4, steps=3, costs=CostModel(workers=range(4)))
    assert one.makespan == sum(piece.end - piece.start for piece in one.pieces)
    assert free.makespan <= two.makespan <= one.makespan
    assert all_.makespan == free.makespan
    for piece in two.pieces:
        assert sum(other.start <= piece.start < other.end for other in two.pieces) <= 2


def test_where_an_interpreter_is_shared_only_one_at_a_time_is_beside_its_layers() -> None:
    costs = CostModel(workers=range(3), piece=1, one_interpreter=True)
    free = CostModel(workers=range(3), piece=1)
    times = LayerTimes(0, 0, 0)
    shared, apart = (simulate("1f1b", stages=3, microbatches=6, times=times, costs=each) for each in (costs, free))
    assert shared.makespan == len(shared.pieces)  # one after another
    assert apart.makespan < shared.makespan


def test_messages_of_unlike_neighbours_have_sizes_of_their_own() -> None:
    costs = CostModel(per_byte=1, message_bytes=[10, 1], workers=range(3))
    none = simulate("gpipe", stages=3, microbatches=1, costs=CostModel(workers=range(3)))
    assert simulate("gpipe", stages=3, microbatches=1, costs=costs).makespan - none.makespan == 2 * 11
    with pytest.raises(ConfigError, match="expected `message_bytes` of 1 pair of neighbours, got 2"):
        simulate("gpipe", stages=2, microbatches=1, costs=CostModel(message_bytes=[10, 1]))


@pytest.mark.parametrize(
    ("field", "value"), [("cores", 0), ("piece", -1), ("trainer", "1"), ("one_interpreter", 1), ("message_bytes", [-1])]
)
def test_a_cost_model_refuses_what_is_out_of_range(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"expected `{field}`"):
        CostModel(**{field: value})  # type: ignore[arg-type]


def test_replicas_of_a_stage_share_its_microbatches_and_each_does_w_of_all() -> None:
    times = [LayerTimes(), LayerTimes(forward=2, backward=2), LayerTimes()]
    one, two = (simulate("gpipe", stages=3, microbatches=4, times=times, replicas=each) for each in ((), (1, 2, 1)))
    assert (one.makespan, two.makespan) == (24, 18)
    assert len(two.workers) == 4
    shares: dict[Address, list[int]] = {piece.stage: [] for piece in two.pieces}
    for piece in two.pieces:
        if piece.work == "F":
            shares[piece.stage].append(piece.microbatch)
    assert shares[stage_address(1)] == [0, 2]
    assert shares[stage_address(1, 1)] == [1, 3]


@pytest.mark.parametrize(
    ("replicas", "error"),
    [
        ((1, 2), "expected replicas of 3 stages, got 2; name a number for each"),
        ((1, 0, 1), "expected `replicas` to be an integer >= 1, got 0"),
    ],
)
def test_replicas_that_do_not_fit_are_refused(replicas: tuple[int, ...], error: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(error)):
        simulate("gpipe", stages=3, microbatches=4, replicas=replicas)
