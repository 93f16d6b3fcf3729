"""A sender keeps what it sent until the receiver has committed its step."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.protocol.messages import (
    WHOLE_STEP,
    Backward,
    Committed,
    Forward,
    Message,
    Part,
    Post,
    Predict,
    Report,
    Resume,
    Target,
)
from annex_actors.protocol.retention import Retention

ARRAY = np.ones((1, 1), np.float32)


def forward(step: int, microbatch: int = 0) -> Forward:
    return Forward("r", step, microbatch, 1, ARRAY, Part(2, 2))


def kept(retention: Retention, peer: str = "a", since: int = 0) -> list[Message]:
    return [post.message for post in retention.since(peer, since)]


def test_messages_are_kept_in_the_order_of_their_first_sending() -> None:
    retention = Retention()
    messages = [forward(0, 1), forward(0, 0), forward(1, 0)]
    for message in messages:
        retention.keep("a", message)
    assert kept(retention) == messages


def test_a_message_made_again_takes_the_place_of_the_first() -> None:
    retention = Retention()
    first, second, again = forward(0, 0), forward(0, 1), forward(0, 0)
    for message in (first, second, again):
        retention.keep("a", message)
    assert kept(retention) == [again, second]


def test_messages_that_differ_in_kind_or_edge_alone_are_kept_side_by_side() -> None:
    retention = Retention()
    messages: list[Message] = [
        forward(0),
        Backward("r", 0, 0, 1, ARRAY),
        Target("r", 0, 0, 3, ARRAY),
        Target("r", 0, 0, 4, ARRAY),
    ]
    for message in messages:
        retention.keep("a", message)
    assert kept(retention) == messages


def test_what_a_peer_has_committed_is_forgotten_for_this_peer_alone() -> None:
    retention = Retention()
    for peer in ("a", "b"):
        for step in range(3):
            retention.keep(peer, forward(step))
    retention.forget("a", 2)
    assert [message.step for message in kept(retention, "a")] == [2]
    assert [message.step for message in kept(retention, "b")] == [0, 1, 2]


def test_a_peer_that_resumes_gets_what_it_has_not_committed() -> None:
    retention = Retention()
    for step in range(4):
        retention.keep("a", forward(step))
    assert [message.step for message in kept(retention, since=2)] == [2, 3]


def test_what_a_peer_never_got_is_nothing() -> None:
    retention = Retention()
    retention.forget("a", 5)
    assert kept(retention) == []


def test_the_outbox_of_a_snapshot_is_what_no_restart_can_make_again() -> None:
    retention = Retention()
    for step in range(3):
        retention.keep("a", forward(step))
        retention.keep("b", Backward("r", step, 0, 1, ARRAY))
    retention.forget("b", 1)
    assert [(post.to, post.message.step) for post in retention.below(2)] == [("a", 0), ("a", 1), ("b", 1)]


def test_a_new_life_keeps_the_outbox_of_the_old_one() -> None:
    outbox = (Post("a", forward(0)), Post("b", forward(1)))
    assert Retention(outbox).below(2) == outbox


def test_reports_are_kept_and_predictions_and_control_messages_are_not() -> None:
    retention = Retention()
    report = Report("r", 0, WHOLE_STEP, 2, 0.5, 1)
    for message in (
        report,
        Predict("r", 0, 0, 0, ARRAY),
        Committed("r", 0, WHOLE_STEP, WHOLE_STEP),
        Resume("r", 0, WHOLE_STEP, WHOLE_STEP),
    ):
        retention.keep("a", message)
    assert kept(retention) == [report]


@settings(deadline=None, print_blob=True)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("keep"), st.sampled_from("ab"), st.integers(0, 5), st.integers(0, 2)),
            st.tuples(st.just("forget"), st.sampled_from("ab"), st.integers(0, 5), st.just(0)),
        )
    ),
    st.integers(0, 5),
)
def test_every_message_is_kept_from_its_sending_until_its_receiver_has_committed_its_step(
    history: list[tuple[str, str, int, int]], since: int
) -> None:
    retention, expected, committed = Retention(), set[tuple[str, int, int]](), {"a": 0, "b": 0}
    for what, peer, step, microbatch in history:
        if what == "keep":
            retention.keep(peer, forward(step, microbatch))
            expected |= {(peer, step, microbatch)} if step >= committed[peer] else set()
        else:
            retention.forget(peer, step)
            committed[peer] = max(committed[peer], step)
            expected = {each for each in expected if each[0] != peer or each[1] >= step}
    for peer in "ab":
        got = [(peer, message.step, message.microbatch) for message in kept(retention, peer, since)]
        assert sorted(got) == sorted(each for each in expected if each[0] == peer and each[1] >= since)
    below = [(post.to, post.message.step, post.message.microbatch) for post in retention.below(since)]
    assert sorted(below) == sorted(each for each in expected if each[1] < since)
