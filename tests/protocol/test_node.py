"""What makes a peer reliable, apart from what it does: each message once, each effect in its order, control first."""

from __future__ import annotations

from collections.abc import Sequence

from annex_actors.protocol.effects import Commit, Effect, Emit, Send
from annex_actors.protocol.events import Event
from annex_actors.protocol.instrument import Instrument, Peer, WorkItem
from annex_actors.protocol.mailbox import MOST_URGENT
from annex_actors.protocol.messages import OWNER, Envelope, Post
from annex_actors.protocol.routing import TRAINER
from tests.protocol.messages import forward, halt, predict, resume
from tests.protocol.nodes import AFTER, BEFORE, HERE, Script, commit, node, post, sent, tell, work


def test_every_envelope_carries_sender_incarnation_and_how_far_it_has_committed() -> None:
    for effect in node(incarnation=7, step=4, outbox=(post(AFTER, 3),)).start():
        assert isinstance(effect, Send)
        assert (effect.envelope.sender, effect.envelope.incarnation, effect.envelope.committed) == (
            HERE,
            7,
            4,
        )


def test_a_message_reaches_the_behaviour() -> None:
    script = Script()
    peer = node(script)
    message = forward(0)
    tell(peer, message)
    assert work(peer) == []
    assert script.handled == [message]


def test_messages_of_other_runs_are_dropped() -> None:
    script = Script()
    peer = node(script)
    tell(peer, forward(0, run="another"), committed=9)
    assert work(peer) == []
    assert script.handled == []


def test_effects_come_in_the_order_of_the_wishes() -> None:
    script = Script()
    peer = node(script)
    script.requests.append([post(AFTER, 0), commit(1), Emit(Event()), post(AFTER, 1)])
    tell(peer, forward(0))
    assert [type(each) for each in work(peer)] == [Send, Commit, Emit, Send]


def test_a_post_to_oneself_goes_into_the_mailbox_and_nowhere_else() -> None:
    script = Script()
    peer = node(script)
    script.requests.append([post(HERE, 0)])
    tell(peer, forward(0))
    assert work(peer) == []
    assert len(script.handled) == 2
    tell(peer, resume(0), sender=BEFORE, incarnation=2)
    assert sent(work(peer)) == [(BEFORE, "Committed 0")]


def test_control_goes_before_data() -> None:
    script = Script()
    peer = node(script)
    tell(peer, forward(0))
    tell(peer, resume(0), sender=AFTER)
    assert sent(peer.work() or []) == [(AFTER, "Committed 0")]
    assert script.handled == []


def test_the_owner_of_the_run_may_tell_a_peer_to_halt() -> None:
    script = Script()
    peer = node(script, TRAINER)
    message = halt()
    tell(peer, message, sender=OWNER)
    assert work(peer) == []
    assert script.heard == [(OWNER, message)]


def test_predictions_are_sent_and_not_kept() -> None:
    script = Script()
    peer = node(script)
    script.requests.append([Post(AFTER, predict(edge=2)), commit(1)])
    tell(peer, forward(0))
    effects = work(peer)
    assert (AFTER, "Predict 0") in sent(effects)
    assert next(each.snapshot for each in effects if isinstance(each, Commit)).outbox == ()


def test_a_peer_without_anything_to_do_says_so() -> None:
    assert node().work() is None


def test_what_a_peer_needs_to_know_comes_before_its_work() -> None:
    subject = node()
    assert subject.urgency() is None
    subject.receive(Envelope(BEFORE, 1, 0, forward(of=1)))
    assert subject.urgency() == (1,)
    subject.receive(Envelope(BEFORE, 1, 0, resume(0)))
    assert subject.urgency() == MOST_URGENT


class Log(Instrument):
    """Records what it sees of a peer."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def received(self, peer: Peer, envelope: Envelope) -> None:
        self.seen.append(f"{peer.address}#{peer.incarnation} received {envelope}")

    def before(self, peer: Peer, item: WorkItem | None) -> None:
        self.seen.append(f"before {item[1] if isinstance(item, tuple) else item}")

    def after(self, peer: Peer, item: WorkItem | None, effects: Sequence[Effect]) -> None:
        self.seen.append(f"after {item[1] if isinstance(item, tuple) else item}: {len(effects)} effects")


def test_an_instrument_sees_the_start_what_arrives_and_each_piece_of_work_until_it_is_carried_out() -> None:
    log, script = Log(), Script()
    script.requests.append([post(AFTER, 0)])
    peer = node(script, instrument=log)
    peer.carried_out(peer.start())
    message, stale = forward(0), forward(0, run="another")
    tell(peer, message)
    tell(peer, stale)
    tell(peer, resume(0), sender=AFTER)
    while (effects := peer.work()) is not None:
        peer.carried_out(effects)
    assert log.seen == [
        "before None",
        "after None: 3 effects",
        f"stage-1#1 received stage-0#1: {message}",
        f"stage-1#1 received stage-0#1: {stale}",
        "stage-1#1 received stage-2#1: resume step 0 edge -1",
        "before resume step 0 edge -1",
        "after resume step 0 edge -1: 1 effects",
        f"before {message}",
        f"after {message}: 1 effects",
    ]
