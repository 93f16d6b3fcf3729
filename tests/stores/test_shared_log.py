"""Commits outlive the process that made them, at whatever instant it died."""

from __future__ import annotations

import os
from collections.abc import Iterator
from random import Random

import numpy as np
import pytest

from annex_actors.base.types import Array
from annex_actors.peers.stage_state import CostLog, LayerState, StageState
from annex_actors.protocol.messages import Backward, Post
from annex_actors.protocol.routing import stage_address
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.stores.shared_log import Memory, SharedCommitLog, anonymous_memory


@pytest.fixture
def memory() -> Iterator[int]:
    fd = anonymous_memory("test")
    yield fd
    os.close(fd)


def array(value: float, size: int = 100) -> Array:
    made = np.full(size, value, np.float32)
    made.flags.writeable = False
    return made


def commit(step: int, *, size: int = 100, stash: tuple[Array, ...] = (), waiting: int = 0) -> Snapshot:
    layer = LayerState({"weight": array(step, size)}, {"velocity": array(-step, size)})
    outbox = tuple(Post(stage_address(0), Backward("run", step, each, 1, array(each, 7))) for each in range(waiting))
    state = StageState(
        (layer,), CostLog.of(map(float, range(min(step, 3)))), tuple(({"weight": each},) for each in stash)
    )
    return Snapshot(stage_address(1), step, state, outbox)


def value(snapshot: Snapshot | None) -> float | None:
    return None if snapshot is None else float(snapshot.state.layers[0].parameters["weight"][0])


def test_an_empty_log_has_no_commit(memory: int) -> None:
    log = SharedCommitLog(memory)
    assert log.latest() is None
    assert log.at(0) is None
    assert list(log.snapshots()) == []


def test_the_last_commit_is_found_whole_after_its_process_has_died(memory: int) -> None:
    SharedCommitLog(memory).commit(commit(3, waiting=2))
    found = SharedCommitLog(memory).latest()
    assert found is not None
    assert (found.address, found.step) == (stage_address(1), 3)
    assert found.state.cost_log.costs() == [0.0, 1.0, 2.0]
    np.testing.assert_array_equal(found.state.layers[0].optimizer["velocity"], array(-3))
    assert [post.message.microbatch for post in found.outbox] == [0, 1]
    np.testing.assert_array_equal(found.outbox[1].message.array, array(1, 7))  # type: ignore[attr-defined]


def test_arrays_that_are_read_are_read_only(memory: int) -> None:
    SharedCommitLog(memory).commit(commit(1))
    found = SharedCommitLog(memory).latest()
    assert found is not None
    with pytest.raises(ValueError, match="read-only"):
        found.state.layers[0].parameters["weight"][0] = 1


@pytest.mark.parametrize(
    ("depth", "every", "kept"),
    [(1, 0, [23]), (2, 0, [22, 23]), (2, 10, [20, 22, 23]), (5, 10, [19, 20, 21, 22, 23]), (1, 1, [23])],
)
def test_the_last_commits_and_the_newest_multiple_of_every_are_kept(
    memory: int, depth: int, every: int, kept: list[int]
) -> None:
    log = SharedCommitLog(memory, depth=depth, every=every)
    for step in range(1, 24):
        log.commit(commit(step))
    reader = SharedCommitLog(memory)
    assert [each.step for each in reader.snapshots()] == kept
    assert [value(each) for each in reader.snapshots()] == kept
    assert reader.at(1) is None


def test_the_next_incarnation_goes_on_where_the_last_one_ended(memory: int) -> None:
    for step in range(1, 30):
        SharedCommitLog(memory, depth=2, every=10).commit(commit(step))
    assert [each.step for each in SharedCommitLog(memory).snapshots()] == [20, 28, 29]


def test_memory_does_not_grow_with_the_number_of_commits_or_incarnations(memory: int) -> None:
    sizes, log = [], SharedCommitLog(memory, depth=2, every=10)
    for step in range(1, 200):
        if step % 7 == 0:
            log = SharedCommitLog(memory, depth=2, every=10)
        log.commit(commit(step, size=1000, waiting=step % 3))
        sizes.append(log.size)
    assert max(sizes) <= 1.1 * max(sizes[:60])


def test_an_array_of_an_earlier_commit_is_not_written_again(memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    written = list[int]()
    write = Memory.write

    def count(memory: Memory, content: memoryview, offset: int) -> None:
        written.append(content.nbytes)
        write(memory, content, offset)

    monkeypatch.setattr(Memory, "write", count)
    log, versions = SharedCommitLog(memory, depth=2), [array(each, 10_000) for each in range(4)]
    log.commit(commit(1, stash=tuple(versions[:3])))
    assert sum(size == 40_000 for size in written) == 3
    written.clear()
    log.commit(commit(2, stash=tuple(versions[1:])))
    assert sum(size == 40_000 for size in written) == 1
    found = SharedCommitLog(memory).latest()
    assert found is not None
    for stashed, version in zip(found.state.stash, versions[1:], strict=True):
        np.testing.assert_array_equal(stashed[0]["weight"], version)


class Killed(Exception):
    """The end of a process between two system calls."""


@pytest.mark.parametrize("half", [False, True])
def test_a_kill_at_any_write_leaves_the_previous_commit_whole(
    memory: int, monkeypatch: pytest.MonkeyPatch, half: bool
) -> None:
    """Also in the middle of a write; if only zeros were missing, the new commit is whole and counts."""
    random, write = Random(7), Memory.write
    left = [0]

    def mortal(memory: Memory, content: memoryview, offset: int) -> None:
        if left[0] == 0:
            if half:
                write(memory, content[: random.randrange(1, len(content))], offset)
            raise Killed
        left[0] -= 1
        write(memory, content, offset)

    monkeypatch.setattr(Memory, "write", mortal)
    last, deaths = 0, 0
    for step in range(1, 300):
        left[0] = random.choice([0, 1, 2, 3, 4, 50])
        try:
            SharedCommitLog(memory, depth=2).commit(commit(step, waiting=step % 2))
            last = step
        except Killed:
            deaths += 1
        found = value(SharedCommitLog(memory).latest())
        assert found in ((last or None, float(step)) if half else (last or None,))
        last = int(found or 0)
    assert 50 < deaths < 280


def test_a_commit_that_finds_no_memory_leaves_the_previous_one(memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    log = SharedCommitLog(memory)
    log.commit(commit(1))

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.posix_fallocate", full)
        with pytest.raises(OSError, match="No space left"):
            log.commit(commit(2, size=100_000))
    assert value(SharedCommitLog(memory).latest()) == 1
    SharedCommitLog(memory).commit(commit(2))
    assert value(SharedCommitLog(memory).latest()) == 2


def test_the_memory_has_no_path_that_could_be_opened_or_left_behind(memory: int) -> None:
    assert os.fstat(memory).st_nlink == 0
