"""What a restarted peer asks for, what its neighbours send it again, and what they drop of the one before."""

from __future__ import annotations

import pytest

from annex_actors.base.errors import LostCommitError
from annex_actors.protocol.effects import Emit
from annex_actors.protocol.events import Event
from annex_actors.protocol.messages import Resume
from annex_actors.protocol.routing import TRAINER
from tests.protocol.messages import backward, committed, forward, resume
from tests.protocol.nodes import AFTER, BEFORE, HERE, Script, having_sent, node, post, sent, tell, work


def test_a_started_stage_asks_its_neighbours_and_the_trainer_for_what_it_has_not_committed() -> None:
    assert sent(node(step=4).start()) == [
        (BEFORE, "Resume 4"),
        (AFTER, "Resume 4"),
        (TRAINER, "Resume 4"),
    ]


def test_a_started_trainer_asks_every_stage() -> None:
    effects = node(address=TRAINER, step=4).start()
    assert sent(effects) == [
        (BEFORE, "Resume 4"),
        (HERE, "Resume 4"),
        (AFTER, "Resume 4"),
    ]


def test_a_started_peer_sends_its_outbox_again_before_what_its_behaviour_does_first() -> None:
    script = Script()
    script.first = [Emit(Event())]
    peer = node(script, step=2, outbox=(post(AFTER, 0), post(AFTER, 1)))
    effects = peer.start()
    assert sent(effects)[3:] == [(AFTER, "Forward 0"), (AFTER, "Forward 1")]
    assert isinstance(effects[-1], Emit)


def test_messages_of_a_dead_incarnation_are_dropped() -> None:
    script = Script()
    peer = node(script)
    tell(peer, resume(0), incarnation=2)
    tell(peer, forward(0), incarnation=1)
    work(peer)
    assert script.handled == []


def test_another_peers_incarnation_fences_nobody() -> None:
    script = Script()
    peer = node(script)
    tell(peer, resume(0), sender=AFTER, incarnation=5)
    tell(peer, forward(0), sender=BEFORE, incarnation=1)
    work(peer)
    assert len(script.handled) == 1


def test_a_dead_incarnation_cannot_make_others_forget_what_its_successor_needs() -> None:
    peer = having_sent(post(AFTER, 0))
    tell(peer, resume(0), sender=AFTER, incarnation=2)
    tell(peer, committed(1), sender=AFTER, incarnation=1, committed=1)
    tell(peer, resume(0), sender=AFTER, incarnation=3)
    assert sent(work(peer)).count((AFTER, "Forward 0")) == 2


def test_who_resumes_hears_how_far_this_peer_is_and_gets_again_what_it_has_not_committed() -> None:
    script = Script()
    peer = having_sent(post(AFTER, 0), post(AFTER, 1), post(BEFORE, 1), script=script)
    tell(peer, resume(1), sender=AFTER, incarnation=2)
    assert sent(work(peer)) == [(AFTER, "Committed 0"), (AFTER, "Forward 1")]
    assert [(address, type(control)) for address, control in script.heard] == [(AFTER, Resume)]


def test_a_message_is_kept_until_its_receiver_has_committed_its_step() -> None:
    peer = having_sent(post(AFTER, 0), post(AFTER, 1))
    tell(peer, committed(1), sender=AFTER, committed=1)
    work(peer)
    tell(peer, resume(1), sender=AFTER, incarnation=2)
    assert sent(work(peer)) == [(AFTER, "Committed 0"), (AFTER, "Forward 1")]


def test_a_commit_rides_on_every_envelope() -> None:
    peer = having_sent(post(AFTER, 0))
    tell(peer, backward(1), sender=AFTER, committed=1)
    tell(peer, resume(1), sender=AFTER, incarnation=2)
    assert sent(work(peer)) == [(AFTER, "Committed 0")]


def test_a_peer_that_resumes_before_what_it_had_committed_has_lost_its_commits() -> None:
    peer = having_sent(post(AFTER, 0))
    tell(peer, committed(1), sender=AFTER, committed=1)
    with pytest.raises(LostCommitError, match="had committed step 1, and is restarted at step 0: all copies"):
        tell(peer, resume(0), sender=AFTER, incarnation=2)


def test_a_chain_of_one_stage_has_the_trainer_for_its_only_neighbour() -> None:
    assert sent(node(address=BEFORE, stages=1).start()) == [(TRAINER, "Resume 0")]
