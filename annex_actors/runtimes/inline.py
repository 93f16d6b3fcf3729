"""All peers in one thread: the oracle, the host of tests, and a way to step through a run.

Nothing here is concurrent, but everything is supervised as elsewhere: a peer that raises is replaced by its next
incarnation, with the same strategy and within the same restart window. Tests choose the order of events and kill a peer
at any of them; the result must not change.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import islice
from threading import RLock

from annex_actors.base import checks
from annex_actors.base.shown import brief
from annex_actors.protocol.effects import Commit, Effect, Send
from annex_actors.protocol.events import Event, Finished, PeerExited, PeerStarted
from annex_actors.protocol.messages import OWNER, WHOLE_STEP, Address, Envelope, Halt, Message
from annex_actors.protocol.node import Node
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes import clock
from annex_actors.runtimes.blas import blas_threads
from annex_actors.runtimes.hosting.failures import FailureLedger, explained, standstill, too_many_restarts
from annex_actors.runtimes.hosting.observers import log_failure
from annex_actors.runtimes.program import Job, PeerSpec, Program, RunFailedError, StandstillError
from supervisors import SHUTDOWN, RestartWindow, Strategy

Choose = Callable[[int, int], int]
"""From the numbers of channels with a message and of peers with work: n < channels delivers a message, else a peer
works."""


class Killed(Exception):
    """A peer was killed from outside, between two actions of its host."""


def work_first(channels: int, peers: int) -> int:
    """Choose work while there is any, then the next message of the oldest channel."""
    return channels if peers else 0


@dataclass(frozen=True, slots=True)
class InlineRuntime:
    """A single-threaded host.

    Args:
        choose: which event comes next; any choice gives the same weights.
        kill: decides, from the number of an event, whether the peer at work is killed there; there is an event before
            each piece of work and before each effect.
        commit_every: steps between two commits of a stage, >= 1, as where commits are expensive.

    Raises:
        ConfigError: a setting out of range.
    """

    choose: Choose = work_first
    kill: Callable[[int], bool] | None = None
    commit_every: int = 1

    name = "inline"

    def __post_init__(self) -> None:
        checks.function("choose", self.choose, 2)
        if self.kill is not None:
            checks.function("kill", self.kill, 1)
        checks.keep(self, commit_every=checks.whole_number("commit_every", self.commit_every, at_least=1))

    __repr__ = brief

    def start(self, program: Program) -> Job:
        """Return the job; it does all its work in `Job.wait`."""
        return InlineJob(program, self.choose, self.kill, self.commit_every)


class InlineJob:
    """A program that is carried out by the thread that waits for it."""

    def __init__(
        self, program: Program, choose: Choose, kill: Callable[[int], bool] | None, commit_every: int = 1
    ) -> None:
        self._program = program
        self._choose = choose
        self._kill = kill
        # No method of this job: its nodes would keep it alive, as it does them.
        self._is_due = partial(_is_due, commit_every, program.store.every)
        self._trace = program.trace or nullcontext()
        self._specs = {spec.address: spec for spec in program.peers}
        self._addresses = {str(address): address for address in self._specs}
        self._nodes: dict[Address, Node] = {}
        self._incarnations = dict.fromkeys(self._specs, 0)
        self._channels: dict[tuple[Address, Address], deque[Envelope]] = {}
        self._busy: dict[Address, None] = {}
        self._observers = [*program.observers, *([program.trace] if program.trace else [])]
        self._ledger = FailureLedger(program.supervision.max_attempts)
        window = RestartWindow(program.supervision.max_restarts, program.supervision.max_seconds)
        self._windows = {str(address): window for address in self._specs}  # that of the first stage is for all stages
        self._finished = False
        self._must_start = True  # at first; and again after an interrupt, which may come between any two instructions
        self._starts = 0
        self._instrument = partial(program.instrument, clock=clock.now)
        self._said: deque[Event | RunFailedError] = deque()
        """What the owner has shown or found in any thread, for the thread that waits."""
        self._open: dict[int, Message] = {}
        """What the owner has said and the driver has not answered, by its number; `Halt` is never answered."""
        self._answers: dict[int, Message] = {}
        self._lock = RLock()
        self._failure: str | None = None
        self._began: float | None = None
        self._ended: float | None = None
        self.events = 0

    @property
    def restarts(self) -> int:
        """How often any peer was restarted."""
        return max(0, self._starts - len(self._specs))

    @property
    def seconds(self) -> float:
        """See `Job.seconds`."""
        if self._began is None:
            return 0.0
        return float((self._clock() if self._ended is None else self._ended) - self._began)

    def wait(self) -> None:
        """Carry the program out."""
        self._ended = None
        try:
            self._carry_out(lambda: self._finished)
        finally:
            self._ended = self._clock()

    def halt(self) -> None:
        """Ask the driver to feed no more."""
        self._begin()
        self._say(Halt(self._program.run, 0, WHOLE_STEP, WHOLE_STEP))

    def ask(self, question: Message) -> Message:
        """Ask the driver, and carry the program out until it has answered; one thread after another."""
        number = question.microbatch
        with self._lock:
            try:
                self._carry_out(lambda: self._finished or number in self._answers, question)
                if number not in self._answers:
                    self._check_not_over()
                return self._answers[number]
            finally:
                self._open.pop(number, None)
                self._answers.pop(number, None)

    def fail(self, error: RunFailedError) -> None:
        """End the run with a failure, in the thread that waits for the job."""
        self._said.append(error)

    def emit(self, event: Event) -> None:
        """Show the observers an event, later, in the thread that waits for the job."""
        self._said.append(event.at(float(self._clock())))

    def close(self) -> None:
        """Drop every peer, once a question that is asked in another thread is answered."""
        with self._lock, self._trace:
            self._take_said(closing=True)
            for address in reversed(self._nodes):
                self._show_stop(address)
            self._nodes.clear()
            self._finished = True

    def _carry_out(self, done: Callable[[], bool], question: Message | None = None) -> None:
        """Carry the program out, with what the owner asks, until that is done."""
        if self._failure is not None:
            raise RunFailedError(self._failure)
        # Handled in this frame: a second interrupt could prevent that a context manager hears of the first one.
        try:
            with blas_threads(self._program.blas_threads):
                self._begin()
                if question is not None:
                    self._check_not_over()
                    self._say(question)
                while not done():
                    self._next_event()
        except KeyboardInterrupt:
            self._must_start = True
            raise

    def _begin(self) -> None:
        """Begin, unless the program has begun, and once more after an interrupt."""
        if self._began is None:
            self._began = self._clock()
            self._trace.__enter__()
        if self._must_start and not self._finished:
            self._start(self._specs)
            self._must_start = False

    def _check_not_over(self) -> None:
        if self._finished:
            raise RunFailedError("the run is over, and answers no more")

    def _say(self, message: Message) -> None:
        self._open[message.microbatch] = message
        self._tell_driver(message)

    def _tell_driver(self, message: Message) -> None:
        self._deliver(self._program.driver.address, Envelope(OWNER, 1, 0, message))

    def _clock(self) -> float:
        """Return the time of the events and of the restart window, in seconds."""
        return clock.now()

    def _take_said(self, *, closing: bool = False) -> None:
        """Show the owner's events, and raise the failure that it has found; a run that is closed cannot fail."""
        while self._said:
            said = self._said.popleft()
            if isinstance(said, Event):
                self._tell(said)
            elif not closing:
                self._failure = str(said)
                try:
                    raise said
                finally:
                    del said  # see `_supervise`

    def _next_event(self) -> None:
        if self._said:
            self._take_said()
        channels, peers = len(self._channels), len(self._busy)
        if not channels and not peers:
            raise self._standstill()
        choice = self._choose(channels, peers)
        if choice >= channels:
            self._work(next(islice(self._busy, choice - channels, None)))
            return
        channel = next(islice(self._channels, choice, None))
        envelopes = self._channels[channel]
        envelope = envelopes.popleft()
        if not envelopes:
            del self._channels[channel]
        self._deliver(channel[1], envelope)

    def _deliver(self, to: Address, envelope: Envelope) -> None:
        if to != OWNER:
            self._nodes[to].receive(envelope)
            self._busy[to] = None
        elif envelope.message.microbatch in self._open:
            self._answers[envelope.message.microbatch] = envelope.message

    def _standstill(self) -> StandstillError:
        addresses = (self._program.driver.address, *(spec.address for spec in self._program.served))
        return standstill((self._specs[each].label, self._nodes[each].waits_for()) for each in addresses)

    def _work(self, address: Address) -> None:
        self._perform(address, self._nodes[address].work)

    def _perform(self, address: Address, work: Callable[[], list[Effect] | None]) -> None:
        incarnation = self._incarnations[address]
        try:
            self._tick()
            effects = work()
            if effects is None:
                del self._busy[address]
                return
            node = self._nodes[address]
            node.carrying_out(effects)
            for effect in effects:
                self._tick()
                self._execute(effect, incarnation)
            node.carried_out(effects)
        except Exception as error:  # noqa: BLE001 - the supervisor judges every failure of a peer
            self._supervise(address, error)

    def _tick(self) -> None:
        self.events += 1
        if self._kill is not None and self._kill(self.events):
            raise Killed(f"killed at event {self.events}")

    def _execute(self, effect: Effect, incarnation: int) -> None:
        if isinstance(effect, Send):
            self._channels.setdefault((effect.envelope.sender, effect.to), deque()).append(effect.envelope)
        elif isinstance(effect, Commit):
            self._program.store.commit(effect.snapshot, incarnation)
        else:
            self._finished |= isinstance(effect.event, Finished)
            self._show(effect.event)

    def _show(self, event: Event) -> None:
        """Show an event that happens now."""
        self._tell(event.at(float(self._clock())))

    def _tell(self, event: Event) -> None:
        for observer in list(self._observers):
            try:
                observer.on_event(event)
            except Exception:  # noqa: BLE001 - whatever an observer raises ends the observer and nothing else
                log_failure(observer)
                self._observers.remove(observer)

    def _supervise(self, address: Address, error: Exception) -> None:
        label, supervision = self._specs[address].label, self._program.supervision
        self._show(explained(PeerExited(address, label, self._incarnations[address], ""), error))
        killed = isinstance(error, Killed)
        fatal = self._ledger.record(address, label, None if killed else error)
        stages = [str(spec.address) for spec in self._program.stages]
        among = stages if str(address) in stages else [str(address)]
        self._windows[among[0]], allowed = self._windows[among[0]].record(self._clock())
        if fatal is None and not allowed:
            fatal = too_many_restarts(label, supervision, error)
        if fatal is not None:
            self._failure = str(fatal)
            try:
                raise fatal
            finally:
                del fatal  # else its traceback would refer to this frame, which refers to it and to all the peers
        strategy = Strategy(supervision.strategy) if among is stages else Strategy.ONE_FOR_ONE
        plan = strategy.plan(among, str(address))
        for other in plan.stop:
            self._show_stop(self._addresses[other])
        self._start(self._addresses[other] for other in plan.start)

    def _start(self, addresses: Iterable[Address]) -> None:
        for address in addresses:
            spec, program = self._specs[address], self._program
            for channel in [channel for channel in self._channels if channel[1] == address]:
                del self._channels[channel]
            incarnation, snapshot = program.store.open(address)
            self._starts += 1
            self._incarnations[address] = incarnation
            self._busy[address] = None
            self._perform(address, partial(self._start_node, spec, incarnation, snapshot))
            if spec is program.driver:
                for message in self._open.values():
                    self._tell_driver(message)

    def _start_node(self, spec: PeerSpec, incarnation: int, snapshot: Snapshot | None) -> list[Effect]:
        instrument = self._instrument(spec.address, incarnation)
        node = self._nodes[spec.address] = spec.node(snapshot, incarnation, instrument, self._is_due)
        effects = node.start()
        self._show(PeerStarted(spec.address, spec.label, incarnation))
        return effects

    def _show_stop(self, address: Address) -> None:
        label = self._specs[address].label
        self._show(PeerExited(address, label, self._incarnations[address], str(SHUTDOWN), orderly=True))


def _is_due(commit_every: int, checkpoint_every: int, step: int) -> bool:
    return step % commit_every == 0 or (checkpoint_every > 0 and step % checkpoint_every == 0)
