"""Checkpoints on the disk, from which a run is resumed after all its processes were killed.

A checkpoint is one file, ``checkpoints/step-000000120.safetensors``: weights, optimizer slots, stashed weights and
costs as arrays, the finished epochs and the training's identity as JSON in its metadata. It is written under a
temporary name, flushed to the disk and then renamed, so that a file of that name is whole unless the disk itself has
lost data. A checksum over names, shapes and bytes detects that, and the checkpoint before is used. CRC-32, since it
guards against accidents and takes half the time of SHA-256. That the parts fit together is checked besides: a file may
have been edited, or copied from another run, by someone who computed the checksum as well.

A separate thread writes the checkpoints from commits, which are immutable: training never waits for the disk. If the
disk is too slow, fewer are written: of those that are waiting only the newest.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Any, Self
from zlib import crc32

import numpy as np
from safetensors.numpy import save

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, DataError, UserError, message_of
from annex_actors.base.files import read_file, reading, reason, writing
from annex_actors.base.shown import shown
from annex_actors.base.types import Array
from annex_actors.protocol.events import CheckpointFailed, CheckpointSaved, EpochFinished, Event
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes import Job, RunFailedError
from annex_actors.runtimes.hosting.failures import chained, one_line
from annex_actors.training.array_files import arrays_in
from annex_actors.training.atomic_files import sweep, write_whole
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.identity import Identity
from annex_actors.training.preparation import PreparedTraining

ALL = "all"
"""The policy that keeps every checkpoint."""

_NAME, _NAMES = "step-{:09}.safetensors", re.compile(r"step-([0-9]{9,18})\.safetensors")
_WEIGHTS, _OPTIMIZER, _STASH, _COSTS = "weights.", "optimizer.", "stash.", "costs"
_OF_AN_EPOCH = ("epoch", "steps", "train_cost", "test_cost", "metrics")


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """A folder of checkpoints, and when checkpoints are added and dropped.

    Args:
        path: the folder; made with the first checkpoint.
        every: steps between two checkpoints, >= 1; or 0 for none during the run.
        keep: how many of the newest to keep, >= 1, or ``all``. With two, one is left if the other is damaged.

    Raises:
        ConfigError: a value out of range.
    """

    path: Path
    every: int = 10
    keep: int | str = 2

    def __post_init__(self) -> None:
        if isinstance(self.keep, str) and self.keep != ALL:
            raise ConfigError(f'expected `keep` to be an integer >= 1 or "{ALL}", got {shown(self.keep)}')
        checks.keep(
            self,
            path=checks.path("path", self.path),
            every=checks.whole_number("every", self.every, at_least=0),
            keep=self.keep if isinstance(self.keep, str) else checks.whole_number("keep", self.keep, at_least=1),
        )

    def check_place(self) -> None:
        """Refuse a folder that cannot be made; during a run it would be too late.

        Raises:
            ConfigError: the folder is a file, or the folder that it is to be made in does not exist.
        """
        if not os.path.isdir(self.path if os.path.lexists(self.path) else self.path.parent):
            raise ConfigError(f"expected checkpoints in a new folder of an existing one, got {self.path}; correct it")

    def write(self, checkpoint: Checkpoint) -> None:
        """Add a checkpoint, and delete the oldest if there are more than ``keep``.

        Later steps do not count: they are of another training, or damaged, and this training may still reach them.

        Raises:
            OSError: the folder cannot be written, or the disk is full; the earlier checkpoints are whole.
        """
        self.path.mkdir(exist_ok=True)
        write_whole(self._file(checkpoint.step), packed(checkpoint))
        if isinstance(self.keep, int):
            for step in [step for step in self._steps() if step <= checkpoint.step][: -self.keep]:
                self._file(step).unlink(missing_ok=True)

    def steps(self) -> list[int]:
        """Return the steps of all checkpoints, whole or damaged, in ascending order; files of other names do not count.

        Raises:
            DataError: the folder cannot be read.
        """
        with reading(self.path):
            return self._steps()

    def newest(self, training: PreparedTraining, note: Callable[[str], None]) -> Checkpoint | None:
        """Return the newest checkpoint that is whole; None if there is none.

        Args:
            training: the training that wrote them, in its settings and data.
            note: called with a message for each damaged checkpoint that is skipped.
        """
        for step in reversed(self.steps()):
            try:
                return self.at(step, training)
            except DataError as error:
                note(message_of(error))
        return None

    def at(self, step: int, training: PreparedTraining) -> Checkpoint:
        """Return the checkpoint at a step; for ``training`` see `newest`.

        Raises:
            DataError: the file is damaged, of another training, or cannot be read; the message names it.
        """
        path = self._file(step)
        with reading(path):
            content = read_file(path)
        try:
            checkpoint = unpacked(*arrays_in(content), training.initial)
            if checkpoint.step != step:
                raise DataError(f"expected step {step}, as the file's name says, got {checkpoint.step}")
            training.check(checkpoint)
        except (UserError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DataError(f"expected a whole checkpoint at {path}, got a damaged one: {message_of(error)}") from error
        return checkpoint

    def sweep(self) -> None:
        """Delete the temporary files of a job that was killed while writing.

        Raises:
            ConfigError: the folder cannot be read or changed.
        """
        with writing(self.path, "a folder of checkpoints"):
            sweep(self.path, lambda name: _NAMES.fullmatch(name) is not None)

    def _steps(self) -> list[int]:
        try:
            with os.scandir(self.path) as entries:
                found = [_NAMES.fullmatch(each.name) for each in entries if not each.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            return []
        # Only the name that a step has, which 0000000000000 is not.
        return sorted(int(name[1]) for name in found if name and _NAME.format(int(name[1])) == name[0])

    def _file(self, step: int) -> Path:
        return self.path / _NAME.format(step)


def packed(checkpoint: Checkpoint, **more: str) -> bytes:
    """Return the content of a checkpoint's file; ``more`` is additional text for its metadata."""
    arrays: dict[str, Array] = {
        **{_WEIGHTS + name: array for name, array in checkpoint.weights.items()},
        **{_OPTIMIZER + name: array for name, array in checkpoint.optimizer.items()},
        **{_STASH + name: array for name, array in checkpoint.stashed.items()},
        _COSTS: np.array(checkpoint.costs, np.float64),
    }
    history = [{name: getattr(epoch, name) for name in _OF_AN_EPOCH} for epoch in checkpoint.history]
    text = {
        "step": str(checkpoint.step),
        "history": json.dumps(history),
        "identity": (checkpoint.identity or Identity({})).to_json(),
        **more,
    }
    return save(arrays, {**text, "crc32": _checksum(arrays, text)})


def unpacked(arrays: Mapping[str, Array], metadata: Mapping[str, str], initial: Checkpoint) -> Checkpoint:
    """Return the checkpoint in a file, given its arrays and metadata, and the network before its first step.

    Raises:
        DataError: the file is damaged, or of another network.
        ValueError, KeyError, TypeError, AttributeError, RecursionError: it is damaged in such a way that they occur.
    """
    written, text = metadata["crc32"], {name: each for name, each in metadata.items() if name != "crc32"}
    if _checksum(arrays, text) != written:
        raise DataError(f"expected the checksum {written}, got another; the disk has lost something")
    costs = arrays[_COSTS]
    if costs.dtype != np.float64 or costs.ndim != 1:
        raise DataError(f"expected costs in one row of float64, got shape {costs.shape} {costs.dtype}")
    return Checkpoint.from_arrays(
        initial,
        step=int(metadata["step"]),
        weights=_part(arrays, _WEIGHTS),
        optimizer=_part(arrays, _OPTIMIZER),
        costs=costs.tolist(),
        stash=_part(arrays, _STASH),
        history=[_epoch(fields) for fields in json.loads(metadata["history"])],
        identity=Identity.from_json(metadata["identity"]),
    )


def _epoch(fields: Mapping[str, Any]) -> EpochFinished:
    return EpochFinished(**{name: fields[name] for name in _OF_AN_EPOCH})


def _checksum(arrays: Mapping[str, Array], text: Mapping[str, str]) -> str:
    value = crc32(json.dumps(text, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        value = crc32(array.data, crc32(f"{name} {array.dtype.str} {array.shape}\n".encode(), value))
    return f"{value:08x}"


def _part(arrays: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


class CheckpointWriter:
    """A thread that writes checkpoints during a run.

    The job to which it is attached shows an event for each checkpoint, saved or failed: a full disk may have room
    later, so the next one is tried. Anything else ends the run, since its owner counts on checkpoints.

    Args:
        checkpoints: where to write.
        initial: the checkpoint that the run began with.
        history: returns the finished epochs.
    """

    def __init__(
        self, checkpoints: Checkpoints, initial: Checkpoint, history: Callable[[], tuple[EpochFinished, ...]]
    ) -> None:
        self._job: Job | None = None
        self._failure: RunFailedError | None = None
        self._checkpoints = checkpoints
        self._initial = initial
        self._history = history
        self._cuts: SimpleQueue[tuple[Snapshot, ...] | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="checkpoints", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is waiting, and end the thread; drop ``history`` and the job, which refer back to the writer.

        Raises:
            RunFailedError: something unexpected happened to a checkpoint, and the run has ended without hearing of it.
        """
        self._cuts.put(None)
        self._thread.join()
        self._history, self._job = tuple, None
        failure, self._failure = self._failure, None
        try:
            if error is None and failure is not None:
                raise failure
        finally:
            del failure  # else its traceback would refer to this frame, which refers to it

    def attach(self, job: Job) -> None:
        """Show events in a job, and end it if something unexpected happens, or has happened already."""
        self._job = job
        if self._failure is not None:
            job.fail(self._failure)

    def offer(self, step: int, cut: tuple[Snapshot, ...]) -> None:
        """Accept the commits of all stages at a step; never block, and take no lock that a kill could leave locked."""
        self._cuts.put(cut)

    def _run(self) -> None:
        is_open = True
        while is_open:
            waiting = [self._cuts.get()]
            while True:
                try:
                    waiting.append(self._cuts.get_nowait())
                except Empty:
                    break
            is_open = waiting[-1] is not None
            cuts = [cut for cut in waiting if cut is not None]
            if cuts and self._failure is None:
                self._try_to_write(cuts[-1])

    def _try_to_write(self, cut: tuple[Snapshot, ...]) -> None:
        try:
            self._write(cut)
        except Exception as error:  # noqa: BLE001 - whatever it is, the run must not go on as if it were saved
            self._fail(cut[0].step, error)

    def _write(self, cut: tuple[Snapshot, ...]) -> None:
        step = cut[0].step
        try:
            self._checkpoints.write(Checkpoint.of(cut, self._initial, self._history()))
        except OSError as error:
            self._emit(CheckpointFailed(step, reason(error)))
        else:
            self._emit(CheckpointSaved(step))

    def _emit(self, event: Event) -> None:
        if self._job is not None:
            self._job.emit(event)

    def _fail(self, step: int, error: Exception) -> None:
        what = f"the checkpoint of step {step} in {self._checkpoints.path} could not be written"
        # Before the job is looked for: so either this thread tells it, or the one that attaches the job.
        self._failure = chained(RunFailedError(f"{what}: {one_line(error)}"), error)
        if self._job is not None:
            self._job.fail(self._failure)
