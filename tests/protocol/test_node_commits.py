"""When a peer commits, what its commit holds, and which peers learn of it."""

from __future__ import annotations

import pytest

from annex_actors.protocol.effects import Commit, Send
from annex_actors.protocol.messages import Address
from annex_actors.protocol.node import Node
from annex_actors.protocol.routing import TRAINER
from annex_actors.protocol.snapshot import Snapshot
from tests.protocol.messages import awaiting, backward, forward
from tests.protocol.nodes import AFTER, BEFORE, HERE, Script, commit, having_sent, node, post, sent, tell, work


def test_a_commit_holds_the_outbox_of_its_steps_and_no_more() -> None:
    script = Script()
    peer = node(script)
    script.requests.append([post(BEFORE, 0), post(AFTER, 0), post(AFTER, 1), commit(1)])
    tell(peer, forward(0))
    snapshot = next(each.snapshot for each in work(peer) if isinstance(each, Commit))
    assert [(each.to, each.message.step) for each in snapshot.outbox] == [(BEFORE, 0), (AFTER, 0)]
    assert (snapshot.step, snapshot.state) == (1, "state")


def test_a_commit_leaves_out_of_the_outbox_what_was_acknowledged() -> None:
    script = Script()
    peer = having_sent(post(BEFORE, 0), post(AFTER, 0), script=script)
    tell(peer, backward(1), sender=AFTER, committed=1)
    script.requests.append([commit(1)])
    snapshot = next(each.snapshot for each in work(peer) if isinstance(each, Commit))
    assert [each.to for each in snapshot.outbox] == [BEFORE]


def test_the_mailbox_learns_of_a_commit_and_later_envelopes_carry_it() -> None:
    script = Script()
    peer = node(script)
    script.requests.append([post(AFTER, 0), commit(1), post(AFTER, 1)])
    tell(peer, forward(0))
    sends = [each for each in work(peer) if isinstance(each, Send)]
    assert script.commits == [1]
    assert [each.envelope.committed for each in sends] == [0, 1]
    assert peer.committed == 1


@pytest.mark.parametrize(
    ("address", "acknowledged"),
    [(BEFORE, [TRAINER]), (HERE, []), (AFTER, []), (TRAINER, [])],
)
def test_only_who_gets_no_data_from_a_peer_is_told_of_its_commits_by_a_message(
    address: Address, acknowledged: list[Address]
) -> None:
    script = Script()
    peer = node(script, address)
    script.requests.append([Commit(Snapshot(address, 1, "state"))])
    tell(peer, forward(0), sender=BEFORE)
    assert sent(work(peer)) == [(peer, "Committed 1") for peer in acknowledged]


def test_who_awaits_a_step_that_is_committed_is_told_at_once() -> None:
    peer = node(step=3)
    tell(peer, awaiting(2), sender=TRAINER)
    assert sent(work(peer)) == [(TRAINER, "Committed 3")]


def test_who_awaits_a_step_is_told_once_it_is_committed_and_only_once() -> None:
    script = Script()
    peer = node(script)
    tell(peer, awaiting(2), sender=TRAINER)
    assert sent(work(peer)) == []
    for step in (1, 2, 3):
        script.requests.append([commit(step)])
        tell(peer, forward(step - 1))
        assert sent(work(peer)) == ([(TRAINER, "Committed 2")] if step == 2 else [])


def committing_at_even_steps(step: int) -> tuple[Node, Script]:
    """Return a peer that requests to commit a step at its first message, and whose commits are due at even steps."""
    script = Script()
    script.requests.append([commit(step)])
    return node(script, is_due=lambda step: step % 2 == 0), script


def test_a_commit_that_is_not_due_is_not_made_and_nobody_forgets_anything() -> None:
    peer, script = committing_at_even_steps(3)
    tell(peer, forward(2))
    assert work(peer) == []
    assert script.commits == [3], "what the mailbox allows depends on the work that is done"
    assert peer.committed == 0


def test_who_awaits_a_step_whose_commit_was_not_due_makes_it_due() -> None:
    peer, _ = committing_at_even_steps(3)
    tell(peer, forward(2))
    work(peer)
    tell(peer, awaiting(3), sender=TRAINER)
    effects = work(peer)
    assert [each.snapshot.step for each in effects if isinstance(each, Commit)] == [3]
    assert (TRAINER, "Committed 3") in sent(effects)
    assert peer.committed == 3


def test_who_awaits_a_step_before_it_is_done_makes_its_commit_due() -> None:
    peer, _ = committing_at_even_steps(3)
    tell(peer, awaiting(3), sender=TRAINER)
    assert work(peer) == []
    tell(peer, forward(2))
    effects = work(peer)
    assert [each.snapshot.step for each in effects if isinstance(each, Commit)] == [3]
    assert (TRAINER, "Committed 3") in sent(effects)
