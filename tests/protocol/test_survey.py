"""A peer takes part in a survey only when it waits, and answers only if nothing was on its way to it."""

from __future__ import annotations

from annex_actors.protocol.effects import Send
from annex_actors.protocol.mailbox import MOST_URGENT
from annex_actors.protocol.messages import Address
from annex_actors.protocol.node import Node
from annex_actors.protocol.routing import TRAINER
from annex_actors.protocol.survey import SURVEYOR, Waiting
from tests.protocol.messages import forward, marker, resume
from tests.protocol.nodes import AFTER, BEFORE, Script, node, sent, tell, work

NEIGHBOURS = (BEFORE, AFTER, TRAINER)
PASSED_ON = [(peer, "Marker 0") for peer in NEIGHBOURS]
ANSWERED = [(SURVEYOR, "Waiting 0")]


def marked(peer: Node, *senders: Address, survey: int = 1) -> list[tuple[Address, str]]:
    """Deliver a marker of each sender; return what the peer sends."""
    for sender in senders:
        tell(peer, marker(survey), sender)
    return sent(work(peer))


def test_a_peer_that_waits_passes_the_marker_on_and_answers_after_those_of_all_neighbours() -> None:
    peer = node(waits_for=lambda: "the cost of step 3")
    assert marked(peer, SURVEYOR) == PASSED_ON
    assert marked(peer, BEFORE, TRAINER) == []
    tell(peer, marker(), AFTER)
    answer = work(peer)[0]
    assert isinstance(answer, Send)
    assert answer.to == SURVEYOR
    assert isinstance(answer.envelope.message, Waiting)
    assert (answer.envelope.message.survey, answer.envelope.message.waits_for) == (1, "the cost of step 3")
    assert work(peer) == []


def test_the_marker_of_a_neighbour_begins_a_survey_as_that_of_the_surveyor_does() -> None:
    assert marked(node(), BEFORE) == PASSED_ON


def test_a_peer_does_all_its_work_before_it_records_that_it_waits() -> None:
    script = Script()
    peer = node(script)
    tell(peer, marker(), SURVEYOR)
    assert peer.urgency() == MOST_URGENT
    tell(peer, forward(0))
    assert peer.urgency() == (1,), "the marker has time"
    effects = work(peer)
    assert script.handled
    assert sent(effects) == PASSED_ON
    assert peer.urgency() is None


def test_a_peer_that_receives_anything_after_it_has_recorded_does_not_answer() -> None:
    for disturbance in (forward(0), resume(0)):
        peer = node()
        marked(peer, SURVEYOR)
        tell(peer, disturbance)
        assert SURVEYOR not in [to for to, _ in marked(peer, *NEIGHBOURS)]


def test_what_arrives_before_a_peer_records_disturbs_nothing() -> None:
    peer = node()
    tell(peer, forward(0))
    work(peer)
    assert marked(peer, SURVEYOR, *NEIGHBOURS) == PASSED_ON + ANSWERED


def test_a_new_survey_replaces_the_one_before_and_an_old_marker_is_ignored() -> None:
    peer = node()
    marked(peer, SURVEYOR, BEFORE, AFTER)
    assert marked(peer, SURVEYOR, survey=2) == PASSED_ON
    assert marked(peer, TRAINER, survey=1) == []
    assert marked(peer, *NEIGHBOURS, survey=2) == ANSWERED


def test_a_peer_that_was_disturbed_answers_in_the_next_survey() -> None:
    peer = node()
    marked(peer, SURVEYOR)
    tell(peer, forward(0))
    assert marked(peer, SURVEYOR, *NEIGHBOURS, survey=2) == PASSED_ON + ANSWERED


def test_a_marker_of_a_dead_incarnation_does_not_count() -> None:
    peer = node()
    tell(peer, resume(0), AFTER, incarnation=2)
    work(peer)
    assert marked(peer, SURVEYOR, *NEIGHBOURS) == PASSED_ON, "its marker says nothing of its successor"


def test_the_behaviour_hears_nothing_of_a_survey() -> None:
    script = Script()
    marked(node(script), SURVEYOR, *NEIGHBOURS)
    assert script.heard == []
    assert script.handled == []
