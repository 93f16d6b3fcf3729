"""A sender keeps what it sent until the receiver has committed its step."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.protocol.messages import Address, Message, Post
from annex_actors.protocol.retention import Retention
from annex_actors.protocol.routing import stage_address
from tests.protocol.messages import backward, committed, forward, predict, report, resume, target

A, B = stage_address(0), stage_address(1)


def kept(retention: Retention, peer: Address = A, since: int = 0) -> list[Message]:
    return [post.message for post in retention.since(peer, since)]


def test_messages_are_kept_in_the_order_of_their_first_sending() -> None:
    retention = Retention()
    messages = [forward(0, 1), forward(0, 0), forward(1, 0)]
    for message in messages:
        retention.keep(A, message)
    assert kept(retention) == messages


def test_a_message_made_again_takes_the_place_of_the_first() -> None:
    retention = Retention()
    first, second, again = forward(0, 0), forward(0, 1), forward(0, 0)
    for message in (first, second, again):
        retention.keep(A, message)
    assert kept(retention) == [again, second]


def test_messages_that_differ_in_kind_or_edge_alone_are_kept_side_by_side() -> None:
    retention = Retention()
    messages: list[Message] = [
        forward(0),
        backward(edge=1),
        target(edge=3),
        target(edge=4),
    ]
    for message in messages:
        retention.keep(A, message)
    assert kept(retention) == messages


def test_what_a_peer_has_committed_is_dropped_for_this_peer_alone() -> None:
    retention = Retention()
    for peer in (A, B):
        for step in range(3):
            retention.keep(peer, forward(step))
    retention.drop(A, 2)
    assert [message.step for message in kept(retention, A)] == [2]
    assert [message.step for message in kept(retention, B)] == [0, 1, 2]


def test_a_peer_that_resumes_gets_what_it_has_not_committed() -> None:
    retention = Retention()
    for step in range(4):
        retention.keep(A, forward(step))
    assert [message.step for message in kept(retention, since=2)] == [2, 3]


def test_a_peer_that_was_sent_nothing_needs_nothing_again() -> None:
    retention = Retention()
    retention.drop(A, 5)
    assert kept(retention) == []


def test_the_outbox_of_a_snapshot_is_what_no_restart_can_repeat() -> None:
    retention = Retention()
    for step in range(3):
        retention.keep(A, forward(step))
        retention.keep(B, backward(step))
    retention.drop(B, 1)
    assert [(post.to, post.message.step) for post in retention.below(2)] == [(A, 0), (A, 1), (B, 1)]


def test_a_new_incarnation_keeps_the_outbox_of_the_one_before() -> None:
    outbox = (Post(A, forward(0)), Post(B, forward(1)))
    assert Retention(outbox).below(2) == outbox


def test_reports_are_kept_and_predictions_and_control_messages_are_not() -> None:
    retention = Retention()
    kept_report = report()
    for message in (kept_report, predict(), committed(0), resume(0)):
        retention.keep(A, message)
    assert kept(retention) == [kept_report]


@settings(deadline=None, print_blob=True)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("keep"), st.sampled_from([A, B]), st.integers(0, 5), st.integers(0, 2)),
            st.tuples(st.just("drop"), st.sampled_from([A, B]), st.integers(0, 5), st.just(0)),
        )
    ),
    st.integers(0, 5),
)
def test_every_message_is_kept_from_its_sending_until_its_receiver_has_committed_its_step(
    history: list[tuple[str, Address, int, int]], since: int
) -> None:
    retention, expected, done = Retention(), set[tuple[Address, int, int]](), {A: 0, B: 0}
    for what, peer, step, microbatch in history:
        if what == "keep":
            retention.keep(peer, forward(step, microbatch))
            expected |= {(peer, step, microbatch)} if step >= done[peer] else set()
        else:
            retention.drop(peer, step)
            done[peer] = max(done[peer], step)
            expected = {each for each in expected if each[0] != peer or each[1] >= step}
    for peer in [A, B]:
        got = [(peer, message.step, message.microbatch) for message in kept(retention, peer, since)]
        assert sorted(got) == sorted(each for each in expected if each[0] == peer and each[1] >= since)
    below = [(post.to, post.message.step, post.message.microbatch) for post in retention.below(since)]
    assert sorted(below) == sorted(each for each in expected if each[1] < since)
