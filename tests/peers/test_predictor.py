"""The predictor: it is asked, sends samples through the stages, and answers with their outputs."""

from __future__ import annotations

import numpy as np
import pytest

from annex_actors.base.types import Array
from annex_actors.peers.prediction_feed import CHUNK
from annex_actors.peers.predictor import Predictor, PredictorSpec
from annex_actors.protocol.effects import Effect, Emit, Send
from annex_actors.protocol.events import Finished
from annex_actors.protocol.messages import OWNER, Address, Answer, Ask, Envelope, Message, Predict, freeze
from annex_actors.protocol.node import Node
from annex_actors.protocol.routing import TRAINER, Routing, stage_address
from tests.protocol.messages import RUN, forward, halt, predict, resume

INPUTS = freeze(np.arange(2 * CHUNK + 4, dtype=np.float32).reshape(CHUNK + 2, 2))
SPEC = PredictorSpec(RUN, Routing(2), step=7)
LAST = stage_address(1)


def predictor(incarnation: int = 1) -> Node:
    """Return a predictor that has started."""
    node = SPEC.node(None, incarnation)
    node.start()
    return node


def tell(node: Node, message: Message, sender: Address = LAST, incarnation: int = 1) -> list[Effect]:
    """Give ``node`` a message; return all that it does."""
    node.receive(Envelope(sender, incarnation, 7, message))
    done: list[Effect] = []
    while (effects := node.work()) is not None:
        done += effects
    return done


def ask(node: Node, first: int = 0, inputs: Array = INPUTS) -> list[Effect]:
    """Ask about ``inputs``, whose first chunk has the number ``first``."""
    return tell(node, SPEC.ask(inputs, first), OWNER)


def sent(effects: list[Effect]) -> list[int]:
    """Return the numbers of the chunks that were sent on their way."""
    messages = [effect.envelope.message for effect in effects if isinstance(effect, Send)]
    return [message.microbatch for message in messages if isinstance(message, Predict)]


def answers(effects: list[Effect]) -> dict[int, Array]:
    """Return the answers to the owner, by number."""
    found = [effect.envelope.message for effect in effects if isinstance(effect, Send) and effect.to == OWNER]
    return {each.microbatch: each.array for each in found if isinstance(each, Answer)}


def output(number: int, first: int = 0) -> Predict:
    """Return what a network that negates makes of a chunk."""
    at = (number - first) * CHUNK
    return predict(7, number, edge=2, array=-INPUTS[at : at + CHUNK])


def test_it_waits_to_be_asked_and_then_sends_samples() -> None:
    node = predictor()
    assert node.work() is None
    assert sent(ask(node)) == [0, 1]


def test_it_answers_with_all_outputs_in_the_order_of_the_samples() -> None:
    node = predictor()
    ask(node)
    assert tell(node, output(1)) == []
    effects = tell(node, output(0))
    assert np.array_equal(answers(effects)[0], -INPUTS)
    assert not answers(effects)[0].flags.writeable
    assert len(effects) == 1


def test_questions_that_are_open_at_once_have_chunks_of_their_own() -> None:
    node = predictor()
    assert sent(ask(node, 0) + ask(node, 2)) == [0, 1, 2, 3]
    effects = [effect for number in (3, 0, 2) for effect in tell(node, output(number, number // 2 * 2))]
    assert list(answers(effects)) == [2]
    assert list(answers(tell(node, output(1)))) == [0]


def test_a_question_that_is_asked_again_while_it_is_open_is_not_begun_again() -> None:
    node = predictor()
    ask(node)
    assert ask(node) == []


def test_it_sends_again_what_a_restarted_stage_may_have_lost_of_every_open_question() -> None:
    node = predictor()
    ask(node, 0)
    ask(node, 2)
    tell(node, output(0))
    assert sent(tell(node, resume(7), stage_address(0), incarnation=2)) == [1, 2, 3]


def test_outputs_that_arrive_after_the_answer_or_before_the_question_change_nothing() -> None:
    node = predictor()
    assert tell(node, output(0)) == []
    ask(node)
    tell(node, output(0))
    assert list(answers(tell(node, output(1)))) == [0]
    assert tell(node, output(1)) == []


def test_a_restarted_predictor_takes_outputs_of_what_the_one_before_it_sent() -> None:
    node = predictor(incarnation=2)
    assert sent(ask(node)) == [0, 1]
    tell(node, output(0))
    assert np.array_equal(answers(tell(node, output(1)))[0], -INPUTS)
    assert (SPEC.address, SPEC.label) == (TRAINER, "predictor")


def test_it_halts_at_once_where_nothing_is_open() -> None:
    assert tell(predictor(), halt(), OWNER) == [Emit(Finished(7))]


def test_it_halts_after_the_last_answer_and_begins_nothing_any_more() -> None:
    node = predictor()
    ask(node)
    assert tell(node, halt(), OWNER) == []
    assert ask(node, 2) == []
    tell(node, output(0))
    effects = tell(node, output(1))
    assert list(answers(effects)) == [0]
    assert effects[-1] == Emit(Finished(7))


def test_a_message_that_is_not_for_a_predictor_is_refused() -> None:
    with pytest.raises(TypeError, match="expected a predictor's message, got forward"):
        Predictor(SPEC).handle(forward(0, 0))


def test_a_question_names_its_place_and_its_samples() -> None:
    question = SPEC.ask(INPUTS, 5)
    assert isinstance(question, Ask)
    assert str(question) == "ask step 7 microbatch 5 edge 0 (258, 2) float32 2,064 bytes"


def test_it_says_for_what_it_waits_as_long_as_a_question_is_open() -> None:
    node = predictor()
    assert node.waits_for() is None
    ask(node)
    tell(node, output(0))
    assert node.waits_for() == "the outputs of a prediction"
    tell(node, output(1))
    assert node.waits_for() is None
