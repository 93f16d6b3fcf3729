"""Samples go through the network a few at a time, and all their outputs come back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.peers.prediction_feed import CHUNK, PredictionFeed
from annex_actors.protocol.messages import Post, Predict
from annex_actors.protocol.routing import Routing, stage_address
from tests.protocol.messages import RUN, predict


def feed(count: int, stages: int = 2, step: int = 4) -> PredictionFeed:
    inputs = np.arange(count * 2, dtype=np.float32).reshape(count, 2)
    inputs.flags.writeable = False
    return PredictionFeed(RUN, Routing(stages), inputs, step)


def chunks(posts: list[Post]) -> list[int]:
    return [post.message.microbatch for post in posts]


def output(asked: Post, step: int = 4) -> Predict:
    """Return what a network that doubles makes of a message."""
    message = asked.message
    assert isinstance(message, Predict)
    return predict(step, message.microbatch, edge=2, array=message.array * 2)


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (CHUNK, 1), (CHUNK + 1, 2), (3 * CHUNK, 3)])
def test_samples_are_cut_into_messages_of_a_fixed_size(count: int, expected: int) -> None:
    assert feed(count).chunks == expected


def test_as_many_messages_are_in_flight_as_keep_every_stage_busy() -> None:
    feeding = feed(10 * CHUNK, stages=3)
    first = feeding.send_next()
    assert chunks(first) == [0, 1, 2, 3]
    assert feeding.send_next() == []
    feeding.receive(output(first[2]))
    assert chunks(feeding.send_next()) == [4]


def test_messages_go_to_the_first_stage_and_name_their_version() -> None:
    (post,) = feed(3).send_next()
    assert post.to == stage_address(0)
    assert str(post.message) == "predict step 4 microbatch 0 edge 0 (3, 2) float32 24 bytes"


def test_only_what_is_not_back_is_sent_again() -> None:
    feeding = feed(10 * CHUNK)
    first = feeding.send_next()
    feeding.receive(output(first[1]))
    assert chunks(feeding.send_again()) == [0, 2]


def test_an_output_of_another_step_or_of_a_message_not_sent_is_ignored() -> None:
    feeding = feed(5 * CHUNK, stages=1)
    first = feeding.send_next()
    feeding.receive(output(first[0], step=3))
    feeding.receive(predict(4, 4, edge=2, array=np.zeros((CHUNK, 2), np.float32)))
    assert chunks(feeding.send_again()) == [0, 1]


@settings(deadline=None, print_blob=True, max_examples=40)
@given(st.integers(1, 5 * CHUNK), st.integers(1, 4), st.data())
def test_outputs_come_back_in_the_samples_order_whatever_is_lost_late_or_doubled(
    count: int, stages: int, data: st.DataObject
) -> None:
    feeding = feed(count, stages)
    under_way = feeding.send_next()
    while not feeding.done:
        if not under_way:
            under_way = feeding.send_again()
        post = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
        fate = data.draw(st.sampled_from(["comes", "is lost", "comes twice"]))
        for _ in range({"comes": 1, "is lost": 0, "comes twice": 2}[fate]):
            feeding.receive(output(post))
        under_way += feeding.send_next()
    assert np.array_equal(feeding.outputs(), feeding.inputs * 2)
