"""Why a stage takes a message next, and why not another one: the rules of its mailbox, with the numbers of now."""

from __future__ import annotations

from annex_actors.base.words import counted
from annex_actors.peers.obstacle import Obstacle
from annex_actors.peers.stage_mailbox import StageMailbox
from annex_actors.peers.stage_progress import Place
from annex_actors.protocol.messages import Backward, Forward, Message, WeightGradient
from annex_actors.stepping.moves import Piece

CONTROL = "what is about commits and restarts comes before all else"
ARRIVED = "it is handled as it arrives"
ARRIVED_BEFORE = "what arrived before it comes first"
NO_WORK_FIRST = "what is no work comes before all work"


def why_next(mailbox: StageMailbox, message: Message) -> str:
    """Return why a stage takes this message next."""
    piece, row = Piece.of(message), mailbox.discipline
    if piece is None:
        return NO_WORK_FIRST
    if piece.letter == "P":
        return "a prediction needs no credit, and goes before the forwards"
    if row.order is not None:
        return f"{row.name} has an order of all work of a worker, and this is first in it"
    ranks = ", ".join(each.value for each in row.priority)
    return f"{row.name} ranks {ranks}: {piece.letter} is the first that is allowed"


def why_allowed(mailbox: StageMailbox, first: Message) -> str:
    """Return why a stage takes another message before this one, though it could take this one."""
    return f"allowed; {mailbox.discipline.name} takes {Piece.of(first) or first.kind} first"


def why_held(mailbox: StageMailbox, message: Message, obstacle: Obstacle) -> str:
    """Return what keeps a message back."""
    progress = mailbox.progress
    match obstacle:
        case Obstacle.TURN:
            return _turn(mailbox, message)
        case Obstacle.REPEAT:
            return "it answers a forward of the last incarnation, which this one has to do again first"
        case Obstacle.VERSION:
            needed = max(0, message.step - (mailbox.lag if isinstance(message, Forward) else 0))
            return f"it meets version {needed} of the weights, and {progress.committed} is the newest here"
        case Obstacle.CREDIT:
            credit = limits(mailbox, message.step)[0]
            return f"no credit: {len(progress.in_flight)} of {credit} in flight"
        case Obstacle.CAP:
            cap = limits(mailbox, message.step)[1]
            return f"the cap is reached: W of {progress.deferred} of {cap} is deferred"
        case Obstacle.GATE:
            step = progress.steps[message.step]
            done = f"F {step.forwards}, B {step.backwards}, W {step.weight_gradients}"
            name, own = mailbox.discipline.name, counted(step.own, "microbatch")
            return f"{name} keeps its gate shut: of {own} {done} are done"
        case Obstacle.TARGET:
            return "its target is not here"
        case Obstacle.STEP:
            return f"step {message.step} is not the next one to commit here"
    return f"the weight gradients of step {message.step} are not complete here"


def limits(mailbox: StageMailbox, step: int) -> tuple[int | None, int | None]:
    """Return credit and cap of a step; None where the size of the step is not known, or there is no cap."""
    known, row = mailbox.progress.steps.get(step), mailbox.discipline
    if known is None:
        return None, None
    place = mailbox.stage, mailbox.stages, known.own
    return row.credit(*place), None if row.cap is None else row.cap(*place)


def _turn(mailbox: StageMailbox, message: Message) -> str:
    progress = mailbox.progress
    match message:
        case Forward():
            return f"forwards go in the order of the microbatches: {_text('F', progress.next_forward)} comes first"
        case Backward():
            return f"gradients go in the order of the forwards: {_text('B', progress.in_flight[0])} comes first"
        case WeightGradient():
            return "weight gradients go in the order of the microbatches"
    return ARRIVED_BEFORE


def _text(letter: str, place: Place) -> str:
    return str(Piece(letter, *place))
