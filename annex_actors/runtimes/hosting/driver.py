"""What the owner of a run has to do with its driver, the peer that feeds the others: it halts it, and asks it."""

from __future__ import annotations

from contextlib import suppress
from queue import Empty, SimpleQueue

from annex_actors.protocol.messages import OWNER, WHOLE_STEP, Address, Envelope, Halt, Message
from annex_actors.runtimes.hosting.outcome import WAKE_UP_S, Outcome
from annex_actors.runtimes.hosting.peer_ref import Peers
from annex_actors.runtimes.program import Program, RunFailedError
from supervisors import ChildReady, Registry
from supervisors import Event as TreeEvent


class Driver:
    """The driver, as the owner sees it: told to halt or asked, it is so in every incarnation, until it has answered.

    Args:
        program: the run.
        peers: the peers that are up.
        registry: where the driver finds the owner, to answer.
        outcome: of the run.
    """

    def __init__(self, program: Program, peers: Peers, registry: Registry, outcome: Outcome) -> None:
        self._address: Address = program.driver.address
        self._halt = Halt(program.run, 0, WHOLE_STEP, WHOLE_STEP)
        self._peers = peers
        self._outcome = outcome
        self._answers = _Answers()
        self._open: dict[int, Message] = {}
        """What the owner has said and the driver has not answered, by its number; `Halt` is never answered."""
        registry.register(OWNER, self._answers)

    def halt(self) -> None:
        """Ask it to feed no further step."""
        self._say(self._halt)

    def ask(self, question: Message) -> Message:
        """Ask it, and return its answer; may be called from several threads.

        Raises:
            Exception: see `Job.ask`.
        """
        number, answers = question.microbatch, SimpleQueue[Message]()
        self._answers.expected[number] = answers
        try:
            self._say(question)
            return self._awaited(answers)
        finally:
            del self._open[number], self._answers.expected[number]

    def on_tree_event(self, event: TreeEvent) -> None:
        """Tell its next incarnation all that is open; a hook of the tree."""
        if isinstance(event, ChildReady) and event.id == str(self._address):
            for message in list(self._open.values()):
                self._tell(message)

    def _awaited(self, answers: SimpleQueue[Message]) -> Message:
        while not self._outcome.over:
            with suppress(Empty):
                return answers.get(timeout=WAKE_UP_S)
        with suppress(Empty):  # it was answered before the end
            return answers.get_nowait()
        self._outcome.wait()
        raise RunFailedError("the run is over, and answers no more")

    def _say(self, message: Message) -> None:
        # First kept, then told: a driver that is restarted in between is told at its start.
        self._open[message.microbatch] = message
        self._tell(message)

    def _tell(self, message: Message) -> None:
        peer = self._peers.at(self._address)
        if peer is not None:
            peer.tell(Envelope(OWNER, 1, 0, message))


class _Answers:
    """The owner's place among the peers. It is told in the driver's thread, which may be killed at any instruction.

    So it takes no lock, and an answer that is lost is asked for again.
    """

    def __init__(self) -> None:
        self.expected: dict[int, SimpleQueue[Message]] = {}

    def tell(self, envelope: Envelope) -> None:
        """Give an answer to the thread that waits for it."""
        answers = self.expected.get(envelope.message.microbatch)
        if answers is not None:
            answers.put(envelope.message)
