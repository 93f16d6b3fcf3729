"""What makes a peer reliable, apart from what it does: fencing, retention, resumption, acknowledgement."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pytest

from annex_actors.protocol.effects import Commit, Effect, Emit, Request, Send
from annex_actors.protocol.events import Event
from annex_actors.protocol.instrument import NO_INSTRUMENT, Instrument, Peer, WorkItem
from annex_actors.protocol.mailbox import MOST_URGENT, Urgency
from annex_actors.protocol.messages import (
    OWNER,
    WHOLE_STEP,
    Address,
    Await,
    Backward,
    Committed,
    Control,
    Envelope,
    Forward,
    Halt,
    Message,
    Part,
    Post,
    Predict,
    Resume,
)
from annex_actors.protocol.node import Node, every_step
from annex_actors.protocol.routing import TRAINER, Routing, stage_address
from annex_actors.protocol.snapshot import Snapshot

ARRAY = np.ones((1, 1), np.float32)


BEFORE, HERE, AFTER = map(stage_address, range(3))


class Script:
    """A behaviour that does what the test says, and records what it receives; also a mailbox without any order."""

    def __init__(self) -> None:
        self.requests: deque[list[Request]] = deque()
        self.first: list[Request] = []
        self.handled: list[Message] = []
        self.controls: list[tuple[Address, Control]] = []
        self.commits: list[int] = []
        self.waiting: deque[Message] = deque()

    def start(self) -> Iterable[Request]:
        return self.first

    def handle(self, message: Message) -> Iterable[Request]:
        self.handled.append(message)
        return self.requests.popleft() if self.requests else []

    def on_control(self, peer: Address, control: Control) -> Iterable[Request]:
        self.controls.append((peer, control))
        return []

    def put(self, message: Message) -> None:
        self.waiting.append(message)

    def next(self) -> Message | None:
        return self.waiting.popleft() if self.waiting else None

    def urgency(self) -> Urgency | None:
        return (1,) if self.waiting else None

    def commit(self, step: int) -> None:
        self.commits.append(step)


def node(
    script: Script | None = None,
    address: Address = HERE,
    incarnation: int = 1,
    *,
    stages: int = 3,
    step: int = 0,
    outbox: tuple[Post, ...] = (),
    instrument: Instrument = NO_INSTRUMENT,
    is_due: Callable[[int], bool] = every_step,
) -> Node:
    """Return a node of the run ``r`` at ``step``."""
    script = script or Script()
    return Node(
        address,
        incarnation,
        run="r",
        routing=Routing(stages),
        behaviour=script,
        mailbox=script,
        snapshot=Snapshot(address, step, "state", outbox),
        instrument=instrument,
        is_due=is_due,
    )


def forward(step: int, microbatch: int = 0, run: str = "r") -> Forward:
    return Forward(run, step, microbatch, 1, ARRAY, Part(2, 2))


def committed(step: int) -> Committed:
    return Committed("r", step, WHOLE_STEP, WHOLE_STEP)


def resume(step: int) -> Resume:
    return Resume("r", step, WHOLE_STEP, WHOLE_STEP)


def awaiting(step: int) -> Await:
    return Await("r", step, WHOLE_STEP, WHOLE_STEP)


def tell(peer: Node, message: Message, sender: Address = BEFORE, incarnation: int = 1, committed: int = 0) -> None:
    peer.receive(Envelope(sender, incarnation, committed, message))


def work(peer: Node) -> list[Effect]:
    """Let ``peer`` do all its work; return the effects."""
    effects: list[Effect] = []
    while (more := peer.work()) is not None:
        effects += more
    return effects


def sent(effects: list[Effect]) -> list[tuple[Address, str]]:
    """Return the receiver of each message that was sent, with its kind and step."""
    sends = [each for each in effects if isinstance(each, Send)]
    return [(each.to, f"{type(each.envelope.message).__name__} {each.envelope.message.step}") for each in sends]


def post(to: Address, step: int, microbatch: int = 0) -> Post:
    return Post(to, forward(step, microbatch))


def commit(step: int) -> Commit:
    return Commit(Snapshot(HERE, step, "state"))


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


def test_messages_of_a_dead_incarnation_are_dropped() -> None:
    script = Script()
    peer = node(script)
    tell(peer, resume(0), incarnation=2)
    tell(peer, forward(0), incarnation=1)
    work(peer)
    assert script.handled == []


def test_the_incarnation_of_one_peer_fences_no_other() -> None:
    script = Script()
    peer = node(script)
    tell(peer, resume(0), sender=AFTER, incarnation=5)
    tell(peer, forward(0), sender=BEFORE, incarnation=1)
    work(peer)
    assert len(script.handled) == 1


def test_a_dead_incarnation_cannot_make_others_drop_what_its_successor_needs() -> None:
    script = Script()
    peer = node(script)
    script.requests.append([post(AFTER, 0)])
    tell(peer, forward(0))
    work(peer)
    tell(peer, resume(0), sender=AFTER, incarnation=2)
    tell(peer, committed(1), sender=AFTER, incarnation=1, committed=1)
    tell(peer, resume(0), sender=AFTER, incarnation=3)
    assert sent(work(peer)).count((AFTER, "Forward 0")) == 2


def test_a_peer_that_resumes_learns_how_far_this_one_has_committed_and_gets_again_what_it_has_not() -> None:
    script = Script()
    peer = node(script)
    script.requests.append([post(AFTER, 0), post(AFTER, 1), post(BEFORE, 1)])
    tell(peer, forward(0))
    work(peer)
    tell(peer, resume(1), sender=AFTER, incarnation=2)
    assert sent(work(peer)) == [(AFTER, "Committed 0"), (AFTER, "Forward 1")]
    assert [(address, type(control)) for address, control in script.controls] == [(AFTER, Resume)]


def test_a_message_is_kept_until_its_receiver_has_committed_its_step() -> None:
    script = Script()
    peer = node(script)
    script.requests.append([post(AFTER, 0), post(AFTER, 1)])
    tell(peer, forward(0))
    work(peer)
    tell(peer, committed(1), sender=AFTER, committed=1)
    work(peer)
    tell(peer, resume(0), sender=AFTER, incarnation=2)
    assert sent(work(peer)) == [(AFTER, "Committed 0"), (AFTER, "Forward 1")]


def test_every_envelope_acknowledges_the_last_commit() -> None:
    script = Script()
    peer = node(script)
    script.requests.append([post(AFTER, 0)])
    tell(peer, forward(0))
    work(peer)
    tell(peer, Backward("r", 1, 0, 2, ARRAY), sender=AFTER, committed=1)
    tell(peer, resume(0), sender=AFTER, incarnation=2)
    assert sent(work(peer)) == [(AFTER, "Committed 0")]


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
    peer = node(script)
    script.requests.append([post(BEFORE, 0), post(AFTER, 0)])
    tell(peer, forward(0))
    work(peer)
    tell(peer, Backward("r", 1, 0, 2, ARRAY), sender=AFTER, committed=1)
    script.requests.append([commit(1)])
    snapshot = next(each.snapshot for each in work(peer) if isinstance(each, Commit))
    assert [each.to for each in snapshot.outbox] == [BEFORE]


def test_a_commit_reaches_the_mailbox_and_later_envelopes() -> None:
    script = Script()
    peer = node(script)
    script.requests.append([post(AFTER, 0), commit(1), post(AFTER, 1)])
    tell(peer, forward(0))
    sends = [each for each in work(peer) if isinstance(each, Send)]
    assert script.commits == [1]
    assert [each.envelope.committed for each in sends] == [0, 1]
    assert peer.committed == 1


def test_effects_keep_the_order_of_the_requests() -> None:
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


@pytest.mark.parametrize(
    ("address", "acknowledged"),
    [(BEFORE, [TRAINER]), (HERE, []), (AFTER, []), (TRAINER, [])],
)
def test_only_peers_that_get_no_data_are_sent_a_message_for_each_commit(
    address: Address, acknowledged: list[Address]
) -> None:
    script = Script()
    peer = node(script, address)
    script.requests.append([Commit(Snapshot(address, 1, "state"))])
    tell(peer, forward(0), sender=BEFORE)
    assert sent(work(peer)) == [(peer, "Committed 1") for peer in acknowledged]


def test_a_peer_that_awaits_a_committed_step_is_answered_at_once() -> None:
    peer = node(step=3)
    tell(peer, awaiting(2), sender=TRAINER)
    assert sent(work(peer)) == [(TRAINER, "Committed 3")]


def test_a_peer_that_awaits_a_step_is_answered_once_when_it_is_committed() -> None:
    script = Script()
    peer = node(script)
    tell(peer, awaiting(2), sender=TRAINER)
    assert sent(work(peer)) == []
    for step in (1, 2, 3):
        script.requests.append([commit(step)])
        tell(peer, forward(step - 1))
        assert sent(work(peer)) == ([(TRAINER, "Committed 2")] if step == 2 else [])


def committing_at_even_steps(step: int) -> tuple[Node, Script]:
    """Return a peer that requests to commit a step at its first message; its commits are due at even steps."""
    script = Script()
    script.requests.append([commit(step)])
    return node(script, is_due=lambda step: step % 2 == 0), script


def test_a_commit_that_is_not_due_is_not_made_and_nothing_is_dropped() -> None:
    peer, script = committing_at_even_steps(3)
    tell(peer, forward(2))
    assert work(peer) == []
    assert script.commits == [3], "what the mailbox allows depends on the work that is done"
    assert peer.committed == 0


def test_awaiting_a_step_whose_commit_was_not_due_makes_it_due() -> None:
    peer, _ = committing_at_even_steps(3)
    tell(peer, forward(2))
    work(peer)
    tell(peer, awaiting(3), sender=TRAINER)
    effects = work(peer)
    assert [each.snapshot.step for each in effects if isinstance(each, Commit)] == [3]
    assert (TRAINER, "Committed 3") in sent(effects)
    assert peer.committed == 3


def test_awaiting_a_step_before_it_is_done_makes_its_commit_due() -> None:
    peer, _ = committing_at_even_steps(3)
    tell(peer, awaiting(3), sender=TRAINER)
    assert work(peer) == []
    tell(peer, forward(2))
    effects = work(peer)
    assert [each.snapshot.step for each in effects if isinstance(each, Commit)] == [3]
    assert (TRAINER, "Committed 3") in sent(effects)


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
    halt = Halt("r", 0, WHOLE_STEP, WHOLE_STEP)
    tell(peer, halt, sender=OWNER)
    assert work(peer) == []
    assert script.controls == [(OWNER, halt)]


def test_predictions_are_sent_and_not_kept() -> None:
    script = Script()
    peer = node(script)
    script.requests.append([Post(AFTER, Predict("r", 0, 0, 2, ARRAY)), commit(1)])
    tell(peer, forward(0))
    effects = work(peer)
    assert (AFTER, "Predict 0") in sent(effects)
    assert next(each.snapshot for each in effects if isinstance(each, Commit)).outbox == ()


def test_a_peer_without_anything_to_do_says_so() -> None:
    assert node().work() is None


def test_a_chain_of_one_stage_has_the_trainer_for_its_only_neighbour() -> None:
    assert sent(node(address=BEFORE, stages=1).start()) == [(TRAINER, "Resume 0")]


def test_control_messages_are_more_urgent_than_work() -> None:
    subject = node()
    assert subject.urgency() is None
    subject.receive(Envelope(BEFORE, 1, 0, Forward("r", 0, 0, 1, ARRAY, Part(1, 1))))
    assert subject.urgency() == (1,)
    subject.receive(Envelope(BEFORE, 1, 0, Resume("r", 0, WHOLE_STEP, WHOLE_STEP)))
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
