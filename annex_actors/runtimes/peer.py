"""What every actor does that hosts a node: load the last commit at the start, and carry out effects."""

from __future__ import annotations

from collections.abc import Iterable

from annex_actors.protocol.effects import Commit, Effect, Send
from annex_actors.runtimes.program import PeerSpec
from annex_actors.runtimes.tree import SupervisedJob
from supervisors import Ignore


class Peer:
    """A node, and the run that it is part of.

    Args:
        spec: the stage or trainer.
        job: its store, its registry and its observers.
    """

    def __init__(self, spec: PeerSpec, job: SupervisedJob) -> None:
        if job.failed:  # whoever is started anew in a run that has failed had better stay down
            raise Ignore
        self._job = job
        self._address = spec.address
        self._incarnation, snapshot = job.program.store.open(spec.address)
        self.node = spec.node(snapshot, self._incarnation, job.program.probe)

    def start(self, incarnation: int) -> None:
        """Say that it is up, as its supervisor counts lives, and ask the neighbours for what it missed."""
        effects = self.node.start()
        self._job.note_start(self._address, incarnation)
        self.perform(effects)

    def perform(self, effects: Iterable[Effect]) -> None:
        """Carry effects out, in their order."""
        job = self._job
        whereis = job.registry.whereis
        for effect in effects:
            if isinstance(effect, Send):
                receiver = whereis(effect.to)
                if receiver is not None:  # whoever is being restarted asks for it afterwards
                    receiver.tell(effect.envelope)
            elif isinstance(effect, Commit):
                job.program.store.commit(effect.snapshot, self._incarnation)
            else:
                job.emit(effect.event)
