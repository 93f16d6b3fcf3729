"""The mailbox of a stage: it holds what has arrived, and yields the next message that the discipline allows.

Messages may arrive twice and in any order. Every kind of work is done strictly in the order of (step, microbatch), so
that what a stage computes never depends on timing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from annex_actors.peers.norm_mailbox import NormMailbox
from annex_actors.peers.obstacle import Obstacle
from annex_actors.peers.stage_progress import Place, StageProgress, StepProgress
from annex_actors.protocol.mailbox import MOST_URGENT, Urgency
from annex_actors.protocol.messages import Address, Backward, Forward, Message, Predict, Target, WeightGradient
from annex_actors.protocol.norms import GlobalNorm, SquaredNorm
from annex_actors.protocol.replicas import Rows, Share
from annex_actors.protocol.routing import Routing, replica_of
from annex_actors.schedules.discipline import Discipline, Progress, Work

_WORK: dict[type[Message], Work] = {
    Predict: Work.FORWARD,
    Forward: Work.FORWARD,
    Backward: Work.BACKWARD,
    WeightGradient: Work.WEIGHT_GRADIENT,
}


class StageMailbox:
    """The mailbox of one stage.

    ``progress`` says how far the stage has got, ``lag`` by how many steps its weights lag.

    Args:
        discipline: the schedule.
        address: of the stage, or of a replica of it, which follows the discipline in its own share of the microbatches.
        routing: the chain that the stage is part of.
        needs_targets: whether a forward waits for its target, as at the last stage.
        committed: every step below this one is committed.
        rows: see `NormMailbox`.
    """

    def __init__(
        self,
        discipline: Discipline,
        address: Address,
        routing: Routing,
        *,
        needs_targets: bool = False,
        committed: int = 0,
        rows: Sequence[tuple[type[Rows], int]] = (),
    ) -> None:
        self.discipline = discipline
        self.stage = stage = routing.edges(address).inputs
        self.stages = routing.stages
        self._needs_targets = needs_targets
        self.lag = discipline.lag(stage, routing.stages)
        self.progress = StageProgress(address, routing, committed)
        self._norms = NormMailbox(stage > 0 and replica_of(address) == 0, committed, rows)
        self._forwards: dict[Place, Forward] = {}
        self._backwards: dict[Place, Backward] = {}
        self._weight_gradients: deque[WeightGradient] = deque()
        self._predictions: dict[Place, Predict] = {}
        # A place has either a target, if its microbatch belongs here, or what another replica has made of it.
        self._seen: set[Place] = set()
        self._arrived: deque[Target | Share] = deque()
        self._early: list[Share] = []  # of steps after the next one to commit: W is done step by step
        self._finders = tuple(_FINDERS[work] for work in discipline.priority)
        self._ranks = {kind: discipline.priority.index(work) for kind, work in _WORK.items()}
        self._found: Message | None = None  # what `urgency` found, until something changes: `next` need not look again

    @property
    def in_flight(self) -> int:
        """The number of microbatches, of any step, whose F is done and whose B is not."""
        return len(self.progress.in_flight)

    @property
    def deferred(self) -> int:
        """The number of microbatches, of any step, whose F is done and whose W is not."""
        return self.progress.deferred

    @property
    def waiting(self) -> int:
        """The number of messages that are here and not handled."""
        work = len(self._forwards) + len(self._backwards) + len(self._weight_gradients)
        return work + len(self._predictions) + len(self._arrived) + len(self._early) + self._norms.waiting

    def put(self, message: Message) -> None:
        """Store a message; drop it if it was seen before or belongs to a committed step.

        Raises:
            TypeError: not a message for a stage.
        """
        self._found = None
        place, progress = (message.step, message.microbatch), self.progress
        match message:
            case Forward():
                if place >= progress.next_forward:
                    progress.add_step(message)
                    self._forwards[place] = message
            case Backward():
                if place >= progress.next_backward:
                    self._backwards[place] = message
            case WeightGradient():
                if message.step >= progress.committed:
                    self._weight_gradients.append(message)
            case Target() | Share():
                if message.step >= progress.committed and place not in self._seen:
                    self._seen.add(place)
                    if isinstance(message, Share):
                        progress.add_step(message)
                        (self._arrived if message.step == progress.committed else self._early).append(message)
                    else:
                        self._arrived.append(message)
            case SquaredNorm() | GlobalNorm() | Rows():
                self._norms.put(message, progress.committed)
            case Predict():
                if message.step >= progress.committed:
                    self._predictions[place] = message
            case _:
                raise TypeError(f"expected a stage's message, got {message}")

    def next(self) -> Message | None:
        """Return the next message to handle, and count it as done; None where nothing is allowed yet."""
        if self._arrived:
            return self._arrived.popleft()
        if not self._norms.is_empty and (norm := self._norms.find(self.progress)) is not None:
            self._norms.count(norm)
            return norm
        message = self._found or self._find()
        if message is not None:
            self._found = None
            self._count(message)
        return message

    def peek(self) -> Message | None:
        """Return the message that `next` would return, and leave it here."""
        if self._arrived:
            return self._arrived[0]
        if not self._norms.is_empty and (norm := self._norms.find(self.progress)) is not None:
            return norm
        self._found = self._found or self._find()
        return self._found

    def prefer(self, message: Message) -> None:
        """Let `next` return this piece of work, which is allowed, instead of the most urgent one.

        Raises:
            ValueError: it is not here, or not allowed now.
        """
        if not any(each is message for each in self.messages) or self.obstacle(message) is not None:
            raise ValueError(f"expected work that is allowed now, got {message}")
        self._found = message

    def urgency(self) -> Urgency | None:
        """Return how urgent the next message is; None where `next` would return None.

        It is (step, place in the discipline's order) where the discipline has an order; else (rank of the kind of work,
        step, microbatch, stage).
        """
        message = self.peek()
        if message is None:
            return None
        rank = self._ranks.get(type(message))
        if rank is None:
            return MOST_URGENT
        if self.discipline.order is not None:
            return message.step, self._order(message)
        return rank, message.step, message.microbatch, self.stage

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages that are here and not handled."""
        work = (self._forwards, self._backwards, self._predictions)
        first = [*self._arrived, *self._early, *self._norms.messages]
        return (*first, *(each for kind in work for each in kind.values()), *self._weight_gradients)

    def obstacle(self, message: Message) -> Obstacle | None:
        """Return what keeps a message that is here from being handled now; None: it may be.

        What is no work is handled in the order of its arrival, and before all work.
        """
        progress, place = self.progress, (message.step, message.microbatch)
        match message:
            case Forward():
                return self._against_forward() if place == progress.next_forward else Obstacle.TURN
            case Backward() if place in progress.in_flight:
                return self._against_backward() if place == progress.in_flight[0] else Obstacle.TURN
            case Backward():
                return Obstacle.REPEAT
            case WeightGradient():
                is_first = message is self._weight_gradients[0]
                return (None if self._weight_gradient() else Obstacle.GATE) if is_first else Obstacle.TURN
            case Predict() if message.step == progress.committed:
                return None if message is self._prediction() else Obstacle.TURN
            case Predict():
                return Obstacle.VERSION
            case SquaredNorm() | GlobalNorm() | Rows():
                return None if message is self._norms.find(progress) else Obstacle.GRADIENTS
            case _ if any(message is each for each in self._early):
                return Obstacle.STEP
        return None if message is self._arrived[0] else Obstacle.TURN

    def commit(self, step: int) -> None:
        """Record that every step below ``step`` is committed, and drop what belongs to those."""
        self._found = None
        self.progress.commit(step)
        if not self._norms.is_empty:
            self._norms.commit(step)
        if self._seen:
            self._seen = {place for place in self._seen if place[0] >= step}
        if self._early:
            self._arrived += (each for each in self._early if each.step == step)
            self._early = [each for each in self._early if each.step > step]
        if self._predictions:
            self._predictions = {place: each for place, each in self._predictions.items() if place[0] >= step}

    def waits_for(self) -> str:
        """Return what has to come, or to be allowed by the schedule, before there is work again."""
        progress = self.progress
        place = progress.next_backward
        where = f"step {place[0]} microbatch {place[1]}"
        if progress.in_flight:
            return self._permission(self._backwards.get(place)) or f"the gradient of {where}"
        if self._weight_gradients:
            return self._permission(self._weight_gradients[0])
        if progress.has_gradients(progress.committed):
            return self._norms.waits_for(progress.committed)
        if (missing := progress.missing_share(self._seen)) is not None:
            return f"what another replica makes of step {missing[0]} microbatch {missing[1]}"
        if self._needs_targets and place in self._forwards and place not in self._seen:
            return f"the target of {where}"
        return self._permission(self._forwards.get(place)) or f"the activation of {where}"

    def _permission(self, message: Message | None) -> str:
        """Return that a message which is here waits for the schedule; nothing where it is not here."""
        return f"schedule {self.discipline.name} to allow {message.kind} of {message.place}" if message else ""

    # Find the next message

    def _find(self) -> Message | None:
        """Return the most urgent message that is allowed now."""
        if self.discipline.order is None:
            for find in self._finders:
                message = find(self)
                if message is not None:
                    return message
            return None
        allowed = [message for find in self._finders if (message := find(self)) is not None]
        return min(allowed, key=lambda each: (each.step, self._order(each)), default=None)

    def _order(self, message: Message) -> int:
        """Return the place of a message in the discipline's order, from 0."""
        order = self.discipline.order
        if order is None or isinstance(message, Predict):
            return 0
        step, microbatch = self.progress.steps[message.step], message.microbatch
        own = step.share.index(microbatch) if microbatch in step.share else microbatch
        return order(_WORK[type(message)], self.stage, self.stages, step.own, own)

    # Each returns the next message of one kind of work; None where it is not there, or not allowed yet.

    def _prediction(self) -> Predict | None:
        for place, message in self._predictions.items():
            if place[0] == self.progress.committed:
                return message
        return None

    def _forward(self) -> Forward | Predict | None:
        prediction = self._prediction() if self._predictions else None
        if prediction is not None:
            return prediction
        message = self._forwards.get(self.progress.next_forward)
        return message if message is not None and self._against_forward() is None else None

    def _against_forward(self) -> Obstacle | None:
        """Return what keeps the next forward, which is here, from being done now."""
        progress, row = self.progress, self.discipline
        place = progress.next_forward
        if progress.committed < place[0] - self.lag:
            return Obstacle.VERSION
        if self._needs_targets and place not in self._seen:
            return Obstacle.TARGET
        step = progress.steps[place[0]]
        if len(progress.in_flight) >= row.credit(self.stage, self.stages, step.own):
            return Obstacle.CREDIT
        if row.cap is not None and progress.deferred >= row.cap(self.stage, self.stages, step.own):
            return Obstacle.CAP
        return None if self._is_open(Work.FORWARD, step) else Obstacle.GATE

    def _backward(self) -> Backward | None:
        progress = self.progress
        if not progress.in_flight:  # any gradient here is from before a crash; its forward will be repeated
            return None
        message = self._backwards.get(progress.in_flight[0])
        return message if message is not None and self._against_backward() is None else None

    def _against_backward(self) -> Obstacle | None:
        """Return what keeps the next gradient, which is here, from being handled now."""
        step = self.progress.in_flight[0][0]
        if not (self.discipline.stashes or step <= self.progress.committed):
            return Obstacle.VERSION
        return None if self._is_open(Work.BACKWARD, self.progress.steps[step]) else Obstacle.GATE

    def _weight_gradient(self) -> WeightGradient | None:
        if not self._weight_gradients:
            return None
        message = self._weight_gradients[0]
        return message if self._is_open(Work.WEIGHT_GRADIENT, self.progress.steps[message.step]) else None

    def _is_open(self, work: Work, step: StepProgress) -> bool:
        """Return whether the discipline's gate lets the next microbatch do this work now."""
        gate = self.discipline.gate
        if gate is None:
            return True
        done = step.own, step.forwards, step.backwards, step.weight_gradients
        return gate(work, Progress(self.stage, self.stages, *done))

    def _count(self, message: Message) -> None:
        """Count a message as done."""
        progress = self.progress
        match message:
            case Forward():
                del self._forwards[message.step, message.microbatch]
                progress.count_forward()
            case Backward():
                del self._backwards[message.step, message.microbatch]
                progress.count_backward()
            case WeightGradient():
                self._weight_gradients.popleft()
                progress.count_weight_gradient(message.step, message.microbatch)
            case _:
                del self._predictions[message.step, message.microbatch]


_FINDERS: dict[Work, Callable[[StageMailbox], Message | None]] = {
    Work.FORWARD: StageMailbox._forward,
    Work.BACKWARD: StageMailbox._backward,
    Work.WEIGHT_GRADIENT: StageMailbox._weight_gradient,
}
"""What finds the next message of each kind of work."""
