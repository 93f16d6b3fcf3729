"""All that can be asked of a run that goes on: a list of what is allowed, and nothing else."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from pydantic import BaseModel, ValidationError

from annex_actors.base.errors import ConfigError, UserError, message_of
from annex_actors.base.shown import shown
from annex_actors.base.texts import listed
from annex_actors.control.diagnosis import examine
from annex_actors.control.requests import Killed, KilledActors, Moved, Request, Response
from annex_actors.control.view import View, Viewer
from annex_actors.peers.stage import StageSpec
from annex_actors.placement.worker_kind import WorkerKind
from annex_actors.runtimes import PeerSpec
from annex_actors.runtimes.hosting.job import HostedJob


class Methods:
    """Carries out requests on a run, one at a time.

    Args:
        view: of the run.
        pause: waits for so many seconds, or until the run ends.
    """

    def __init__(self, view: View, pause: Callable[[float], object]) -> None:
        self._view = view
        self._pause = pause

    def answer(self, line: bytes, viewer: Viewer) -> Response:
        """Carry out a request, given as a line of JSON, and return the answer; ``viewer`` is the client's own."""
        try:
            request = Request.model_validate_json(line)
        except ValidationError as error:
            return Response(error=f"expected a request such as {_EXAMPLE}, got {shown(_problem(error))}")
        try:
            return Response(result=self._result(request, viewer))
        except UserError as error:
            return Response(error=message_of(error))

    def _result(self, request: Request, viewer: Viewer) -> BaseModel:
        match request.method:
            case "status":
                return viewer.look()
            case "doctor":
                self._hosted()
                return examine(self._view, self._pause)
            case "stop":
                return self._stop(viewer)
            case "kill":
                return self._kill(request.actor or "")
            case "move":
                return self._move(request.actor or "", request.worker)

    def _stop(self, viewer: Viewer) -> BaseModel:
        """End the run as Ctrl-C does, by the signal that its command handles in the same way."""
        if not self._view.stopping:
            if not callable(signal.getsignal(signal.SIGTERM)):
                raise ConfigError("expected a run that handles SIGTERM, got one without a handler; press Ctrl-C there")
            self._view.stopping = True
            os.kill(os.getpid(), signal.SIGTERM)
        return viewer.look()

    def _kill(self, actor: str) -> KilledActors:
        """Kill an actor; or those replicas of a layer that are up, as far as possible at once."""
        job, meant = self._hosted(), _of_layer(self._view.program.peers, actor)
        specs = meant or [found(self._view.program.peers, actor)]
        up = [(spec, peer) for spec in specs if (peer := job.peer(spec.address)) is not None]
        if not up:
            label = specs[0].label
            raise ConfigError(f"expected an actor that is up, got {label}, which is being restarted; try again")
        for _, peer in up:
            peer.kill()
        return KilledActors(
            actors=tuple(
                Killed(id=str(spec.address), label=spec.label, incarnation=peer.incarnation) for spec, peer in up
            )
        )

    def _move(self, actor: str, worker: str | None) -> Moved:
        """Have an actor moved; do not wait for its start, since other clients wait for this answer."""
        job, spec = self._hosted(), found(self._view.program.peers, actor)
        started = self._view.journal.started.get(spec.address)
        there = _other_worker(job, spec) if worker is None else worker
        job.move(spec.address, there, block=False)
        incarnation = started.incarnation if started else 0
        return Moved(id=str(spec.address), label=spec.label, incarnation=incarnation, worker=there)

    def _hosted(self) -> HostedJob:
        job = self._view.job
        if not isinstance(job, HostedJob):
            raise ConfigError(
                f"expected a runtime whose actors can be reached, such as threads, got {self._view.runtime}"
            )
        return job


def _other_worker(job: HostedJob, spec: PeerSpec) -> str:
    """Return the kind of worker that a peer does not live on; where all are alike, that kind."""
    peer = job.peer(spec.address)
    if peer is None:
        raise ConfigError(f"expected an actor that is up, got {spec.label}, which is being restarted; try again")
    mine = WorkerKind.THREAD if peer.pid is None and not peer.node else WorkerKind.PROCESS
    return next((each for each in job.workers if each is not mine), mine)


_EXAMPLE = '{"method": "status"}'


def _problem(error: ValidationError) -> str:
    return str(error.errors()[0]["msg"])


def found(peers: tuple[PeerSpec, ...], actor: str) -> PeerSpec:
    """Return the peer that a user means.

    Args:
        peers: of the run.
        actor: the index of a layer, ``2:1`` for replica 1 of layer 2, an id such as ``stage-1``, or a part of a label
            such as ``relu``.

    Raises:
        ConfigError: there is none, or more than one; the message lists them.
    """
    exact = [spec for spec in peers if actor in (str(spec.address), spec.label)]
    matching = (
        exact
        or _of_layer(peers, actor)
        or [spec for spec in peers if actor and actor.casefold() in spec.label.casefold()]
    )
    if len(matching) == 1:
        return matching[0]
    known = listed([f"{spec.address} ({spec.label})" for spec in matching or peers])
    wanted = "one of" if matching else "a layer's index, or an actor's id or label, among"
    raise ConfigError(f"expected {wanted} {known}, got {shown(actor)}")


def _of_layer(peers: tuple[PeerSpec, ...], layer: str) -> list[PeerSpec]:
    """Return the actors of a layer, given its index: all replicas, or the one after a colon; none if it is no index."""
    index, colon, replica = layer.partition(":")
    stages = [spec for spec in peers if isinstance(spec, StageSpec)] if index.isdecimal() else []
    having = [spec for spec in stages if int(index) in range(spec.first_layer, spec.first_layer + len(spec.parts))]
    return [spec for spec in having if not colon or replica == str(spec.replica)]
