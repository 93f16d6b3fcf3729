"""The trace of a job: what a killed process recorded is there, what has no room is counted, and nothing is left."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes import Runtime
from annex_actors.runtimes.simulated import SimulatedRuntime
from annex_actors.runtimes.tracing import kept as places
from annex_actors.runtimes.tracing import tracing as reading
from annex_actors.runtimes.tracing.kept import InMemory
from annex_actors.runtimes.tracing.layout import RECORD, Records, Ring
from annex_actors.runtimes.tracing.scope import Scope
from annex_actors.runtimes.tracing.tracing import Tracing, activated
from annex_actors.training.traced import traced
from tests.leaks import no_collector, nothing_left
from tests.runtimes.processes import jobs
from tests.trainings import Outcome, Training, carry_out, fingerprints, host_named, undisturbed

TRAINING = Training(microbatches=2)
HOSTS = ("inline", "simulated", "threads", "schedulers", "processes")


@contextmanager
def all_traced() -> Iterator[tuple[InMemory, Tracing]]:
    """Trace the job that is started in the block."""
    memory = InMemory()
    tracing = Tracing(Scope(), lambda: memory)
    with activated(tracing):
        yield memory, tracing


def run(host: str) -> Outcome:
    runtime: Runtime = SimulatedRuntime() if host == "simulated" else host_named(host)
    return carry_out(traced(TRAINING.program(), runtime), runtime, TRAINING.initial)


def of_stage(memory: InMemory, stage: int) -> Records:
    """Return the records of a stage."""
    role = memory.header["names"].index("stage")
    records = memory.records
    found: Records = records[(records["own_role"] == role) & (records["own_number"] == stage)]
    return found


def test_what_a_process_recorded_before_it_was_killed_is_there() -> None:
    victim = 1
    with all_traced() as (memory, _):
        checkpoint, _, _ = jobs.struck(lambda job: jobs.process_of(job, stage_address(victim)).kill())
    assert fingerprints(checkpoint) == undisturbed(jobs.TRAINING).fingerprints
    assert memory.header["dropped"] == 0
    deaths = [each for each in memory.header["exits"] if not each["orderly"]]
    assert [(each["peer"], each["reason"][:17]) for each in deaths] == [("stage-1", "killed by SIGKILL")]
    records = of_stage(memory, victim)
    assert set(records["own_incarnation"].tolist()) == {1, 2}
    first = records[records["own_incarnation"] == 1]
    forwards = first[(first["kind"] == memory.header["names"].index("forward")) & (first["what"] == 2)]
    done = set(zip(forwards["step"].tolist(), forwards["microbatch"].tolist(), strict=True))
    assert done >= {(step, microbatch) for step in range(3) for microbatch in range(3)}, "the cost of step 2 was known"
    assert np.maximum(first["start"], first["end"]).max() <= deaths[0]["time"]


@pytest.mark.parametrize("host", HOSTS)
def test_a_ring_that_is_full_drops_records_and_counts_them_and_the_training_is_the_same(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with all_traced() as (memory, _):
        run(host)
    whole = len(memory.records)
    assert memory.header["dropped"] == 0
    monkeypatch.setattr(reading, "ROOM", 4)
    monkeypatch.setattr(reading, "INTERVAL_S", 600.0)
    with all_traced() as (memory, _):
        outcome = run(host)
    assert outcome.fingerprints == undisturbed(TRAINING).fingerprints
    peers = len({(each["own_role"], each["own_number"]) for each in memory.records})
    assert len(memory.records) == 4 * peers
    if host in ("inline", "simulated"):  # on the others the number of messages about commits varies
        assert len(memory.records) + memory.header["dropped"] == whole
    assert memory.header["dropped"] > whole // 2


@pytest.mark.parametrize("host", HOSTS)
def test_a_trace_leaves_no_thread_file_or_memory_but_its_records(host: str) -> None:
    run(host)  # what is made once for all runs is there
    with no_collector():
        with nothing_left(), all_traced() as (memory, tracing):
            run(host)
        assert [job for job in tracing.jobs if job.is_watched] != []
        assert [each for each in gc.get_objects() if type(each) is Ring] == []
        assert "memfd:trace" not in Path("/proc/self/maps").read_text()
    assert memory.header["is_over"]


def test_records_beyond_the_most_in_memory_are_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "MOST_IN_MEMORY", 5)
    memory = InMemory()
    assert [memory.add(np.zeros(count, RECORD)) for count in (3, 3, 3, 0)] == [0, 1, 3, 0]
    assert len(memory.records) == 5
    with all_traced() as (memory, _):
        run("inline")
    assert len(memory.records) == 5
    assert memory.header["dropped"] > 100
