"""Which peers are at the ends of an edge."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.protocol.messages import WHOLE_STEP, Address, Message
from annex_actors.protocol.reading import Read, Rows
from annex_actors.protocol.routing import READER, TRAINER, Routing, is_stage, replica_of, stage_address
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
def test_without_replicas_all_microbatches_take_the_same_way(stages: int, microbatch: int) -> None:
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


REPLICAS = st.lists(st.integers(1, 5), min_size=1, max_size=6).map(tuple)


@settings(deadline=None, print_blob=True)
@given(REPLICAS, st.integers(0, 12))
def test_each_microbatch_of_a_step_belongs_to_one_replica_of_each_stage(
    replicas: tuple[int, ...], microbatches: int
) -> None:
    routing = Routing(len(replicas), replicas=replicas)
    for stage, count in enumerate(replicas):
        shares = [routing.share(stage_address(stage, replica), 0, microbatches) for replica in range(count)]
        assert sorted(each for share in shares for each in share) == list(range(microbatches))
        for replica, share in enumerate(shares):
            for microbatch in share:
                assert routing.downstream(stage, microbatch) == stage_address(stage, replica)
                assert routing.upstream(stage + 1, microbatch) == stage_address(stage, replica)


@settings(deadline=None, print_blob=True)
@given(REPLICAS)
def test_replicas_are_neighbours_of_those_that_have_their_microbatches_and_of_each_other(
    replicas: tuple[int, ...],
) -> None:
    routing, most = Routing(len(replicas), replicas=replicas), 60  # of which every number of replicas is a divisor
    met = {
        (routing.upstream(edge, at), routing.downstream(edge, at))
        for edge in range(1, len(replicas))
        for at in range(most)
    }
    met |= {(each, other) for each in routing.stage_addresses for other in routing.others(each)}
    pairs = met | {(other, each) for each, other in met}
    for peer in routing.stage_addresses:
        assert {other for each, other in pairs if each == peer} == routing.neighbours(peer) - {TRAINER}


@settings(deadline=None, print_blob=True)
@given(REPLICAS)
def test_every_sender_learns_of_a_commit_from_data_of_each_step_or_is_told(replicas: tuple[int, ...]) -> None:
    routing = Routing(len(replicas), replicas=replicas)
    assert len(set(routing.addresses)) == routing.workers + 1
    for peer in routing.addresses:
        for other in routing.addresses:
            assert (other in routing.receivers(peer)) == (peer in routing.senders(other))
            assert (other in routing.neighbours(peer)) == (peer in routing.neighbours(other))
        assert routing.senders(peer) - routing.receivers(peer) <= routing.acknowledged(peer) <= routing.senders(peer)
        assert set(routing.others(peer)) <= routing.acknowledged(peer)


@settings(deadline=None, print_blob=True)
@given(st.integers(1, 20))
def test_one_replica_each_is_routed_as_a_chain_without_replicas(stages: int) -> None:
    routing, chain = Routing(stages, replicas=(1,) * stages), Routing(stages)
    assert routing.addresses == chain.addresses
    for peer in chain.addresses:
        assert routing.neighbours(peer) == chain.neighbours(peer)
        assert routing.acknowledged(peer) == chain.acknowledged(peer)
        assert chain.acknowledged(peer) == chain.senders(peer) - chain.receivers(peer)


@pytest.mark.parametrize("replica", [0, 1, 12])
def test_an_address_says_which_replica_of_which_stage_it_is(replica: int) -> None:
    address = stage_address(3, replica)
    assert str(address) == ("stage-3" if replica == 0 else f"replica-{replica}-of-stage-3")
    assert (address.number, replica_of(address), is_stage(address)) == (3, replica, True)


@pytest.mark.parametrize("address", [TRAINER, READER, Address("stage"), Address("replica-0-of-stage", 1)])
def test_another_address_is_that_of_no_replica(address: Address) -> None:
    with pytest.raises(ValueError, match=f"expected the address of a stage, got {address}"):
        replica_of(address)
    assert not is_stage(TRAINER)
