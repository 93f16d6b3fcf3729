"""A training that runs with its control server, for tests of what can be asked of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from annex_actors.control import place
from annex_actors.control.server import ControlServer
from annex_actors.runtimes import Job, Program, Supervision
from annex_actors.runtimes.hosting.job import SupervisedJob
from annex_actors.training.preparation import PreparedTraining
from annex_actors.training.result import Result
from annex_actors.training.session import Session
from tests.trainings import Training, host_named


@dataclass
class Running:
    """A training that goes on in another thread.

    Args:
        folder: of the run.
        session: of the training.
        started: set once the control server answers.
    """

    folder: Path
    session: Session
    started: threading.Event = field(default_factory=threading.Event)
    jobs: list[Job] = field(default_factory=list)
    programs: list[Program] = field(default_factory=list)

    @property
    def job(self) -> SupervisedJob:
        """The job."""
        job = self.jobs[0]
        assert isinstance(job, SupervisedJob)
        return job

    @property
    def name(self) -> str:
        """The run's name, which its messages carry."""
        return self.programs[0].run

    @property
    def result(self) -> Result:
        """The outcome, after the end."""
        assert self.session.result is not None
        return self.session.result


class _Told:
    """An attendant that says when the run is attended by those before it."""

    def __init__(self) -> None:
        self.running: Running | None = None

    @contextmanager
    def attend(self, job: Job, program: Program) -> Iterator[None]:
        """Say so."""
        assert self.running is not None
        self.running.jobs.append(job)
        self.running.programs.append(program)
        self.running.started.set()
        yield


@contextmanager
def running(
    training: Training, host: str, folder: Path, ill: Path | None = None, stages: str = "layer", **limits: Any
) -> Iterator[Running]:
    """Train in another thread during the block, with a control server; then delete the file ``ill``, and wait."""
    learner = training.learner(host_named(host), Supervision(**limits), stages)
    prepared = PreparedTraining.of(
        learner.spec, training.dataset, epochs=training.epochs, batch_size=training.batch_size
    )
    told = _Told()
    told.running = found = Running(folder, Session(prepared, attendants=[ControlServer(folder, runtime=host), told]))
    thread = threading.Thread(target=found.session.run)
    thread.start()
    try:
        assert found.started.wait(60)
        yield found
    finally:
        if ill is not None:
            ill.unlink(missing_ok=True)
        thread.join()
    assert not (folder / place.NAME).exists()
