"""Which peers are at the ends of an edge."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.protocol.messages import WHOLE_STEP, Address, Message
from annex_actors.protocol.reading import Read, Rows
from annex_actors.protocol.routing import READER, TRAINER, Routing, stage_address
from tests.protocol.messages import backward, forward, predict, report, target, weight_gradient

STAGES = st.integers(1, 40)


def test_activations_pass_the_chain_from_the_trainer_to_the_trainer() -> None:
    routing = Routing(3)
    assert [routing.receiver(forward(edge=edge)) for edge in range(4)] == [
        stage_address(0),
        stage_address(1),
        stage_address(2),
        TRAINER,
    ]


def test_gradients_pass_the_chain_against_their_edges() -> None:
    routing = Routing(3)
    assert [routing.receiver(backward(edge=edge)) for edge in (3, 2, 1)] == [
        stage_address(2),
        stage_address(1),
        stage_address(0),
    ]


@pytest.mark.parametrize("stages", [1, 2, 5])
def test_targets_go_to_the_last_stage(stages: int) -> None:
    routing = Routing(stages)
    assert routing.receiver(target(edge=routing.targets)) == stage_address(stages - 1)


@pytest.mark.parametrize("stages", [1, 2, 5])
def test_reports_and_predictions_leave_the_last_stage_for_the_trainer(stages: int) -> None:
    routing = Routing(stages)
    messages: list[Message] = [report(edge=routing.outputs), predict(edge=routing.outputs)]
    assert [routing.receiver(message) for message in messages] == [TRAINER, TRAINER]


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_a_deferred_weight_gradient_goes_to_the_stage_that_deferred_it(stage: int) -> None:
    assert Routing(3).receiver(weight_gradient(edge=stage)) == stage_address(stage)


@settings(deadline=None, print_blob=True)
@given(STAGES)
def test_the_addresses_are_the_stages_in_order_and_then_the_trainer(stages: int) -> None:
    assert Routing(stages).addresses == (*(stage_address(stage) for stage in range(stages)), TRAINER)


@settings(deadline=None, print_blob=True)
@given(STAGES)
def test_every_edge_has_one_end_that_sends_and_another_that_receives(stages: int) -> None:
    routing = Routing(stages)
    for edge in range(stages + 2):
        ends = routing.upstream(edge, 0), routing.downstream(edge, 0)
        assert len(set(ends)) == 2
        assert set(ends) <= set(routing.addresses)


@settings(deadline=None, print_blob=True)
@given(STAGES)
def test_a_peer_counts_all_it_receives_from_among_its_senders(stages: int) -> None:
    routing = Routing(stages)
    for peer in routing.addresses:
        for other in routing.addresses:
            assert (other in routing.receivers(peer)) == (peer in routing.senders(other))


@settings(deadline=None, print_blob=True)
@given(STAGES)
def test_a_peer_sends_along_every_edge_that_ends_at_it_and_no_other_way(stages: int) -> None:
    routing = Routing(stages)
    sent: dict[Address, set[Address]] = {peer: set() for peer in routing.addresses}
    for edge in range(stages + 1):
        sent[routing.upstream(edge, 0)].add(routing.receiver(forward(edge=edge)))
    sent[TRAINER].add(routing.downstream(routing.targets, 0))
    for edge in range(1, stages):
        sent[routing.downstream(edge, 0)].add(routing.receiver(backward(edge=edge)))
    assert {peer: set(routing.receivers(peer)) for peer in routing.addresses} == sent


@settings(deadline=None, print_blob=True)
@given(STAGES, st.integers(0, 60))
def test_today_all_microbatches_take_the_same_way(stages: int, microbatch: int) -> None:
    routing = Routing(stages)
    assert all(
        routing.receiver(forward(edge=edge, microbatch=microbatch)) == routing.receiver(forward(edge=edge))
        for edge in range(stages)
    )


@pytest.mark.parametrize("stages", [1, 2, 5])
def test_a_reader_is_a_neighbour_of_the_trainer_alone_and_keeps_nothing_for_it(stages: int) -> None:
    routing, without = Routing(stages, reader=True), Routing(stages)
    assert routing.addresses == (*without.addresses[:-1], READER, TRAINER)
    assert routing.neighbours(READER) == {TRAINER}
    assert routing.neighbours(TRAINER) == without.neighbours(TRAINER) | {READER}
    assert not routing.senders(READER) | routing.receivers(READER)
    for peer in without.addresses:
        assert routing.senders(peer) == without.senders(peer)
        assert routing.receivers(peer) == without.receivers(peer)
    assert routing.receiver(Read("run", 0, WHOLE_STEP, routing.rows)) == READER
    assert routing.receiver(Rows("run", 0, WHOLE_STEP, routing.rows, np.ones((1, 1)))) == TRAINER


def test_no_peer_is_a_neighbour_of_itself() -> None:
    for stages in (1, 2, 3):
        routing = Routing(stages)
        assert not any(peer in routing.receivers(peer) for peer in routing.addresses)


@settings(deadline=None, print_blob=True)
@given(STAGES)
def test_the_edges_of_a_stage_start_and_end_at_it(stages: int) -> None:
    routing = Routing(stages)
    for stage in routing.addresses[:-1]:
        edges = routing.edges(stage)
        assert routing.downstream(edges.inputs, 0) == routing.upstream(edges.outputs, 0) == stage
        assert edges.targets == routing.targets


def test_only_a_stage_has_the_edges_of_one() -> None:
    with pytest.raises(ValueError, match="expected the address of a stage, got trainer"):
        Routing(3).edges(TRAINER)


def test_today_each_stage_has_every_microbatch_of_a_step() -> None:
    assert [*Routing(3).share(stage_address(1), 7, 4)] == [0, 1, 2, 3]


def test_an_address_is_a_value_that_prints_as_users_know_it() -> None:
    assert (str(stage_address(3)), f"{TRAINER}") == ("stage-3", "trainer")
    assert stage_address(3) == Address("stage", 3) == pickle.loads(pickle.dumps(stage_address(3)))
    assert sorted([TRAINER, stage_address(10), stage_address(9)]) == [stage_address(9), stage_address(10), TRAINER]
