"""Examine all actors of a run: their hosts are asked, and they are watched for a second."""

from __future__ import annotations

from collections.abc import Callable

from annex_actors.control.checkup import Seen, checkups
from annex_actors.control.findings import Diagnosis
from annex_actors.control.samples import Probes, Sample, sample
from annex_actors.control.view import View
from annex_actors.peers.trainer import TrainerSpec
from annex_actors.runtimes import PeerSpec, Program

WATCH_S = 0.75
"""Seconds for which the actors are watched; a host that has not answered by then does not answer."""

SECOND_ANSWER_S = 0.2
"""Seconds that the second answer of a host may take, once the first has come."""

SPARE = 64
"""Messages that may wait beyond those that the schedule needs: about commits and restarts, or sent again."""


def examine(view: View, pause: Callable[[float], object]) -> Diagnosis:
    """Return what is wrong with a run that goes on.

    Args:
        view: of the run.
        pause: waits for so many seconds, or until the run ends.
    """
    job, peers = view.job, view.program.peers
    before = {spec.address: sample(job, spec.address) for spec in peers}
    first = Probes(job, peers, deep=True)
    pause(WATCH_S)
    second = Probes(job, peers, deep=True)
    second.wait(SECOND_ANSWER_S)
    seen = [_seen(view, spec, before[spec.address], (first, second)) for spec in peers]
    found = checkups(seen, [str(spec.address) for spec in view.program.stages])
    fine = all(each.verdict == "fine" for each in found)
    return Diagnosis(run=view.run, state=view.state, fine=fine, actors=tuple(found))


def _seen(view: View, spec: PeerSpec, before: Sample, probes: tuple[Probes, Probes]) -> Seen:
    address, after = spec.address, sample(view.job, spec.address)
    first, second = probes
    return Seen(
        id=str(address),
        label=spec.label,
        before=before,
        after=after,
        answers=(first.answers.get(address), second.answers.get(address)),
        exits=view.journal.exits(address),
        allowed=_allowed(view.program) if spec in view.program.stages else None,
        stopped=after.is_stopped,
    )


def _allowed(program: Program) -> int | None:
    """Return how many messages may wait for a stage: some for each microbatch under way, and all predictions."""
    trainer = program.driver
    if not isinstance(trainer, TrainerSpec):
        return None
    microbatches = (trainer.overlap + 1) * trainer.microbatches
    return 4 * microbatches + len(program.stages) + 1 + SPARE
