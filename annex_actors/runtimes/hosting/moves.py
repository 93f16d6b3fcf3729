"""Moves: a peer goes to another worker while the run goes on.

A move is a planned death. The supervisor of the peer stops it in order, after its current piece of work, and starts its
next incarnation on the other worker, at its last commit; its neighbours send again what came after that. So the bits
are the same, whatever is killed meanwhile, and no restart is taken from what the supervisor allows.
"""

from __future__ import annotations

from collections.abc import Mapping

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.texts import listed
from annex_actors.base.words import counted
from annex_actors.placement.worker_kind import WorkerKind
from annex_actors.protocol.events import PeerMoved
from annex_actors.protocol.messages import Address
from annex_actors.runtimes import clock
from annex_actors.runtimes.hosting.outcome import Outcome
from annex_actors.runtimes.hosting.peer_ref import Host
from annex_actors.runtimes.hosting.surroundings import RunSurroundings
from annex_actors.runtimes.hosting.tree import INPUTS, LAYERS
from annex_actors.runtimes.program import Program
from supervisors import ActorDead, SupervisorRef


class Mover:
    """Moves the peers of a run, from any thread.

    Args:
        program: the run.
        hosts: the host of each peer.
        surroundings: of the run.
        outcome: of the run.
    """

    def __init__(
        self, program: Program, hosts: Mapping[Address, Host], surroundings: RunSurroundings, outcome: Outcome
    ) -> None:
        self._labels = {spec.address: spec.label for spec in program.served}
        self._threads, self._own_threads = program.blas_threads, program.own_threads
        self._reader = None if program.reader is None else program.reader.address
        self._hosts = hosts
        self._surroundings = surroundings
        self._outcome = outcome

    def move(self, address: Address, worker: WorkerKind | str, *, block: bool) -> None:
        """Move a peer; see `HostedJob.move`."""
        label = self._label(address)
        kind = checks.member("worker", worker, WorkerKind)
        host = self._hosts[address]
        if kind not in host.workers:
            has = listed([each.value for each in host.workers])
            raise ConfigError(
                f"expected a kind of worker that the run has, {has}, got {kind}; runtime processes has both"
            )
        if kind is WorkerKind.THREAD and address in self._own_threads:
            raise ConfigError(
                f"expected a layer with {counted(self._threads, 'BLAS thread')}, as this process has, got {label} with "
                f"{self._own_threads[address]}, which decides bits; leave it in a process"
            )
        supervisor = self._supervisor(address)
        host.assign(address, kind)
        self._surroundings.emit(clock.stamped(PeerMoved(address, label, kind.value)))
        try:
            supervisor.call("replace_child", str(address), block=block)
        except ActorDead as error:
            raise _over() from error

    def _label(self, address: Address) -> str:
        if address not in self._labels:
            known = listed([str(each) for each in self._labels])
            raise ConfigError(f"expected a layer or the reader, one of {known}, got {address}, which cannot be moved")
        return self._labels[address]

    def _supervisor(self, address: Address) -> SupervisorRef:
        found = self._surroundings.registry.whereis(INPUTS if address == self._reader else LAYERS)
        if self._outcome.over or not isinstance(found, SupervisorRef):
            raise _over()
        return found


def _over() -> ConfigError:
    return ConfigError("expected a run that goes on, got one that is over, in which nothing can be moved")
