"""Every peer a Pykka actor on a thread of its own; NumPy releases the interpreter's lock."""

from __future__ import annotations

from dataclasses import dataclass

from annex_actors.protocol.messages import Envelope
from annex_actors.runtimes.hosting.node_host import NodeHost, Surroundings
from annex_actors.runtimes.hosting.tree import SupervisedJob
from annex_actors.runtimes.program import Job, PeerSpec, Program
from supervisors import Actor, ChildSpec


class PeerActor(Actor):
    """Hosts one node: puts what arrives into it, and carries out the effects of its work.

    Args:
        spec: the stage or trainer.
        surroundings: the run it is part of.
    """

    def __init__(self, spec: PeerSpec, surroundings: Surroundings) -> None:
        super().__init__()
        self._spec = spec
        self._surroundings = surroundings

    def on_start(self) -> None:
        """Load the last commit, and ask the neighbours for what came after it."""
        self._peer = NodeHost(self._spec, self._surroundings)
        self._peer.start(self.incarnation)

    def on_receive(self, envelope: Envelope) -> None:
        """Take an envelope in, and work as long as nothing else has arrived.

        What has arrived must be in the node's mailbox before the discipline chooses; where more is waiting, the next
        call goes on.
        """
        peer, arrived = self._peer, self.actor_inbox
        peer.node.receive(envelope)
        while arrived.empty() and peer.work():
            pass


def thread_host(spec: PeerSpec, job: SupervisedJob) -> ChildSpec:
    """Return the specification of a peer on a thread."""
    return ChildSpec.of(PeerActor, spec, job, id=str(spec.address), name=spec.address)


@dataclass(frozen=True, slots=True)
class ThreadsRuntime:
    """A thread for each peer."""

    name = "threads"

    def start(self, program: Program) -> Job:
        """Start the tree of supervisors, from left to right."""
        return SupervisedJob(program, thread_host)
