"""Look at a run between two events: from what its peers hold to what is seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from annex_actors.base.words import counted
from annex_actors.peers.reader import ReaderMailbox
from annex_actors.peers.stage import Stage, StageSpec
from annex_actors.peers.stage_mailbox import StageMailbox
from annex_actors.peers.stage_state import Weights
from annex_actors.peers.stage_work import MicrobatchWork
from annex_actors.peers.trainer import Trainer
from annex_actors.peers.trainer_mailbox import TrainerMailbox
from annex_actors.protocol.effects import Commit, Effect, Emit, Send
from annex_actors.protocol.events import (
    EpochFinished,
    Evaluated,
    Event,
    Finished,
    PeerExited,
    PeerStarted,
    StepFinished,
)
from annex_actors.protocol.messages import WHOLE_STEP, Address, Control, Forward, Message, Predict, WithArray
from annex_actors.protocol.node import Node
from annex_actors.runtimes.program import PeerSpec
from annex_actors.runtimes.stepped import SteppedJob
from annex_actors.stepping import reasons
from annex_actors.stepping.arrays import arrays_in, numbers
from annex_actors.stepping.moves import Deliver, Move, Piece, Work
from annex_actors.stepping.point import (
    Channel,
    Choice,
    Deed,
    Judgement,
    Letter,
    Limits,
    Numbers,
    Outgoing,
    PeerPoint,
    Saved,
    Version,
    Waiting,
)

Legible: TypeAlias = StageMailbox | TrainerMailbox | ReaderMailbox
"""The mailboxes of a training; they show what is in them."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a message in a mailbox.

    Args:
        message: the message.
        why: why it is next, allowed or held back.
        move: takes it; None: it is held back.
        is_next: whether its peer takes it next.
        sender: of a message about commits and restarts; None of others.
    """

    message: Message
    why: str
    move: Work | None = None
    is_next: bool = False
    sender: Address | None = None


@dataclass(frozen=True)
class Look:
    """Looks at a run.

    Args:
        job: the run.
        specs: its peers, in the order in which they are shown.
    """

    job: SteppedJob
    specs: Sequence[PeerSpec]

    def peers(self) -> tuple[PeerPoint, ...]:
        """Return all peers."""
        return tuple(map(self._peer, self.specs))

    def channels(self) -> tuple[Channel, ...]:
        """Return what is on its way."""
        return tuple(
            Channel(
                str(sender),
                str(to),
                tuple((each.incarnation, each.committed, self.letter(to, each.message)) for each in envelopes),
                str(Deliver(sender, to)),
            )
            for (sender, to), envelopes in self.job.channels.items()
        )

    def choices(self) -> Iterator[Choice]:
        """Yield the moves that are possible now: first what the host would do, last what is taken by hand."""
        labels, by_hand = {spec.address: spec.label for spec in self.specs}, []
        for address in self.job.ready:
            for verdict in self.verdicts(self.job.nodes[address]):
                text = f"{labels[address]} handles {_place(verdict.message)}"
                if verdict.is_next:
                    yield Choice(str(verdict.move), text)
                elif verdict.move is not None:
                    by_hand.append(Choice(str(verdict.move), f"{text} first"))
        for (sender, to), envelopes in self.job.channels.items():
            text = f"{_place(envelopes[0].message)} from {sender} arrives at {labels.get(to, str(to))}"
            yield Choice(str(Deliver(sender, to)), text)
        yield from by_hand

    def first(self) -> Move:
        """Return the move that the host makes: work where there is any, else the message that has waited longest."""
        ready = self.job.ready
        return Work(ready[0]) if ready else Deliver(*next(iter(self.job.channels)))

    def verdicts(self, node: Node) -> Iterator[Verdict]:
        """Yield what a peer has received and not handled: what it takes next, and what keeps the rest back."""
        control, mailbox, move = node.control, node.mailbox, Work(node.address)
        assert isinstance(mailbox, Legible)
        for number, (sender, each) in enumerate(control):
            if number:
                yield Verdict(each, reasons.ARRIVED_BEFORE, sender=sender)
            else:
                yield Verdict(each, reasons.CONTROL, move, is_next=True, sender=sender)
        first = None if control else mailbox.peek()
        if first is not None:
            why = reasons.why_next(mailbox, first) if isinstance(mailbox, StageMailbox) else reasons.ARRIVED
            yield Verdict(first, why, move, is_next=True)
        for message in sorted((each for each in mailbox.messages if each is not first), key=_order):
            if isinstance(mailbox, StageMailbox):
                yield self._not_next(node, mailbox, message, first)
            else:
                yield Verdict(message, reasons.ARRIVED_BEFORE if first else f"it comes after {node.waits_for()}")

    def _not_next(self, node: Node, mailbox: StageMailbox, message: Message, first: Message | None) -> Verdict:
        piece, obstacle = Piece.of(message), mailbox.obstacle(message)
        if obstacle is not None:
            return Verdict(message, reasons.why_held(mailbox, message, obstacle))
        if node.control:
            return Verdict(message, reasons.CONTROL)
        if first is None or piece is None or Piece.of(first) is None:
            return Verdict(message, reasons.NO_WORK_FIRST)
        return Verdict(message, reasons.why_allowed(mailbox, first), Work(node.address, piece))

    def _waiting(self, node: Node) -> Iterator[Waiting]:
        for each in self.verdicts(node):
            letter = self.letter(node.address, each.message)
            if each.sender is not None:
                letter = replace(letter, text=f"{letter.text} from {each.sender}")
            verdict: Judgement = "next" if each.is_next else "held" if each.move is None else "allowed"
            yield Waiting(letter, verdict, each.why, None if each.move is None else str(each.move))

    def letter(self, to: Address, message: Message) -> Letter:
        """Return a message as its receiver sees it."""
        node = self.job.nodes.get(to)
        lag = node.mailbox.lag if node is not None and isinstance(node.mailbox, StageMailbox) else None
        version = None
        if isinstance(message, Forward) and lag is not None:
            version = max(0, message.step - lag)
        elif isinstance(message, Predict) and lag is not None:
            version = message.step
        piece = Piece.of(message) if lag is not None else None
        return Letter(
            message.kind,
            message.step,
            None if message.microbatch == WHOLE_STEP else message.microbatch,
            "" if piece is None else str(piece),
            version,
            f"{message.kind} {message.place}" if isinstance(message, Control) else str(message),
            tuple(map(numbers, message.stack)) if isinstance(message, WithArray) else (),
        )

    def deeds(self) -> tuple[Deed, ...]:
        """Return what the last event has carried out."""
        return tuple(map(self._deed, self.job.done))

    def _deed(self, effect: Effect) -> Deed:
        if isinstance(effect, Send):
            letter = self.letter(effect.to, effect.envelope.message)
            return Deed("sent", f"{letter.text} to {effect.to}", letter)
        if isinstance(effect, Commit):
            snapshot = effect.snapshot
            count = len(snapshot.outbox)
            kept = f", with {counted(count, 'message')} not acknowledged" if count else ""
            return Deed("committed", f"{snapshot.address} at step {snapshot.step}{kept}")
        return Deed("said", said(effect.event) if isinstance(effect, Emit) else "")

    def _peer(self, spec: PeerSpec) -> PeerPoint:
        node, behaviour = self.job.nodes[spec.address], self.job.nodes[spec.address].behaviour
        waiting = tuple(self._waiting(node))
        has_work = any(each.verdict == "next" for each in waiting)
        stage = (spec, behaviour) if isinstance(spec, StageSpec) and isinstance(behaviour, Stage) else None
        return PeerPoint(
            address=str(spec.address),
            label=spec.label,
            layer=spec.first_layer if isinstance(spec, StageSpec) else None,
            incarnation=node.incarnation,
            committed=node.committed,
            finished=node.finished,
            waits_for=None if has_work or self.job.is_over else node.waits_for(),
            mailbox=waiting,
            limits=_limits(node.mailbox) if isinstance(node.mailbox, StageMailbox) else None,
            versions=() if stage is None else tuple(_versions(*stage)),
            saved=() if stage is None else tuple(_saved(*stage)),
            outbox=tuple(Outgoing(str(each.to), self.letter(each.to, each.message)) for each in node.retention.posts),
            fed=behaviour.steps.fed if isinstance(behaviour, Trainer) else None,
        )


def said(event: Event) -> str:
    """Return an event as one line."""
    match event:
        case StepFinished():
            return f"step {event.step} has cost {event.cost:.6g}"
        case EpochFinished() | Evaluated():
            metrics = "".join(f", {name} {value:.4f}" for name, value in event.metrics.items())
            cost = event.test_cost if event.validation_cost is None else event.validation_cost
            what = f"epoch {event.epoch}" if isinstance(event, EpochFinished) else f"evaluation at step {event.steps}"
            return f"{what}: evaluated cost {cost:.6g}{metrics}"
        case PeerExited():
            return f"{event.label} has ended: {event.reason}"
        case PeerStarted():
            return f"{event.label} is up, incarnation {event.incarnation}"
        case Finished():
            return f"the run is over after {counted(event.step, 'step')}"
    return type(event).__name__


def _order(message: Message) -> tuple[int, int, str]:
    return message.step, message.microbatch, message.kind


def _place(message: Message) -> str:
    return f"{message.kind} of {message.place}"


def _limits(mailbox: StageMailbox) -> Limits:
    credit, cap = reasons.limits(mailbox, max(mailbox.progress.steps, default=0))
    return Limits(mailbox.in_flight, credit, mailbox.deferred, cap)


def _versions(spec: StageSpec, stage: Stage) -> Iterator[Version]:
    versions = stage.versions
    for number, weights in enumerate(versions.kept, versions.step - len(versions) + 1):
        yield Version(number, tuple(_named(spec, weights)))


def _named(spec: StageSpec, weights: Weights) -> Iterator[Numbers]:
    for index, layer in enumerate(weights, spec.first_layer):
        for name, array in layer.items():
            yield numbers(array, f"{index}.{name}")


def _saved(spec: StageSpec, stage: Stage) -> Iterator[Saved]:
    for step, work in stage.steps.items():
        for microbatch, each in work.microbatches.items():
            version = _version_of(stage, each)
            if each.saved:
                found = _by_layer(spec, enumerate(each.saved))
                yield Saved(step, microbatch, "activations", version, tuple(found))
            if each.factors:
                yield Saved(step, microbatch, "factors", None, tuple(_by_layer(spec, each.factors.items())))


def _version_of(stage: Stage, work: MicrobatchWork) -> int | None:
    versions = stage.versions
    kept = enumerate(versions.kept, versions.step - len(versions) + 1)
    return next((number for number, weights in kept if weights is work.weights), None)


def _by_layer(spec: StageSpec, saved: Iterable[tuple[int, object]]) -> Iterator[Numbers]:
    for offset, value in saved:
        for array in arrays_in(value):
            yield numbers(array, f"layer {spec.first_layer + offset}")
