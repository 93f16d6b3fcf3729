"""A node by itself, in the middle of three stages, with a script for its behaviour; and what it does."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from annex_actors.protocol.effects import Commit, Effect, Request, Send
from annex_actors.protocol.instrument import NO_INSTRUMENT, Instrument
from annex_actors.protocol.mailbox import Urgency
from annex_actors.protocol.messages import Address, Control, Envelope, Message, Post
from annex_actors.protocol.node import Node, every_step, nothing
from annex_actors.protocol.routing import Routing, stage_address
from annex_actors.protocol.snapshot import Snapshot
from tests.protocol.messages import RUN, forward

BEFORE, HERE, AFTER = map(stage_address, range(3))


class Script:
    """A behaviour that does what the test says, and notes what it was told; also a mailbox without any order."""

    def __init__(self) -> None:
        self.requests: deque[list[Request]] = deque()
        self.first: list[Request] = []
        self.handled: list[Message] = []
        self.heard: list[tuple[Address, Control]] = []
        self.commits: list[int] = []
        self.arrived: deque[Message] = deque()

    def start(self) -> Iterable[Request]:
        return self.first

    def handle(self, message: Message) -> Iterable[Request]:
        self.handled.append(message)
        return self.requests.popleft() if self.requests else []

    def on_control(self, peer: Address, control: Control) -> Iterable[Request]:
        self.heard.append((peer, control))
        return []

    @property
    def waiting(self) -> int:
        return len(self.arrived)

    def put(self, message: Message) -> None:
        self.arrived.append(message)

    def next(self) -> Message | None:
        return self.arrived.popleft() if self.arrived else None

    def urgency(self) -> Urgency | None:
        return (1,) if self.arrived else None

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
    waits_for: Callable[[], str | None] = nothing,
) -> Node:
    """Return a node of the run at ``step``."""
    script = script or Script()
    return Node(
        address,
        incarnation,
        run=RUN,
        routing=Routing(stages),
        behaviour=script,
        mailbox=script,
        snapshot=Snapshot(address, step, "state", outbox),
        instrument=instrument,
        is_due=is_due,
        waits_for=waits_for,
    )


def tell(peer: Node, message: Message, sender: Address = BEFORE, incarnation: int = 1, committed: int = 0) -> None:
    peer.receive(Envelope(sender, incarnation, committed, message))


def work(peer: Node) -> list[Effect]:
    """Let ``peer`` do all that it can; return the effects."""
    effects: list[Effect] = []
    while (more := peer.work()) is not None:
        effects += more
    return effects


def having_sent(*posts: Post, script: Script | None = None) -> Node:
    """Return a node whose behaviour has answered its first message with ``posts``."""
    script = script or Script()
    script.requests.append([*posts])
    peer = node(script)
    tell(peer, forward(0))
    work(peer)
    return peer


def sent(effects: list[Effect]) -> list[tuple[Address, str]]:
    """Return to whom what was sent, as kinds and steps."""
    sends = [each for each in effects if isinstance(each, Send)]
    return [(each.to, f"{type(each.envelope.message).__name__} {each.envelope.message.step}") for each in sends]


def post(to: Address, step: int, microbatch: int = 0) -> Post:
    return Post(to, forward(step, microbatch))


def commit(step: int) -> Commit:
    return Commit(Snapshot(HERE, step, "state"))
