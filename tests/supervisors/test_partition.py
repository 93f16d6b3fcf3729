from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from supervisors import BadSpec, ChildSpec, NotFound, PartitionRef, PartitionSupervisor, Strategy, Supervisor
from supervisors.partition import partition_of
from supervisors.testing import ManualClock
from tests.supervisors.stubs import Recorder, Worker


def number(actor: Worker) -> int:
    return int(actor.context.id)


def test_each_copy_knows_its_number_and_each_key_always_meets_the_same_copy() -> None:
    with PartitionSupervisor.start(Worker, partitions=4) as tree:
        assert [tree.route(n).ask(number) for n in range(8)] == [0, 1, 2, 3, 0, 1, 2, 3]
        for key in ("a", ("b", 2), 3.5):
            assert tree.route(key) is tree.route(key)
            assert tree.route(key).ask(number) == partition_of(key, 4)


def test_keys_spread_over_all_copies() -> None:
    counts = [0] * 4
    for n in range(1000):
        counts[partition_of(f"key {n}", 4)] += 1
    assert min(counts) > 150


def test_a_key_goes_to_the_same_copy_in_every_process() -> None:
    code = "from supervisors.partition import partition_of as of; print([of(k, 7) for k in ('a', 'b', ('c', 1), -3)])"
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert there.strip() == str([partition_of(key, 7) for key in ("a", "b", ("c", 1), -3)])


def test_a_copy_that_crashed_is_replaced_and_routed_to_again() -> None:
    recorder = Recorder()
    with PartitionSupervisor.start(Worker, partitions=2, hooks=[recorder]) as tree:
        old, other = tree.route(0), tree.route(1)
        old.tell("die")
        recorder.ready("0", 2)
        assert tree.route(0) is not old
        assert tree.route(0).ask("ping") == 2
        assert tree.route(1) is other


def test_a_key_whose_copy_does_not_run_is_told_so() -> None:
    with PartitionSupervisor.start(Worker, partitions=2) as tree:
        tree.terminate_child("1")
        with pytest.raises(NotFound, match="expected copy 1 of partitions to run"):
            tree.route(1)
        assert tree.route(0).ask("ping") == 1


def test_it_shrinks_and_grows_up_to_the_number_it_was_started_with() -> None:
    with PartitionSupervisor.start(Worker, partitions=4) as tree:
        tree.resize(2)
        assert tree.count_children().active == 2
        assert [tree.route(n).ask(number) for n in range(4)] == [0, 1, 0, 1]
        tree.resize(3)
        assert [tree.route(n).ask(number) for n in range(4)] == [0, 1, 2, 0]
        tree.resize(4)
        assert tree.count_children().active == 4
        for bad in (0, 5, "3", True):
            with pytest.raises(BadSpec, match="expected `partitions` to be an integer from 1 to 4"):
                tree.resize(bad)  # type: ignore[arg-type]  # what is tested


def test_it_is_a_child_like_any_other_and_starts_again_with_all_its_copies() -> None:
    recorder = Recorder()
    spec = ChildSpec.of(PartitionSupervisor, Worker, partitions=2, max_restarts=0, id="pool")
    with Supervisor.start([spec], strategy=Strategy.ONE_FOR_ONE, hooks=[recorder], clock=ManualClock()) as tree:
        pool: PartitionRef = tree.which_child("pool").ref
        pool.route(0).tell("die")
        recorder.ready("pool", 2)
        again: PartitionRef = tree.which_child("pool").ref
        assert again is not pool
        assert [again.route(n).ask(number) for n in range(2)] == [0, 1]


@pytest.mark.parametrize("partitions", [0, -1, 1.5, "2", None, True], ids=repr)
def test_the_number_of_copies_is_at_least_one(partitions: Any) -> None:
    with pytest.raises(BadSpec, match="expected `partitions` to be an integer >= 1"):
        PartitionSupervisor.start(Worker, partitions=partitions)


def test_a_name_is_refused_since_there_are_several_copies() -> None:
    with pytest.raises(BadSpec, match="expected no `name`"):
        PartitionSupervisor.start(ChildSpec.of(Worker, name="w"), partitions=2)
