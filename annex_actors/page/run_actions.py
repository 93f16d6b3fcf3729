"""What the buttons of a page do to a run that goes on: what other terminals can do, and one thing more."""

from __future__ import annotations

from typing import Any

from annex_actors.base.errors import ConfigError
from annex_actors.control.methods import Methods, found
from annex_actors.control.requests import KilledActors, Moved, Request
from annex_actors.control.view import View, Viewer
from annex_actors.peers.stage import StageSpec
from annex_actors.runtimes.faults.injected import SLOW_S, LayerFault
from annex_actors.runtimes.hosting.job import HostedJob


class RunActions:
    """Kills, moves and slows the actors of a run, and stops it; nothing before `begin` and after `end`."""

    def __init__(self) -> None:
        self._view: View | None = None

    def begin(self, view: View) -> None:
        """Act on this run from now on."""
        self._view = view

    def end(self) -> None:
        """Act on nothing any more."""
        self._view = None

    def kill(self, actor: str) -> str:
        """Kill an actor as an external cause would; its supervisor restarts it."""
        killed = self._asked("kill", actor)
        assert isinstance(killed, KilledActors)
        return f"{actor} was killed; it was incarnation {killed.actors[0].incarnation}"

    def move(self, actor: str) -> str:
        """Move a layer or the reader to the other kind of worker, as a planned death."""
        moved = self._asked("move", actor)
        assert isinstance(moved, Moved)
        return f"{actor} moves to a {moved.worker}; it was incarnation {moved.incarnation}"

    def slow(self, actor: str) -> str:
        """Let an actor's first layer take `SLOW_S` seconds longer, once."""
        view = self._running()
        spec = found(view.program.peers, actor)
        peer = view.job.peer(spec.address) if isinstance(view.job, HostedJob) else None
        if not isinstance(spec, StageSpec) or peer is None:
            raise ConfigError(f"expected a layer that is up, got {actor}")
        try:
            peer.inject(LayerFault.SLOW, spec.first_layer)
        except RuntimeError:
            raise ConfigError("expected the runtime processes to slow a layer; here it shares a process") from None
        return f"{actor} takes {1000 * SLOW_S:.0f} ms longer at its next piece of work"

    def stop(self) -> str:
        """End the run in order, as Ctrl-C does, so that it can be resumed."""
        self._asked("stop")
        return "the run stops: the steps in flight are finished and saved"

    def _asked(self, method: Any, actor: str | None = None) -> object:
        """Return the result of a request, as another terminal would make it."""
        view = self._running()
        request = Request(method=method, actor=actor)
        response = Methods(view, lambda seconds: None).answer(request.model_dump_json().encode(), Viewer(view))
        if response.error is not None:
            raise ConfigError(response.error)
        return response.result

    def _running(self) -> View:
        if self._view is None:
            raise ConfigError("expected a run that goes on; it has not started, or is over")
        return self._view
