"""The inline host, one event at a time, for what walks through a run and looks at its peers in between.

Its clock counts the events, so that a run that is carried out again by the same events is the same to the last number,
the window of allowed restarts included, however fast it is carried out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from annex_actors.peers.stage_mailbox import StageMailbox
from annex_actors.protocol.effects import Effect
from annex_actors.protocol.messages import Address, Envelope, Message
from annex_actors.protocol.node import Node
from annex_actors.runtimes.inline import InlineJob, Killed
from annex_actors.runtimes.program import Program


class _Plan:
    """What is chosen for the next event."""

    choice = 0
    kill_at = 0

    def choose(self, channels: int, peers: int) -> int:
        """Return what was chosen; see `annex_actors.runtimes.inline.Choose`."""
        return self.choice

    def kills(self, event: int) -> bool:
        """Return whether the peer at work is killed here."""
        return event == self.kill_at


class SteppedJob(InlineJob):
    """A program that is carried out one event at a time.

    ``done`` are the effects that the last event has carried out. Whatever ends the run (see `Job.wait`) is raised by
    the event at which it ends.

    Args:
        program: the run.
        commit_every: steps between two commits of a stage, >= 1.
    """

    def __init__(self, program: Program, commit_every: int = 1) -> None:
        self._plan = _Plan()  # no method of this job, which would keep it alive
        super().__init__(program, self._plan.choose, self._plan.kills, commit_every)
        self.done: list[Effect] = []
        self._moves = 0
        self._left = 0

    @property
    def nodes(self) -> Mapping[Address, Node]:
        """The peers."""
        return self._nodes

    @property
    def channels(self) -> Mapping[tuple[Address, Address], Sequence[Envelope]]:
        """What is on its way, by sender and receiver, the channel that has not been empty for longest first."""
        return self._channels

    @property
    def ready(self) -> list[Address]:
        """The peers that have work now, the one that has had it for longest first."""
        return [address for address in self._busy if self._nodes[address].urgency() is not None]

    @property
    def is_over(self) -> bool:
        """Whether the driver has finished."""
        return self._finished

    def begin(self) -> None:
        """Start all peers."""
        self._carry_out(lambda: True)

    def deliver(self, channel: tuple[Address, Address]) -> None:
        """Deliver the oldest envelope of a channel, which has one."""
        self._one_event(list(self._channels).index(channel))

    def work(self, address: Address, message: Message | None = None, dies_after: int | None = None) -> None:
        """Let a peer that is ready do one piece of work.

        Args:
            address: of the peer.
            message: a piece of work of a stage, that is allowed instead of the most urgent one; None: that one.
            dies_after: so many effects of the piece are carried out, if it has so many, and then the peer is killed;
                None: it is not.
        """
        if message is not None:
            mailbox = self._nodes[address].mailbox
            assert isinstance(mailbox, StageMailbox)  # no other peer has a choice
            mailbox.prefer(message)
        incarnation = self._incarnations[address]
        choice = len(self._channels) + list(self._busy).index(address)
        if dies_after is not None:  # there is an event before the work, and one before each effect
            self._plan.kill_at = self.events + 2 + dies_after
        try:
            self._one_event(choice)
        finally:
            self._plan.kill_at = 0
        if dies_after is not None and self._incarnations[address] == incarnation:
            self._supervise(address, Killed("killed after a piece of work"))

    def kill(self, address: Address) -> None:
        """Kill a peer between two pieces of work."""
        self._moves += 1
        self.done.clear()
        self._supervise(address, Killed("killed between two pieces of work"))

    def _one_event(self, choice: int) -> None:
        self._moves += 1
        self.done.clear()
        self._plan.choice, self._left = choice, 1
        self._carry_out(self._is_done)

    def _is_done(self) -> bool:
        self._left -= 1
        return self._left < 0

    def _execute(self, effect: Effect, incarnation: int) -> None:
        super()._execute(effect, incarnation)
        self.done.append(effect)

    def _clock(self) -> float:
        return float(self._moves)
