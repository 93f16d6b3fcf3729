"""What the buttons of a page do to a run that goes on."""

from __future__ import annotations

import os
import signal

from annex_actors.base.errors import ConfigError
from annex_actors.peers.stage import StageSpec
from annex_actors.runtimes import Job, PeerSpec, Program
from annex_actors.runtimes.faults.injected import SLOW_S, LayerFault
from annex_actors.runtimes.hosting.job import HostedJob
from annex_actors.runtimes.hosting.peer_ref import PeerRef


class RunActions:
    """Kills and slows the actors of a run, and stops it; nothing before `begin` and after `end`."""

    def __init__(self) -> None:
        self._run: tuple[Job, Program] | None = None

    def begin(self, job: Job, program: Program) -> None:
        """Act on this run from now on."""
        self._run = (job, program)

    def end(self) -> None:
        """Act on nothing any more."""
        self._run = None

    def kill(self, actor: str) -> str:
        """Kill an actor as an external cause would; its supervisor restarts it."""
        peer = self._peer(actor)
        peer.kill()
        return f"{actor} was killed; it was incarnation {peer.incarnation}"

    def slow(self, actor: str) -> str:
        """Let an actor's first layer take `SLOW_S` seconds longer, once."""
        peer, spec = self._peer(actor), self._spec(actor)
        if not isinstance(spec, StageSpec):
            raise ConfigError(f"expected a layer to slow, got {actor}")
        try:
            peer.inject(LayerFault.SLOW, spec.first_layer)
        except RuntimeError:
            raise ConfigError("expected the runtime processes to slow a layer; here it shares a process") from None
        return f"{actor} takes {1000 * SLOW_S:.0f} ms longer at its next piece of work"

    def stop(self) -> str:
        """End the run in order, as Ctrl-C does, so that it can be resumed."""
        self._running()
        os.kill(os.getpid(), signal.SIGINT)
        return "the run stops: the steps in flight are finished and saved"

    def _running(self) -> tuple[Job, Program]:
        if self._run is None:
            raise ConfigError("expected a run that goes on; it has not started, or is over")
        return self._run

    def _spec(self, actor: str) -> PeerSpec:
        _, program = self._running()
        for spec in program.peers:
            if str(spec.address) == actor:
                return spec
        raise ConfigError("expected a layer, the trainer or the reader of this run")

    def _peer(self, actor: str) -> PeerRef:
        job, _ = self._running()
        if not isinstance(job, HostedJob):
            raise ConfigError("expected the runtime threads, schedulers or processes; this one has no actors to reach")
        peer = job.peer(self._spec(actor).address)
        if peer is None:
            raise ConfigError(f"expected {actor} to be up; it is being restarted")
        return peer
