"""Checkpoints are whole or skipped, few, and never waited for."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from threading import Event as Flag
from typing import Any, cast

import pytest

from annex_actors.base.errors import ConfigError, DataError
from annex_actors.layers import dense, sequence
from annex_actors.protocol.events import CheckpointFailed, CheckpointSaved, Event
from annex_actors.protocol.routing import stage_address
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes import Job, RunFailedError
from annex_actors.runtimes.simulated import SimulatedRuntime
from annex_actors.training.best import BestWeights
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.checkpoint_files import Checkpoints
from annex_actors.training.checkpoint_writer import CheckpointWriter
from tests.trainings import Training, at_every_step, fingerprints, undisturbed

TRAINING = Training(schedule="pipedream", microbatches=1, epochs=2)
EPOCH = undisturbed(TRAINING).history[0]


def checkpoint(step: int) -> Checkpoint:
    """Return the checkpoint of a run at a step; from step 3 with a finished epoch."""
    return at_every_step(TRAINING)[step]


@pytest.fixture
def folder(tmp_path: Path) -> Checkpoints:
    return Checkpoints(tmp_path / "checkpoints", every=1, keep=2)


def newest(folder: Checkpoints) -> tuple[Checkpoint | None, list[str]]:
    notes = list[str]()
    return folder.newest(TRAINING.prepared, notes.append), notes


def test_a_checkpoint_is_restored_to_the_bit_with_costs_and_epochs(folder: Checkpoints) -> None:
    folder.write(checkpoint(4))
    found, notes = newest(folder)
    assert found is not None
    assert fingerprints(found) == fingerprints(checkpoint(4))
    assert (found.step, found.costs, found.history) == (4, checkpoint(4).costs, (EPOCH,))
    assert notes == []


def test_the_newest_are_kept(folder: Checkpoints) -> None:
    for step in (1, 2, 3, 4):
        folder.write(checkpoint(step))
    assert folder.steps() == [3, 4]


def test_what_is_written_is_kept_beside_damaged_checkpoints_of_later_steps(folder: Checkpoints) -> None:
    for step in (5, 6):
        folder.write(checkpoint(step))
        max(folder.path.iterdir()).write_bytes(b"damaged")
    for step in (1, 2, 3):
        folder.write(checkpoint(step))
    assert folder.steps() == [2, 3, 5, 6]
    found, notes = newest(folder)
    assert found is not None
    assert (found.step, len(notes)) == (3, 2)


def test_all_are_kept_if_that_is_asked_for(tmp_path: Path) -> None:
    folder = Checkpoints(tmp_path / "checkpoints", keep="all")
    for step in (1, 2, 3, 4):
        folder.write(checkpoint(step))
    assert folder.steps() == [1, 2, 3, 4]


def test_without_a_checkpoint_nothing_is_noted(folder: Checkpoints) -> None:
    assert newest(folder) == (None, [])


def damaged(folder: Checkpoints, content: bytes) -> None:
    """Write two checkpoints, damage the newer, and check that the older is found and the newer is named."""
    folder.write(checkpoint(1))
    folder.write(checkpoint(2))
    path = max(folder.path.iterdir())
    path.write_bytes(content)
    found, notes = newest(folder)
    assert found is not None
    assert found.step == 1
    assert len(notes) == 1
    assert str(path) in notes[0]
    with pytest.raises(DataError, match="expected a whole checkpoint"):
        folder.at(2, TRAINING.prepared)


def content(folder: Checkpoints) -> bytes:
    folder.write(checkpoint(2))
    return max(folder.path.iterdir()).read_bytes()


@pytest.mark.parametrize("part", [0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_checkpoint_is_skipped(folder: Checkpoints, part: float) -> None:
    whole = content(folder)
    damaged(folder, whole[: int(part * len(whole))])


@pytest.mark.parametrize("seed", range(20))
def test_a_checkpoint_with_a_flipped_bit_is_skipped(folder: Checkpoints, seed: int) -> None:
    whole = bytearray(content(folder))
    random = Random(seed)
    whole[random.randrange(len(whole))] ^= 1 << random.randrange(8)
    damaged(folder, bytes(whole))


def test_a_checkpoint_of_another_network_is_skipped(folder: Checkpoints) -> None:
    folder.write(checkpoint(1))
    notes = list[str]()
    wider = replace(TRAINING, network=sequence(dense(7), *TRAINING.network.layers[1:]))
    assert folder.newest(wider.prepared, notes.append) is None
    assert "expected weights that fit the network" in notes[0]


def test_the_temporary_file_of_a_killed_job_is_deleted(folder: Checkpoints) -> None:
    folder.write(checkpoint(1))
    (folder.path / ".step-000000002.safetensors.0123456789ab").write_bytes(b"half")
    folder.sweep()
    assert [path.name for path in folder.path.iterdir()] == ["step-000000001.safetensors"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"every": -1}, "expected `every` to be an integer >= 0, got -1"),
        ({"keep": 0}, "expected `keep` to be an integer >= 1, got 0"),
        ({"keep": "some"}, "expected `keep` to be an integer >= 1 or \"all\", got 'some'"),
    ],
)
def test_an_invalid_policy_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Checkpoints(Path("checkpoints"), **settings)  # type: ignore[arg-type]
    assert str(caught.value) == message


# The writer


def cut(step: int) -> tuple[Snapshot, ...]:
    """Return the commits of a stage for each layer and one for the cost."""
    layers = len(TRAINING.network.layers)
    return tuple(
        Snapshot(stage_address(at), step, checkpoint(step).stage_state(at, int(at < layers), with_costs=at == layers))
        for at in range(layers + 1)
    )


class Emitted:
    """Stands for a job: events and failures, in the order in which they came."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.failures: list[RunFailedError] = []
        self.any = Flag()

    def fail(self, error: RunFailedError) -> None:
        self.failures.append(error)
        self.any.set()

    def emit(self, event: Event) -> None:
        self.events.append(event)
        self.any.set()


@pytest.fixture
def emitted() -> Emitted:
    return Emitted()


def writer_to(folder: Checkpoints, emitted: Emitted) -> CheckpointWriter:
    writer = CheckpointWriter(folder, BestWeights(None, TRAINING.initial), lambda: (EPOCH,))
    writer.attach(cast(Job, emitted))
    return writer


def test_offered_checkpoints_are_on_the_disk_when_the_writer_has_ended(folder: Checkpoints, emitted: Emitted) -> None:
    with writer_to(folder, emitted) as writing:
        writing.offer(4, cut(4), {})
    assert emitted.events == [CheckpointSaved(4)]
    found, _ = newest(folder)
    assert found is not None
    assert fingerprints(found) == fingerprints(checkpoint(4))
    assert found.history == (EPOCH,)


def test_epochs_that_ended_after_the_checkpoint_are_left_out(folder: Checkpoints, emitted: Emitted) -> None:
    with writer_to(folder, emitted) as writing:
        writing.offer(2, cut(2), {})
    found, _ = newest(folder)
    assert found is not None
    assert found.history == ()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Flag, Flag]]:
    """Make the disk block: the first flag is set when it does, and setting the second lets it continue."""
    waits, goes_on, sync = Flag(), Flag(), os.fsync

    def wait(fd: int) -> None:
        waits.set()
        goes_on.wait()
        sync(fd)

    monkeypatch.setattr(os, "fsync", wait)
    yield waits, goes_on
    goes_on.set()


def test_a_slow_disk_is_not_waited_for_and_the_newest_waiting_checkpoint_is_written(
    folder: Checkpoints, emitted: Emitted, slow: tuple[Flag, Flag]
) -> None:
    waits, goes_on = slow
    with writer_to(folder, emitted) as writing:
        writing.offer(1, cut(1), {})
        waits.wait()
        for step in (2, 3, 4):
            writing.offer(step, cut(step), {})
        goes_on.set()
    assert emitted.events == [CheckpointSaved(1), CheckpointSaved(4)]


def test_a_full_disk_is_reported_the_earlier_checkpoints_stay_and_the_next_is_tried(
    folder: Checkpoints, emitted: Emitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    with writer_to(folder, emitted) as writing:
        writing.offer(1, cut(1), {})
        emitted.any.wait()
        emitted.any.clear()
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            writing.offer(2, cut(2), {})
            emitted.any.wait()
            emitted.any.clear()
        assert folder.steps() == [1]
        assert len(list(folder.path.iterdir())) == 1
        writing.offer(3, cut(3), {})
    assert emitted.events == [CheckpointSaved(1), CheckpointFailed(2, "No space left on device"), CheckpointSaved(3)]


# A fault that no disk has


def broken(*_arguments: Any, **_options: Any) -> None:
    raise KeyError("a fault\nof ours")


FAULT = "the checkpoint of step {step} in {path} could not be written: KeyError: 'a fault\\nof ours'"


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    """No checkpoint can be packed."""
    monkeypatch.setattr("annex_actors.training.checkpoint_files.packed", broken)


@pytest.mark.usefixtures("faulty")
def test_an_unexpected_error_is_told_to_the_job_at_once_and_nothing_is_written_after_it(
    folder: Checkpoints, emitted: Emitted
) -> None:
    with pytest.raises(RunFailedError), writer_to(folder, emitted) as writing:
        writing.offer(1, cut(1), {})
        emitted.any.wait()
        writing.offer(2, cut(2), {})
    assert [str(failure) for failure in emitted.failures] == [FAULT.format(step=1, path=folder.path)]
    assert isinstance(emitted.failures[0].__cause__, KeyError)
    assert emitted.events == []


@pytest.mark.usefixtures("faulty")
def test_an_unexpected_error_is_not_lost_whenever_the_writer_is_attached(folder: Checkpoints, emitted: Emitted) -> None:
    with pytest.raises(RunFailedError), CheckpointWriter(folder, BestWeights(None, TRAINING.initial), tuple) as writing:
        writing.offer(1, cut(1), {})
    with pytest.raises(RunFailedError), CheckpointWriter(folder, BestWeights(None, TRAINING.initial), tuple) as writing:
        writing.offer(1, cut(1), {})
        writing.attach(cast(Job, emitted))
    assert len(set(emitted.failures)) == 1


@pytest.mark.usefixtures("faulty", "no_thread_is_left")
@pytest.mark.parametrize("runtime", ["inline", SimulatedRuntime(), "threads", "schedulers", "processes"], ids=str)
def test_an_unexpected_error_of_a_checkpoint_ends_the_run_with_one_line_that_names_it(
    folder: Checkpoints, runtime: Any
) -> None:
    learner = TRAINING.learner(runtime)
    with pytest.raises(RunFailedError) as caught:
        learner.train(TRAINING.dataset, epochs=10**6, batch_size=TRAINING.batch_size, checkpoints=folder)
    found = re.fullmatch(r"the checkpoint of step (\d+) in (.*) could not be written: KeyError: .*", str(caught.value))
    assert found
    assert found[2] == str(folder.path)
    assert learner.result is not None
    assert learner.result.checkpoint.step >= int(found[1])
