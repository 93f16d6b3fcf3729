"""All peers on a virtual clock: the stages of every other runtime, with the times of a cost model.

Only time is simulated. The nodes are those of every other runtime, so they work in the order in which they would work
there; the mathematics is computed, in no virtual time. A cost model says how long each piece of work takes, how long a
message travels, and which stages share a worker. Work begins when its worker is free and the discipline allows it; its
messages leave when it ends. The same program takes the same virtual time on every machine.

The trainer has a worker of its own, and its messages arrive at once. It costs nothing, unless the model says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from heapq import heappop, heappush
from itertools import count
from weakref import proxy

from annex_actors.peers.stage import Stage
from annex_actors.peers.stage_mailbox import StageMailbox
from annex_actors.protocol.effects import Effect, Send
from annex_actors.protocol.instrument import Instrument, Peer, Point, WorkItem, combined
from annex_actors.protocol.mailbox import MOST_URGENT, Urgency
from annex_actors.protocol.messages import (
    Address,
    Backward,
    Envelope,
    Forward,
    Message,
    Report,
    WeightGradient,
    WithArray,
)
from annex_actors.protocol.routing import READER, TRAINER
from annex_actors.runtimes.cost_model import CostModel, Worker, travel
from annex_actors.runtimes.inline import InlineJob, Killed, work_first
from annex_actors.runtimes.program import Job, Program
from annex_actors.runtimes.slowed_layers import PartCounter, SlowedLayers
from annex_actors.runtimes.tallies import StageTally, WorkerTally
from annex_actors.schedules.discipline import Work


@dataclass(frozen=True, slots=True)
class Piece:
    """A finished piece of work: ``work`` is F, B or W; ``microbatch`` is -1 where W is that of a whole step."""

    worker: Worker
    stage: Address
    work: str
    step: int
    microbatch: int
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class SimulatedRuntime:
    """A host with a virtual clock.

    Args:
        costs: the cost model.
        keep_pieces: whether the job keeps every finished piece of work.
    """

    costs: CostModel = field(default_factory=CostModel)
    keep_pieces: bool = True

    name = "simulated"

    def start(self, program: Program) -> Job:
        """Return the job; it does all its work in `Job.wait`."""
        return SimulatedJob(program, self.costs, self.keep_pieces)


_WORK: dict[type[Message], Work] = {
    Forward: Work.FORWARD,
    Backward: Work.BACKWARD,
    WeightGradient: Work.WEIGHT_GRADIENT,
}


class VirtualClock(Instrument):
    """Adds up how long a piece of work takes: ``spent`` by its layers, ``beside`` them; ``did`` is the work.

    Args:
        costs: the times of each layer, and of what is beside them.
        slowed: the layers that take longer; None: none do.
    """

    def __init__(self, costs: CostModel, slowed: SlowedLayers | None) -> None:
        self.spent: float = 0
        self.beside: float = 0
        self.did: tuple[Work, int, int] | None = None
        self._costs = costs
        self._slowed = slowed
        self._parts = PartCounter()

    def before(self, peer: Peer, item: WorkItem | None) -> None:
        """Set the time spent to 0, and that beside the layers to what such a piece of work takes."""
        self.spent, self.beside, self.did = 0, 0, None
        if isinstance(item, Report):
            self.beside = self._costs.trainer
        self._parts.note(item)
        if isinstance(item, Message) and type(item) in _WORK:
            self.did = _WORK[type(item)], item.step, item.microbatch
            self.beside = self._costs.piece

    def at(self, point: Point, layer: int, step: int, microbatch: int) -> None:
        """Add the time of a layer's work."""
        if point is Point.COMMIT:
            return
        layers, parts = self._costs.layers, self._parts.parts(point, step, microbatch)
        time: float = getattr(layers[layer], point.value) * parts if layer < len(layers) else 0
        self.spent += time
        if self._slowed is not None:
            self.spent += self._slowed.seconds(point, layer, time, parts)


class SimulatedJob(InlineJob):
    """A program on a virtual clock.

    ``now`` is the time, ``messages`` the number of messages sent, ``trainer_messages`` that of those to and from the
    trainer; ``workers`` and ``stages`` say what was done and kept; ``pieces`` are all pieces of work in the order of
    their ends, if they are kept.

    Args:
        program: the run.
        costs: the cost model.
        keep_pieces: whether to keep every finished piece of work.
    """

    def __init__(self, program: Program, costs: CostModel, keep_pieces: bool) -> None:
        # In virtual time nothing waits: a slowed layer takes longer.
        program, slowed = replace(program, slowed=None), program.slowed
        super().__init__(program, work_first, kill=None)
        addresses = [spec.address for spec in program.stages]
        places = costs.workers if costs.workers is not None else range(len(addresses))
        self.now: float = 0
        self.messages = self.trainer_messages = 0
        self.pieces: list[Piece] = []
        self.workers = {worker: WorkerTally() for worker in places}
        self.stages = {address: StageTally() for address in addresses}
        self._costs = costs
        self._keep_pieces = keep_pieces
        self._worker_of: dict[Address, Worker] = {**dict(zip(addresses, places, strict=True)), **_BESIDE}
        self._peers_on: dict[Worker, list[Address]] = {}
        for address, worker in self._worker_of.items():
            self._peers_on.setdefault(worker, []).append(address)
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._entries = count()
        self._occupied: dict[Worker, Address] = {}
        self._waiting: dict[Address, None] = {}
        """The peers whose workers had no core; each time that a core is free, they may begin."""
        self._interpreter_free: float = 0
        self._down_until: dict[Worker, float] = {}
        self._places: dict[tuple[Worker, int], int] = {}
        self._work_clock = VirtualClock(costs, slowed)
        self._instrument = partial(_instrument, program, proxy(self), self._work_clock)
        for when, address in costs.kills:
            self._at(when, partial(self._kill_stage, address))

    def close(self) -> None:
        """Drop every peer, and all events to come."""
        super().close()
        self._agenda.clear()

    def _clock(self) -> float:
        return self.now

    def _next_event(self) -> None:
        """Carry out all that is due now; then let every free worker begin its most urgent work.

        ``_busy`` names the peers whose workers may begin: those that received a message, or have finished their work.
        """
        if self._said:
            self._take_said()
        if not self._busy:
            if not self._agenda:
                raise self._standstill()
            self.now = self._agenda[0][0]
        while self._agenda and self._agenda[0][0] <= self.now:
            heappop(self._agenda)[2]()
        looked, self._busy = {**self._waiting, **self._busy}, {}
        self._waiting.clear()
        for worker in self._in_turn(looked):
            if worker in self._occupied:
                continue
            if self._costs.cores is not None and len(self._occupied) >= self._costs.cores:
                self._waiting.update(dict.fromkeys(self._peers_on[worker]))
            else:
                self._begin_work(worker)

    def _in_turn(self, addresses: Iterable[Address]) -> Iterable[Worker]:
        """Return the workers of these peers; where they compete for cores, the one with the most urgent work first."""
        workers = dict.fromkeys(self._worker_of[address] for address in addresses)
        if self._costs.cores is None:
            return workers

        def urgency(worker: Worker) -> tuple[bool, Urgency]:
            found = [each for peer in self._peers_on[worker] if (each := self._nodes[peer].urgency()) is not None]
            return not found, min(found, default=MOST_URGENT)

        return sorted(workers, key=urgency)

    def _begin_work(self, worker: Worker) -> None:
        peers = self._peers_on[worker]
        if len(peers) == 1:
            self._work(peers[0])
            return
        work = [(urgency, each) for each in peers if (urgency := self._nodes[each].urgency()) is not None]
        if not work:
            return
        urgency, address = min(work)
        if self._is_next(worker, urgency, address):
            self._work(address)

    def _is_next(self, worker: Worker, urgency: Urgency, address: Address) -> bool:
        """Return whether all work is done that comes before this in the order of the worker."""
        mailbox = self._nodes[address].mailbox
        ordered = isinstance(mailbox, StageMailbox) and mailbox.discipline.order is not None
        if urgency == MOST_URGENT or not (ordered and self._costs.in_order):
            return True
        step, place = urgency
        done = self._places.get((worker, step), 0)
        self._places[worker, step] = max(done, place + 1) if place <= done else done
        return place <= done

    def _work(self, address: Address) -> None:
        worker, incarnation, clock = self._worker_of[address], self._incarnations[address], self._work_clock
        try:
            effects = self._nodes[address].work()
        except Exception as error:  # noqa: BLE001 - the supervisor judges every failure of a peer
            self._supervise(address, error)
            return
        if effects is None:
            return
        slowness = self._costs.slowness.get(worker, 1)
        start, beside = self.now, clock.beside * slowness
        if beside and self._costs.one_interpreter:
            start = max(start, self._interpreter_free)
            self._interpreter_free = start + beside
        end = start + beside + clock.spent * slowness
        self._occupied[worker] = address
        end_work = partial(self._end_work, address, incarnation, effects, clock.did, start)
        if end > self.now:
            self._at(end, end_work)
        else:
            end_work()

    def _end_work(
        self, address: Address, incarnation: int, effects: list[Effect], did: tuple[Work, int, int] | None, start: float
    ) -> None:
        if incarnation != self._incarnations[address]:
            return  # it was killed in the meantime
        worker = self._worker_of[address]
        del self._occupied[worker]
        self._busy[address] = None
        if did is not None:
            self._record(address, worker, did, start)
        elif self.now > start and worker in self.workers:  # an update that had to wait for the norm of all gradients
            self.workers[worker].add(start, self.now)
        self._perform(address, lambda: effects)

    def _record(self, address: Address, worker: Worker, did: tuple[Work, int, int], start: float) -> None:
        self.workers[worker].add(start, self.now)
        node = self._nodes[address]
        assert isinstance(node.mailbox, StageMailbox)
        assert isinstance(node.behaviour, Stage)
        self.stages[address].add(node.mailbox, node.behaviour)
        if self._keep_pieces:
            work, step, microbatch = did
            self.pieces.append(Piece(worker, address, work.value, step, microbatch, start, self.now))

    def _execute(self, effect: Effect, incarnation: int) -> None:
        if not isinstance(effect, Send):
            super()._execute(effect, incarnation)
            return
        to, envelope = effect.to, effect.envelope
        self.messages += 1
        self.trainer_messages += TRAINER in (to, envelope.sender)
        delayed = self._program.delayed
        later = 0 if delayed is None else delayed.seconds(to, envelope)
        self._at(self.now + self._travel(to, envelope) + later, partial(self._deliver, to, envelope))

    def _travel(self, to: Address, envelope: Envelope) -> float:
        costs, sender = self._costs, envelope.sender
        if TRAINER in (sender, to) or self._worker_of[sender] == self._worker_of[to]:
            return 0
        size = 0
        if isinstance(envelope.message, WithArray):
            taken = costs.size_between(sender.number or 0, to.number or 0)
            size = envelope.message.nbytes if taken is None else taken
        return travel(costs, self._worker_of[sender], self._worker_of[to], size)

    def _kill_stage(self, address: Address) -> None:
        worker = self._worker_of[address]
        if self._occupied.get(worker) == address:
            del self._occupied[worker]
        self._supervise(address, Killed(f"killed at time {float(self.now):g}"))
        if self._costs.restart:
            self._occupied.setdefault(worker, address)
            self._down_until[worker] = self.now + self._costs.restart
            self._at(self._down_until[worker], partial(self._up, worker, address))

    def _up(self, worker: Worker, address: Address) -> None:
        """Let a restarted stage work, unless it has been killed once more."""
        if self.now >= self._down_until[worker] and self._occupied.get(worker) == address:
            del self._occupied[worker]
            self._busy[address] = None

    def _at(self, when: float, what: Callable[[], None]) -> None:
        heappush(self._agenda, (when, next(self._entries), what))


def _instrument(program: Program, job: SimulatedJob, clock: VirtualClock, address: Address, number: int) -> Instrument:
    """Return what watches a peer; ``job`` is a proxy, since its nodes would keep it alive, as it does them."""
    return combined(clock, program.instrument(address, number, lambda: float(job.now)))


_BESIDE: dict[Address, Worker] = {TRAINER: -1, READER: -2}
"""The workers of the peers beside the stages; each has its own, and takes no time."""
