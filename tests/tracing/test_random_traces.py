"""Whatever is traced, wherever it runs and whatever dies: sums hold, messages are paired, and formats are valid."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from annex_actors.protocol.messages import OWNER
from annex_actors.protocol.survey import SURVEYOR
from annex_actors.runtimes.tracing.layout import WORKED
from annex_actors.tracing.perfetto import perfetto_of
from annex_actors.tracing.rows import csv_of, rows_of
from annex_actors.tracing.sequence import mermaid_of, sequence_of
from annex_actors.tracing.table import figures_of
from annex_actors.tracing.trace import Trace
from annex_actors.tracing.waits import REASONS
from tests.tracing.random_traces import SEEDS, random_trace


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_trace_is_whole(seed: int) -> None:
    trace, host = random_trace(seed)
    assert trace.dropped == 0
    check_sums(trace)
    check_pairs(trace)
    check_perfetto(trace)
    rows = Counter(row["type"] for row in rows_of(trace))
    assert rows["work"] == sum(map(len, trace.work.values())), host
    assert len(csv_of(trace).splitlines()) == 1 + rows.total()
    assert sequence_of(trace, trace.steps[0]).count("\n") == mermaid_of(trace, trace.steps[0]).count(">>") + sum(
        "-x" in line for line in mermaid_of(trace, trace.steps[0]).splitlines()
    )


@pytest.mark.parametrize("left", [0, 1, 2])
def test_of_a_peer_whose_work_is_not_among_the_newest_records_sums_hold_too(left: int) -> None:
    """So a look at a run that goes on may be: of some peers, or of all, there are messages alone."""
    whole, _ = random_trace(0)
    with_work = np.unique(whole.records[whole.records["what"] == WORKED]["own_number"])[:left]
    kept = (whole.records["what"] != WORKED) | np.isin(whole.records["own_number"], with_work)
    trace = Trace(whole.header, whole.records[kept])
    assert any(not works for works in trace.work.values())
    check_sums(trace)
    assert Counter(row["type"] for row in rows_of(trace))["work"] == sum(map(len, trace.work.values()))


def check_sums(trace: Trace) -> None:
    """Work and waits of each peer follow each other without a gap, and together are the whole time."""
    for peer in trace.peers:
        times = [(each.start, each.end) for each in trace.work[peer]] + [
            (each.start, each.end) for each in trace.idle[peer]
        ]
        times.sort()
        assert times[0][0] == trace.begin
        assert times[-1][1] == trace.end
        for before, after in pairwise(times):
            assert before[1] == pytest.approx(after[0], abs=1e-9), peer
        assert {each.reason for each in trace.idle[peer]} <= set(REASONS)
    for figures in figures_of(trace).peers:
        assert figures.busy + sum(figures.idle.values()) == pytest.approx(trace.wall, abs=1e-6)


def check_pairs(trace: Trace) -> None:
    """Every receipt has its send, before it; but for what the run's owner says, which is no peer."""
    for flow in trace.flows:
        if flow.sent is None:
            assert flow.sender in (OWNER, SURVEYOR), flow
        elif flow.received is not None:
            assert flow.sent <= flow.received, flow
    work = [(flow.kind, flow.to, flow.step, flow.microbatch) for flow in trace.flows if flow.received is not None]
    for peer, works in trace.work.items():
        for each, arrived in zip(works, trace.arrivals[peer], strict=True):
            if each.kind in ("forward", "target", "report"):
                assert arrived is not None, each
                assert (each.kind, peer, each.step, each.microbatch) in work


def check_perfetto(trace: Trace) -> None:
    """The file is as "Trace Event Format" demands: phases with their fields, flows in pairs that go forward in time."""
    read = json.loads(perfetto_of(trace))
    assert set(read) == {"traceEvents", "displayTimeUnit"}
    needed = {
        "M": {"pid", "tid", "name", "args"},
        "X": {"pid", "tid", "ts", "dur", "name", "cat", "args"},
        "s": {"pid", "tid", "ts", "id", "name", "cat"},
        "f": {"pid", "tid", "ts", "id", "name", "cat"},
        "C": {"pid", "ts", "name", "args"},
        "i": {"pid", "tid", "ts", "s", "name"},
    }
    for event in read["traceEvents"]:
        assert needed[event["ph"]] <= set(event), event
        assert event.get("ts", 0) >= 0
        assert event.get("dur", 0) >= 0
    ends: dict[str, dict[int, float]] = {"s": {}, "f": {}}
    for event in read["traceEvents"]:
        if event["ph"] in ends:
            assert event["id"] not in ends[event["ph"]]
            ends[event["ph"]][event["id"]] = event["ts"]
    assert ends["s"].keys() == ends["f"].keys()
    assert all(ends["s"][number] <= ends["f"][number] for number in ends["s"])
    named = {event["tid"] for event in read["traceEvents"] if event["ph"] == "M" and event["pid"] == 1}
    assert {event["tid"] for event in read["traceEvents"] if event["ph"] == "X"} <= named


def test_the_check_of_sums_can_fail() -> None:
    trace, _ = random_trace(0)
    peer = trace.peers[0]
    trace.idle[peer] = tuple(replace(each, end=each.end + 1e-3) for each in trace.idle[peer])
    with pytest.raises(AssertionError):
        check_sums(trace)
