"""Small trainings for the lessons: on XOR, on the inline runtime, in some milliseconds, the same on each machine."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from textwrap import wrap

from annex_actors.data import load
from annex_actors.layers import activation, dense, sequence
from annex_actors.runtimes import Crash, InlineRuntime, Program, Runtime
from annex_actors.stores import MemoryStore
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.learner import Learner
from annex_actors.training.preparation import PreparedTraining

COLUMNS = 76
"""Of the lines that a run shows."""

SAMPLES = 4
"""Of XOR; each step learns from all of them."""


def sentence(text: str) -> list[str]:
    """Return a sentence as lines that a run may show."""
    return wrap(text, COLUMNS, subsequent_indent="    ")


def xor_learner(microbatches: int = 2, runtime: str | Runtime = "inline") -> Learner:
    """Return what trains a network of three layers for XOR."""
    network = sequence(dense(3), activation("tanh"), dense(2))
    return Learner(network, microbatches=microbatches, schedule="gpipe", seed=1, runtime=runtime)


def xor_training(steps: int, microbatches: int = 2, crashes: Sequence[Crash] = ()) -> PreparedTraining:
    """Return a training of that network, which nothing has started yet."""
    spec = xor_learner(microbatches).spec
    return PreparedTraining.of(spec, load("xor"), epochs=steps, batch_size=SAMPLES, crashes=crashes)


def program_of(training: PreparedTraining, store: MemoryStore | None = None) -> Program:
    """Return a training as a program for any runtime, with a store of its own."""
    addresses = [spec.address for spec in training.program(MemoryStore(), ()).stages]
    return training.program(MemoryStore(addresses) if store is None else store, ())


def finished(program: Program, training: PreparedTraining, runtime: Runtime | None = None) -> Checkpoint:
    """Carry a program out, and return what all its stages have committed.

    Raises:
        RunFailedError: it cannot go on.
    """
    with closing((runtime or InlineRuntime()).start(program)) as job:
        job.wait()
    return Checkpoint.gather(program.store, [spec.address for spec in program.stages], training.initial)
