"""Run a training: handle Ctrl-C, save checkpoints, and gather the result, however the run ends."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace

from annex_actors.base import checks
from annex_actors.metrics import preload
from annex_actors.peers.trainer_state import TrainerState
from annex_actors.protocol.events import EpochFinished, Evaluated
from annex_actors.protocol.routing import TRAINER
from annex_actors.runtimes import Job, Observer, Program, clock
from annex_actors.runtimes.blas import self_test
from annex_actors.runtimes.handed_over import HandingOver
from annex_actors.stores import MemoryStore
from annex_actors.training.attendants import Attendant, attended
from annex_actors.training.best import BestWeights
from annex_actors.training.checkpoint import Checkpoint, Evaluation
from annex_actors.training.checkpoint_files import Checkpoints
from annex_actors.training.checkpoint_writer import CheckpointWriter
from annex_actors.training.history import History
from annex_actors.training.interrupts import Interrupts
from annex_actors.training.learner_spec import LearnerSpec
from annex_actors.training.memory import check_memory
from annex_actors.training.preparation import PreparedTraining
from annex_actors.training.result import InterruptedRun, Result
from annex_actors.training.traced import traced


def start(spec: LearnerSpec, program: Program) -> Job:
    """Start a program on the learner's runtime, after a self-test of its kernels.

    Raises:
        BrokenBlasError: the library that computes the matrix products returns wrong results.
    """
    self_test(spec.kernels, spec.hosting.blas_threads)
    return spec.runtime.start(traced(program, spec.runtime))


class Session:
    """One training, from the start of its first actor to the end of its last.

    Args:
        training: what to run.
        observers: called with the run's events.
        checkpoints: where and how often to save the run; None: not at all.
        attendants: are beside the run while it goes on; those that are observers are shown its events.
        handing_over: see `Program`.
    """

    def __init__(
        self,
        training: PreparedTraining,
        *,
        observers: Sequence[Observer] = (),
        checkpoints: Checkpoints | None = None,
        attendants: Sequence[Attendant] = (),
        handing_over: HandingOver | None = None,
    ) -> None:
        observers = checks.elements("observers", observers, Observer, "an observer, with a method on_event(event)")
        wanted = "an attendant, with a method attend(job, program)"
        self._attendants = checks.elements("attendants", attendants, Attendant, wanted)
        if checkpoints is not None:
            checks.instance("checkpoints", checkpoints, Checkpoints, 'a folder such as Checkpoints("checkpoints")')
            checkpoints.check_place()
        check_memory(training)
        self.result: Result | None = None
        self._training = training
        self._stages = training.saved_stages
        self._best = BestWeights(training.trainer.best, training.initial)
        self._writer = CheckpointWriter(checkpoints, self._best, self._history) if checkpoints else None
        self._store = MemoryStore(
            self._stages,
            depth=training.trainer.overlap + 1,
            every=checkpoints.every if checkpoints else 0,
            on_cut=self._writer.offer if self._writer else None,
        )
        history = training.initial.history
        # A value of its own, since the program holds it: a method of the session would keep the session alive.
        self._stopwatch = _Stopwatch(history[-1].seconds if history else 0.0)
        watching = [each for each in self._attendants if isinstance(each, Observer)]
        program = training.program(self._store, [*observers, *watching], self._stopwatch)
        self._program = replace(program, handing_over=handing_over)
        self._interrupted = False

    def run(self) -> Result:
        """Run the training; once it has started and is attended, ``result`` is set, however it ends.

        Raises:
            UserError, RunFailedError, InterruptedRun: see `Learner.train`; or an attendant does not start.
        """
        if self._training.trainer.test is not None:
            preload(self._training.trainer.metrics or ())
        with Interrupts() as interrupts, self._writer or nullcontext():
            self._stopwatch.start()
            program = traced(self._program, self._training.spec.runtime)
            job = start(self._training.spec, program)
            if self._writer is not None:
                self._writer.attach(job)
            started = finished = False
            try:
                with attended(self._attendants, job, program):
                    started = True
                    self._wait(job, interrupts)
                finished = not self._interrupted
            finally:
                job.close()
                if started:
                    self.result = self._gather_result(job, finished=finished)
        assert self.result is not None  # else an attendant's error was raised
        if self._interrupted:
            raise InterruptedRun(self.result)
        return self.result

    def _wait(self, job: Job, interrupts: Interrupts) -> None:
        """Wait for the end; a first Ctrl-C lets the steps in flight finish, a second one ends that wait."""
        try:
            with interrupts.let_through():
                job.wait()
        except KeyboardInterrupt:
            self._interrupted = True
            job.halt()
            with interrupts.let_through():
                job.wait()

    def _gather_result(self, job: Job, *, finished: bool) -> Result:
        initial, batches = self._training.initial, self._training.trainer.batches
        recorded = self._history() or (*initial.history, *initial.evaluations)
        last = self._best.beside(Checkpoint.gather(self._store, self._stages, initial, recorded), self._store.kept)
        assert last is not None  # the trainer names the best epoch's end in the commit that has the epoch
        restored = last.best if finished else None
        return Result(
            checkpoint=restored or last,
            history=History(each for each in recorded if isinstance(each, EpochFinished)),
            evaluations=tuple(each for each in recorded if isinstance(each, Evaluated)),
            restarts=job.restarts,
            seconds=job.seconds,
            samples=sum(batches.size(step) for step in range(initial.step, last.step)),
            stages=self._training.trainer.routing.workers,
            microbatches=self._training.trainer.microbatches,
            interrupted=self._interrupted,
            last=last if restored else None,
        )

    def _history(self) -> tuple[Evaluation, ...]:
        """Return the epochs that the trainer has finished, and its evaluations within epochs."""
        commit = self._store.latest(TRAINER)
        state = commit.state if commit is not None else None
        return (*state.history, *state.evaluations) if isinstance(state, TrainerState) else ()


class _Stopwatch:
    """How long a run has taken so far, in seconds, with its finished epochs from before a resume.

    Args:
        before: how long those took.
    """

    def __init__(self, before: float) -> None:
        self._before = before
        self._began: float | None = None

    def start(self) -> None:
        """Begin to count."""
        self._began = clock.now()

    def __call__(self) -> float:
        return self._before + (0.0 if self._began is None else clock.now() - self._began)
