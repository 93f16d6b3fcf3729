"""What a worker is told of the peer that it is to host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from annex_actors.protocol.messages import Address
from annex_actors.runtimes.handed_over import Wanted
from annex_actors.runtimes.hosting.heartbeat import Heartbeat
from annex_actors.runtimes.hosting.surroundings import RunSurroundings
from annex_actors.runtimes.hosting.workers.control_messages import Assign
from annex_actors.runtimes.program import PeerSpec, Program


def assignment(
    program: Program, spec: PeerSpec, incarnation: int, number: int, commit_every: int, surroundings: RunSurroundings
) -> Assign:
    """Return the assignment of a new incarnation of a peer.

    Args:
        program: the run.
        spec: the peer.
        incarnation: as its supervisor counts.
        number: of the incarnation, as the store counts.
        commit_every: steps between two commits.
        surroundings: of the run.
    """
    return Assign(
        spec,
        incarnation,
        number,
        depth=program.store.depth,
        every=program.store.every,
        commit_every=commit_every,
        crashes=program.crashes.crashes() if program.crashes else (),
        blas_threads=program.own_threads.get(spec.address, program.blas_threads),
        wanted=_wanted(program, spec.address, surroundings),
        slowed=program.slowed,
        delayed=program.delayed,
        trace=program.trace.scope if program.trace else None,
    )


def _wanted(program: Program, address: Address, surroundings: RunSurroundings) -> Wanted | None:
    """Return what a new incarnation is to hand over."""
    handing_over = program.handing_over
    if handing_over is None:
        return None
    return replace(handing_over.wanted(), broken_off=_broken_off(surroundings.heartbeats(address)))


def _broken_off(heartbeats: Sequence[Heartbeat]) -> str | None:
    """Return the piece of work in which the last incarnation ended; None: it ended between two, or there was none."""
    return heartbeats[-1].place if heartbeats and heartbeats[-1].began is not None else None
