"""A walk through a run: its moves, and where in them it is.

Going back is carrying out the first moves again, in a new run of the same program: what peers hold is a function of
these, since the host's clock counts events and all random numbers have keys. Nothing has to be undone or copied, and a
walk can be repeated anywhere from its moves alone. Moves that were gone back over are kept, and `forward` makes them
again, until another move takes their place.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random

from annex_actors.base.errors import AnnexError, ConfigError, message_of
from annex_actors.peers.stage import Stage, StageSpec
from annex_actors.protocol.events import Event, PeerExited, PeerStarted
from annex_actors.protocol.messages import Address, Message
from annex_actors.protocol.node import Node
from annex_actors.runtimes.stepped import SteppedJob
from annex_actors.schedules.table import discipline
from annex_actors.stepping.look import Legible, Look, said
from annex_actors.stepping.moves import Crash, Deliver, Move, Piece, Work, parse_move, peer_of
from annex_actors.stepping.point import Choice, Done, Point
from annex_actors.stores import MemoryStore
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.preparation import PreparedTraining

MOST_MOVES = 200_000
"""Moves of a walk, and of one search for a message: about half a minute."""


@dataclass(frozen=True)
class Wanted:
    """Which messages to look for; None: any.

    Args:
        layer: the number of the layer whose actor handles it.
        step: its step.
        kind: its kind, such as ``backward``.
    """

    layer: int | None = None
    step: int | None = None
    kind: str | None = None

    def __str__(self) -> str:
        parts = {"layer": self.layer, "step": self.step, "kind": self.kind}
        return " ".join(f"{name} {value}" for name, value in parts.items() if value is not None)


class Walk:
    """A training that is walked through.

    ``moves`` are those made so far, ``number`` of them lead to where it is.

    Args:
        training: the run.
        moves: to begin with; the walk is then at its beginning, and `forward` makes them.
        seed: of `at_random`.
    """

    def __init__(self, training: PreparedTraining, moves: Iterable[Move] = (), *, seed: int = 0) -> None:
        self.training = training
        self.moves: list[Move] = list(moves)
        self.seed = seed
        self._go_to(0)

    @property
    def addresses(self) -> dict[str, Address]:
        """The peers, by their text."""
        return {str(spec.address): spec.address for spec in self._program.peers}

    @property
    def number(self) -> int:
        """How many moves lead here."""
        return len(self._handled)

    @property
    def is_over(self) -> bool:
        """Whether no move is possible: the run is finished or has failed."""
        return self._failure is not None or self._job.is_over

    def point(self) -> Point:
        """Return what is seen here."""
        job, look, row = self._job, self._look, self.training.spec.schedule
        last = job.nodes[self._stages[-1].address].behaviour
        assert isinstance(last, Stage)
        return Point(
            number=self.number,
            length=len(self.moves),
            schedule=row.name,
            rule=row.summary,
            microbatches=self.training.trainer.microbatches,
            done=self._done(),
            peers=look.peers(),
            channels=look.channels(),
            choices=self.choices(),
            costs=tuple(last.versions.state.cost_log.costs()),
            state="failed" if self._failure is not None else "finished" if job.is_over else "goes on",
            failure=self._failure,
            weights_sha256=self.checkpoint().weights_sha256 if job.is_over else None,
        )

    def checkpoint(self) -> Checkpoint:
        """Return what all stages have committed at the last step that all have."""
        saved = [spec.address for spec in self._stages if spec.is_saved]
        return Checkpoint.gather(self._program.store, saved, self.training.initial)

    def choices(self) -> tuple[Choice, ...]:
        """Return the moves that are possible now, besides the death of any peer; the first is the host's."""
        return () if self.is_over else tuple(self._look.choices())

    def node(self, address: str) -> Node:
        """Return a peer itself, as it is now; it belongs to the walk, and is for looking at alone."""
        return self._job.nodes[self.addresses[address]]

    # Moves

    def make(self, move: Move | str) -> None:
        """Make a move here, which takes the place of those that were gone back over.

        Raises:
            ConfigError: it is not possible now; the message says why.
        """
        move = parse_move(move, self.addresses) if isinstance(move, str) else move
        self._check(move)
        del self.moves[self.number :]
        self.moves.append(move)
        self._carry_out(move)

    def forward(self, count: int = 1) -> None:
        """Make the next moves: those that were gone back over, then those of the host, until the run is over."""
        for _ in range(count):
            if self.is_over:
                return
            if self.number < len(self.moves):
                self._check(self.moves[self.number])
            else:
                self.moves.append(self._look.first())
            self._carry_out(self.moves[self.number])

    def back(self, count: int = 1) -> None:
        """Go back by so many moves, at most to the beginning."""
        self._go_to(max(0, self.number - count))

    def to(self, number: int) -> None:
        """Go to the point after so many moves of the walk."""
        if number < self.number:
            self._go_to(max(0, number))
        self.forward(min(number, len(self.moves)) - self.number)

    def to_end(self) -> None:
        """Go forward until the run is over."""
        self.forward(MOST_MOVES - self.number)

    def at_random(self, count: int = 1) -> None:
        """Make so many moves by chance, by the seed of the walk and the number of the move."""
        for _ in range(count):
            if self.is_over:
                return
            self.make(Random(f"{self.seed} {self.number}").choice(self.choices()).move)

    def find(self, wanted: Wanted) -> None:
        """Go forward until a message of this layer, step or kind has been handled.

        Raises:
            ConfigError: none comes, or there is no such layer; the walk is where it was.
        """
        self._check_wanted(wanted)
        begin, before = self.number, len(self.moves)
        while not self.is_over and self.number < begin + MOST_MOVES:
            self.forward()
            if self._is_wanted(-1, wanted):
                return
        self._go_to(begin)
        del self.moves[before:]
        raise ConfigError(f"expected a message of {wanted} to come, but none does until the end; look backwards")

    def find_back(self, wanted: Wanted) -> None:
        """Go back to where a message of this layer, step or kind had just been handled.

        Raises:
            ConfigError: there is none before, or no such layer; the walk is where it was.
        """
        self._check_wanted(wanted)
        for number in range(self.number - 1, 0, -1):
            if self._is_wanted(number - 1, wanted):
                self._go_to(number)
                return
        raise ConfigError(f"expected a message of {wanted} before this point, but there is none; look forwards")

    def crash(self, peer: int | str, dies_after: int | None = None) -> None:
        """Kill a peer.

        Args:
            peer: the number of a layer, of whose replicas the first is killed; or an address, such as ``trainer``.
            dies_after: in its next piece of work, after so many effects; None: now, between two pieces.

        Raises:
            ConfigError: there is no such peer, or it has no work to die in.
        """
        address = self.address_of(peer)
        self.make(Crash(address) if dies_after is None else Work(address, None, dies_after))

    def address_of(self, peer: int | str) -> Address:
        """Return the address of a layer's stage, the first of its replicas, or that of a text.

        Raises:
            ConfigError: there is no such peer.
        """
        return self.stage_of(peer).address if isinstance(peer, int) else peer_of(peer, self.addresses)

    def _check_wanted(self, wanted: Wanted) -> None:
        if wanted.layer is not None:
            self.stage_of(wanted.layer)

    def stage_of(self, layer: int) -> StageSpec:
        """Return the stage of a layer; the cost is the layer after the last.

        Raises:
            ConfigError: there is no such layer.
        """
        last = len(self.training.spec.network.layers)
        if not 0 <= layer <= last:
            raise ConfigError(f"expected a layer from 0 to {last}, the cost, got {layer}; correct it")
        return next(spec for spec in reversed(self._stages) if spec.first_layer <= layer and not spec.replica)

    def with_schedule(self, schedule: str) -> Walk:
        """Return a walk through the same training by another schedule, at its beginning.

        Raises:
            ConfigError: there is no such schedule, or it does not fit the training.
        """
        training, trainer = self.training, self.training.trainer
        again = PreparedTraining.of(
            replace(training.spec, schedule=discipline(schedule)),
            training.dataset,
            epochs=trainer.epochs,
            batch_size=trainer.batches.batch_size,
            halt=trainer.halt,
            metrics=tuple(trainer.metrics or ()),
            evaluate_every=trainer.evaluate_every or None,
        )
        begun = replace(training.initial, identity=again.identity)
        return Walk(replace(again, initial=begun), seed=self.seed)

    # What a move does

    def on_event(self, event: Event) -> None:
        """Note what becomes of a peer; all else is seen as a deed of the peer that said it."""
        if isinstance(event, PeerExited | PeerStarted):
            self._events.append(said(event))

    def _go_to(self, number: int) -> None:
        """Begin again, and make the first moves."""
        training = self.training
        self._stages = specs = training.spec.stage_specs(training.initial, training.trainer.run)
        store = MemoryStore([each.address for each in specs if each.is_saved], depth=training.trainer.overlap + 1)
        self._events: list[str] = []
        self._program = training.program(store, [self])
        self._job = SteppedJob(self._program)
        self._look = Look(self._job, self._program.peers)
        self._failure: str | None = None
        self._last: tuple[Move, Address, Message | None] | None = None
        self._handled: list[tuple[Address, str, int] | None] = []
        self._job.begin()
        for move in self.moves[:number]:
            self._carry_out(move)

    def _carry_out(self, move: Move) -> None:
        """Carry out a move that is possible; a failure that ends the run is then a part of the point."""
        job = self._job
        self._events.clear()
        address = move.to if isinstance(move, Deliver) else move.peer
        message = self._message_of(move)
        self._last = move, address, message
        is_work = isinstance(move, Work) and message is not None
        self._handled.append((address, message.kind, message.step) if is_work and message is not None else None)
        try:
            match move:
                case Deliver():
                    job.deliver((move.sender, move.to))
                case Crash():
                    job.kill(move.peer)
                case Work():
                    job.work(move.peer, message if move.take else None, move.dies_after)
            if not job.is_over and not job.channels and not job.ready:
                job.wait()  # which says for what the peers wait
        except AnnexError as error:
            self._failure = message_of(error)

    def _message_of(self, move: Move) -> Message | None:
        """Return the message that a move delivers or lets a peer handle."""
        if isinstance(move, Crash):
            return None
        if isinstance(move, Deliver):
            return self._job.channels[move.sender, move.to][0].message
        node = self._job.nodes[move.peer]
        if node.control:
            return node.control[0][1]
        mailbox = node.mailbox
        assert isinstance(mailbox, Legible)
        if move.take is None:
            return mailbox.peek()
        return next((each for each in mailbox.messages if Piece.of(each) == move.take), None)

    def _done(self) -> Done | None:
        if self._last is None:
            return None
        move, address, message = self._last
        letter = None if message is None else self._look.letter(address, message)
        return Done(str(move), str(address), letter, self._look.deeds(), tuple(self._events))

    def _check(self, move: Move) -> None:
        if self.is_over:
            raise ConfigError("expected a run that goes on, but it is over here; go back, or begin again")
        match move:
            case Deliver() if (move.sender, move.to) not in self._job.channels:
                raise ConfigError(f"expected a message from {move.sender} to {move.to}, but none is on its way")
            case Work():
                self._check_work(move)

    def _check_work(self, move: Work) -> None:
        node = self._job.nodes[move.peer]
        if move.take is None:
            if move.peer not in self._job.ready:
                what = node.waits_for() or "nothing"
                raise ConfigError(f"expected {move.peer} to have work, but it waits for {what}")
            return
        found = next((each for each in self._look.verdicts(node) if Piece.of(each.message) == move.take), None)
        if found is None:
            raise ConfigError(f"expected {move.take} in the mailbox of {move.peer}, but it is not there")
        if found.move is None:
            raise ConfigError(f"expected work that is allowed, but {move.take} of {move.peer} is not: {found.why}")

    def _is_wanted(self, index: int, wanted: Wanted) -> bool:
        """Return whether the move of this index lets a peer handle a message that is wanted."""
        found = self._handled[index]
        if found is None:
            return False
        address, kind, step = found
        is_of_layer = wanted.layer is None or address.number == self.stage_of(wanted.layer).stage
        return is_of_layer and wanted.step in (None, step) and wanted.kind in (None, kind)
