"""Failures in files: each kind of message comes back as it was, and of what fails again the best is kept."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from annex_actors.base.errors import DataError
from annex_actors.peers.stage_state import CostLog, LayerState, StageState
from annex_actors.protocol.given import Given
from annex_actors.protocol.messages import Backward, Forward, Message, Part, Target, WeightGradient
from annex_actors.protocol.norms import GlobalNorm, SquaredNorm
from annex_actors.protocol.routing import stage_address
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runs.failure_files import FailureFiles
from annex_actors.runtimes.handed_over import Failure

ROWS = np.arange(6, dtype=np.float32).reshape(2, 3)
MESSAGES: list[Message] = [
    Forward("", 7, 1, 1, ROWS, Part(2, 4, 0.5, math.inf)),
    Forward("", 7, 1, 1, ROWS, Part(2, 4), (ROWS + 1, ROWS[:, :1].copy())),
    Backward("", 7, 1, 2, ROWS.astype(np.float64), (ROWS,)),
    Target("", 7, 1, 5, np.array([1, 0])),
    Target("", 7, 1, 5, np.array([1, 0]), np.array([0.5, 1.5])),
    WeightGradient("", 7, -1, 1),
    SquaredNorm("", 7, -1, 1, math.nan),
    GlobalNorm("", 7, -1, 1, 0.1),
]
LAYER = LayerState({"weight": ROWS, "bias": ROWS[0].copy()}, {"velocity.weight": ROWS + 2}, {"mean": ROWS[1].copy()})
STATE = StageState(
    (LAYER,), CostLog.of([0.5, 0.25]), (({"weight": ROWS, "bias": ROWS[0].copy(), "mean": ROWS[1].copy()},),)
)


def failure(message: Message, *before: Message, **changed: object) -> Failure:
    """Return a failure that the layer has raised in the work on a message."""
    given = Given(message, before, Snapshot(stage_address(1), 7, STATE), is_whole=bool(changed.pop("is_whole", True)))
    made = Failure(stage_address(1), 1, message.kind, "an error", "a traceback", given)
    return replace(made, **changed)  # type: ignore[arg-type]


def same(found: object, expected: object) -> bool:
    """Return whether two values are equal to the bit, in type, dtype and shape."""
    if isinstance(expected, np.ndarray):
        assert isinstance(found, np.ndarray)
        return (found.dtype, found.shape, found.tobytes()) == (expected.dtype, expected.shape, expected.tobytes())
    if isinstance(expected, tuple | list):
        assert isinstance(found, tuple | list)
        return len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(expected, dict):
        assert isinstance(found, dict)
        return list(found) == list(expected) and same(list(found.values()), list(expected.values()))
    if hasattr(expected, "__dataclass_fields__"):
        names = [each.name for each in fields(expected)]  # type: ignore[arg-type]
        return type(found) is type(expected) and all(
            same(getattr(found, each), getattr(expected, each)) for each in names
        )
    return repr(found) == repr(expected)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.kind)
def test_a_message_and_a_state_come_back_as_they_were(message: Message, tmp_path: Path) -> None:
    files = FailureFiles(tmp_path / "failures")
    files.keep(failure(message, *MESSAGES), layer=1, stage=1, stages=3)
    (record,) = files.records()
    kept = files.read(record, STATE)
    assert same(kept.message, message)
    assert same(kept.before, tuple(MESSAGES))
    assert same(kept.state, STATE)
    assert (record.layer, record.stage, record.stages, record.version) == (1, 1, 3, 7)


def test_of_a_piece_that_fails_again_the_arrays_and_the_first_error_are_kept(tmp_path: Path) -> None:
    files, message = FailureFiles(tmp_path / "failures"), MESSAGES[2]
    files.keep(failure(message, error="the process ended", traceback="", is_whole=False), 1, 1, 3)
    files.keep(failure(message, error="first", is_whole=False), 1, 1, 3)
    files.keep(failure(message, error="the process ended", traceback=""), 1, 1, 3)
    files.keep(failure(message, error="last"), 1, 1, 3)
    (record,) = files.records()
    assert (record.error, record.traceback, record.has_arrays) == ("first", "a traceback", True)
    assert same(files.read(record, STATE).message, message)


def test_a_file_of_another_name_than_its_failure_is_refused(tmp_path: Path) -> None:
    files = FailureFiles(tmp_path / "failures")
    files.keep(failure(MESSAGES[0]), 1, 1, 3)
    (path,) = (tmp_path / "failures").glob("*.json")
    path.write_text(path.read_text().replace('"work": "forward"', '"work": "../forward"'))
    with pytest.raises(DataError, match="expected the failure that its name says"):
        files.records()
