"""Every peer a Pykka actor on a thread of its own: the default on one machine, since NumPy releases the GIL."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from annex_actors.protocol.effects import Commit, Effect, Send
from annex_actors.protocol.messages import Envelope
from annex_actors.runtimes.program import Job, PeerSpec, Program
from annex_actors.runtimes.tree import SupervisedJob
from supervisors import Actor, ChildSpec, Ignore


class PeerActor(Actor):
    """Hosts one node: puts what arrives into it, and carries out the effects of its work.

    Args:
        spec: the stage or trainer.
        job: the run it is part of, with its store, its registry and its observers.
    """

    def __init__(self, spec: PeerSpec, job: SupervisedJob) -> None:
        super().__init__()
        self._spec = spec
        self._job = job

    def on_start(self) -> None:
        """Load the last commit, and ask the neighbours for what came after it; stay down in a run that has failed."""
        if self._job.failed:
            raise Ignore
        program = self._job.program
        self._number, snapshot = program.store.open(self._spec.address)
        self._node = self._spec.node(snapshot, self._number, program.crashes.probe)
        self._perform(self._node.start())

    def on_receive(self, envelope: Envelope) -> None:
        """Take an envelope in, and work as long as nothing else has arrived.

        What has arrived must be in the node's mailbox before the discipline chooses; where more is waiting, the next
        call goes on.
        """
        self._node.receive(envelope)
        arrived = self.actor_inbox
        while arrived.empty():
            effects = self._node.work()
            if effects is None:
                return
            self._perform(effects)

    def _perform(self, effects: Iterable[Effect]) -> None:
        job = self._job
        whereis = job.registry.whereis
        for effect in effects:
            if isinstance(effect, Send):
                receiver = whereis(effect.to)
                if receiver is not None:  # whoever is being restarted asks for it afterwards
                    receiver.tell(effect.envelope)
            elif isinstance(effect, Commit):
                job.program.store.commit(effect.snapshot, self._number)
            else:
                job.emit(effect.event)


def thread_host(spec: PeerSpec, job: SupervisedJob) -> ChildSpec:
    """Return the specification of a peer on a thread."""
    return ChildSpec.of(PeerActor, spec, job, id=spec.address, name=spec.address)


@dataclass(frozen=True, slots=True)
class ThreadsRuntime:
    """A thread for each peer."""

    name = "threads"

    def start(self, program: Program) -> Job:
        """Start the tree of supervisors, from left to right."""
        return SupervisedJob(program, thread_host)
