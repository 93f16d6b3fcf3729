"""A layer's own code that crashes, exits or never returns ends its process, and nothing else."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Floats, Parameters
from annex_actors.layers import Activation, Saved
from annex_actors.layers.activations import Relu
from annex_actors.protocol.events import PeerExited, PeerHung
from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes import Crash, CrashPlan, Program, RunFailedError, Supervision, ThreadsRuntime
from annex_actors.runtimes.program import Observer
from tests.runtimes.processes.jobs import TRAINING, started
from tests.trainings import Seen, carry_out, fingerprints, finish, undisturbed


@dataclass(frozen=True)
class Deadly(Activation):
    """A relu that does something at the eighth forward, for the first so many times."""

    path: Path = field(kw_only=True)
    deed: Callable[[], object] = field(kw_only=True)
    times: int = field(default=1, kw_only=True)

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        if key is not None and key.step == 2 and key.microbatch == 1 and self._count() <= self.times:
            self.deed()
        return super().forward(parameters, inputs, key)

    def _count(self) -> int:
        with self.path.open("ab") as file:
            file.write(b".")
        return self.path.stat().st_size


def crash_hard() -> None:
    ctypes.string_at(0)


def leave() -> None:
    sys.stderr.write("the licence has run out\n")
    sys.stderr.flush()
    os._exit(3)


def never_return() -> None:
    while True:
        pass


def hold_the_interpreter() -> None:
    ctypes.PyDLL(None).pause()  # PyDLL does not release the interpreter's lock


def train_on_threads() -> None:
    carry_out(TRAINING.program(), ThreadsRuntime(), TRAINING.initial)


def program_with(
    tmp_path: Path,
    deed: Callable[[], object],
    times: int = 1,
    *,
    observers: tuple[Observer, ...] = (),
    **settings: object,
) -> Program:
    stages = TRAINING.stage_specs()
    deadly = replace(stages[1], layers=(Deadly(Relu(), path=tmp_path / "count", deed=deed, times=times),))
    program = TRAINING.program(observers=observers, supervision=Supervision(**settings))  # type: ignore[arg-type]
    return replace(program, stages=(stages[0], deadly, *stages[2:]))


def deaths(seen: Seen) -> list[str]:
    return [event.reason for event in seen.of(PeerExited) if not event.orderly]


def test_a_layer_may_itself_train_a_network(tmp_path: Path) -> None:
    seen = Seen()
    program = program_with(tmp_path, train_on_threads, observers=(seen,))
    finish(started(program), program, TRAINING.initial)
    assert (tmp_path / "count").exists()
    assert deaths(seen) == []


def test_a_segmentation_fault_ends_one_layer_and_changes_nothing(tmp_path: Path) -> None:
    seen = Seen()
    program = program_with(tmp_path, crash_hard, observers=(seen,))
    assert fingerprints(finish(started(program), program, TRAINING.initial)) == undisturbed(TRAINING).fingerprints
    assert deaths(seen) == ["killed by SIGSEGV in forward at step 2 microbatch 1"]


def test_a_segmentation_fault_at_the_same_message_again_and_again_ends_the_run_and_names_it(tmp_path: Path) -> None:
    program = program_with(tmp_path, crash_hard, times=100)
    job = started(program)
    with pytest.raises(RunFailedError) as caught:
        finish(job, program, TRAINING.initial)
    assert str(caught.value) == (
        "layer 1 relu: killed by SIGSEGV in forward at step 2 microbatch 1 (failed 3 times at the same message)"
    )


def test_a_crash_is_logged_once_with_the_traceback_of_its_process(caplog: pytest.LogCaptureFixture) -> None:
    program = TRAINING.program(crashes=CrashPlan([Crash(layer=1, step=2)]))
    finish(started(program), program, TRAINING.initial)
    (record,) = caplog.records
    assert record.getMessage().startswith("run/layers: child_terminated: child 'stage-1' (incarnation 1): ")
    assert caplog.text.count("InjectedCrash: crash on order") == 1


def test_an_exit_is_a_death_and_what_was_written_to_standard_error_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    seen = Seen()
    program = program_with(tmp_path, leave, observers=(seen,))
    assert fingerprints(finish(started(program), program, TRAINING.initial)) == undisturbed(TRAINING).fingerprints
    assert deaths(seen) == ["ended with exit code 3 in forward at step 2 microbatch 1"]
    assert "the licence has run out" in caplog.text


@pytest.mark.parametrize("deed", [never_return, hold_the_interpreter])
def test_a_layer_that_never_returns_is_found_and_killed_and_nothing_changes(
    tmp_path: Path, deed: Callable[[], object]
) -> None:
    seen = Seen()
    program = program_with(tmp_path, deed, observers=(seen,), hang_seconds=0.3)
    assert fingerprints(finish(started(program), program, TRAINING.initial)) == undisturbed(TRAINING).fingerprints
    assert [(event.address, event.place) for event in seen.of(PeerHung)] == [
        (stage_address(1), "forward at step 2 microbatch 1")
    ]


def test_a_layer_that_hangs_at_the_same_message_again_and_again_ends_the_run_and_names_it(tmp_path: Path) -> None:
    program = program_with(tmp_path, never_return, times=100, hang_seconds=0.2)
    job = started(program)
    with pytest.raises(RunFailedError, match=r"layer 1 relu: hung for .* s in forward at step 2 microbatch 1"):
        finish(job, program, TRAINING.initial)
