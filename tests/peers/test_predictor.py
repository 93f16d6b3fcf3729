"""The predictor: it feeds samples, and its one commit holds their outputs."""

from __future__ import annotations

import numpy as np

from annex_actors.base.types import Array
from annex_actors.peers.prediction_feed import CHUNK
from annex_actors.peers.predictor import PredictorSpec
from annex_actors.protocol.effects import Commit, Effect, Emit, Send
from annex_actors.protocol.events import Finished
from annex_actors.protocol.messages import Address, Envelope, Message, Predict
from annex_actors.protocol.node import Node
from annex_actors.protocol.routing import TRAINER, Routing, stage_address
from tests.protocol.messages import RUN, predict, resume

INPUTS = np.arange(2 * CHUNK + 4, dtype=np.float32).reshape(CHUNK + 2, 2)
INPUTS.flags.writeable = False
SPEC = PredictorSpec(RUN, Routing(2), INPUTS, step=7)
LAST = stage_address(1)


def tell(node: Node, message: Message, sender: Address = LAST, incarnation: int = 1) -> list[Effect]:
    """Give ``node`` a message; return all that it does."""
    node.receive(Envelope(sender, incarnation, 7, message))
    done: list[Effect] = []
    while (effects := node.work()) is not None:
        done += effects
    return done


def asked(effects: list[Effect]) -> list[int]:
    """Return which chunks were sent on their way."""
    sent = [effect.envelope.message for effect in effects if isinstance(effect, Send)]
    return [message.microbatch for message in sent if isinstance(message, Predict)]


def output(chunk: int) -> Predict:
    """Return what a network that negates makes of a chunk."""
    rows: Array = INPUTS[chunk * CHUNK : (chunk + 1) * CHUNK]
    return predict(7, chunk, edge=2, array=-rows)


def test_it_begins_by_sending_samples() -> None:
    assert asked(SPEC.node(None, 1).start()) == [0, 1]


def test_it_commits_all_outputs_in_the_order_of_the_samples_and_finishes() -> None:
    node = SPEC.node(None, 1)
    node.start()
    assert tell(node, output(1)) == []
    commit, finished = tell(node, output(0))
    assert isinstance(commit, Commit)
    assert np.array_equal(commit.snapshot.state, -INPUTS)
    assert (commit.snapshot.address, commit.snapshot.step) == (TRAINER, 7)
    assert finished == Emit(Finished(7))


def test_it_sends_again_what_a_restarted_stage_may_have_lost() -> None:
    node = SPEC.node(None, 1)
    node.start()
    tell(node, output(0))
    assert asked(tell(node, resume(7), stage_address(0), incarnation=2)) == [1]


def test_outputs_that_arrive_after_the_end_change_nothing() -> None:
    node = SPEC.node(None, 1)
    node.start()
    tell(node, output(0))
    tell(node, output(1))
    assert tell(node, output(1)) == []


def test_a_restarted_predictor_begins_with_the_first_sample() -> None:
    node = SPEC.node(None, 2)
    assert asked(node.start()) == [0, 1]
    assert (SPEC.address, SPEC.label) == (TRAINER, "predictor")


def test_it_says_for_what_it_waits_until_all_outputs_are_back() -> None:
    node = SPEC.node(None, 1)
    node.start()
    assert node.waits_for() == "the outputs of a prediction"
    for chunk in range(2):
        tell(node, output(chunk))
    assert node.waits_for() is None
