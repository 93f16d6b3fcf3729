"""The trace on a page: live only while it is viewed, and of a kept one as much as a page can show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pytest

from annex_actors.cli import main
from annex_actors.control.journal import Journal
from annex_actors.control.view import View
from annex_actors.page import live_trace, saved_trace
from annex_actors.page.feed import Feed
from annex_actors.page.observation import Observation
from annex_actors.page.run_actions import RunActions
from annex_actors.page.saved_records import records_of
from annex_actors.page.saved_trace import trace_of
from annex_actors.protocol.events import Event, StepFinished
from annex_actors.runs.saved_run import SavedRun
from annex_actors.runtimes import Job, Program
from annex_actors.runtimes.tracing.scope import Scope
from annex_actors.runtimes.tracing.tracing import Tracing, activated
from annex_actors.training.preparation import PreparedTraining
from annex_actors.training.session import Session
from tests.trainings import Training

TRAIN = ("train", "xor", "--epochs", "30", "--quiet")
TRAINING = Training(microbatches=2, epochs=40)


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "xor"
    crash = ("--crash", "layer=0,step=11", "--crash", "layer=2,step=25")
    assert main([*TRAIN, "--run-dir", str(path), "--trace", "all", *crash]) == 0
    return path


def deaths_of(path: Path) -> list[float]:
    records = records_of(SavedRun.open(path))
    return [each["time"] for each in records if each.get("event") == "PeerExited" and not each["orderly"]]


def times(rows: list[Any]) -> list[float]:
    return [row["sent"] if row["type"] == "message" else row["start"] for row in rows]


def test_a_short_trace_is_whole_and_in_order(traced: Path) -> None:
    rows = list(trace_of(traced, deaths_of(traced)))
    assert {row["type"] for row in rows} == {"work", "message", "idle"}
    assert times(rows) == sorted(times(rows))
    steps = {row["step"] for row in rows if row["type"] == "work" and row["letter"] == "F"}
    assert steps == set(range(30))


def test_of_a_long_trace_the_beginning_the_end_and_the_deaths_are_kept(
    traced: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, deaths = list(trace_of(traced, [])), deaths_of(traced)
    assert len(deaths) == 2
    monkeypatch.setattr(saved_trace, "MOST_RECORDS", 160)
    rows = list(trace_of(traced, deaths))
    left_out, shown = rows[0], rows[1:]
    assert left_out["type"] == "omitted"
    assert 0 < len(shown) < len(whole)
    work = sorted(row["start"] for row in shown if row["type"] == "work")
    for moment in (min(times(whole)), max(row["start"] for row in whole if row["type"] == "work"), *deaths):
        assert min(abs(start - moment) for start in work) < 0.1


def test_a_run_without_a_trace_has_no_records_of_one(tmp_path: Path) -> None:
    assert main([*TRAIN, "--run-dir", str(tmp_path / "run")]) == 0
    assert list(trace_of(tmp_path / "run", [])) == []


class Looking:
    """An attendant that looks at a run's trace, and an observer that says when there is more."""

    def __init__(self, *, viewed: bool) -> None:
        self.observation = Observation(Feed(), RunActions(), "threads")
        self.viewed = viewed
        self.rows: list[Any] = []
        self._is_later = Flag()

    def on_event(self, event: Event) -> None:
        if isinstance(event, StepFinished) and event.step > 200:
            self._is_later.set()

    @contextmanager
    def attend(self, job: Job, program: Program) -> Iterator[None]:
        with self.observation.during(View("run", "threads", job, program, Journal())):
            if self.viewed:
                self.observation.begin_viewing()
            assert self._is_later.wait(60)
            assert program.trace is not None
            program.trace.read()
            self.rows = [row for row in self.observation.look() if row["type"] != "status"]
            self.observation.end_viewing()
            yield
            program.trace.read()
            assert [row for row in self.observation.look() if row["type"] != "status"] == []


@pytest.mark.parametrize("runtime", ["threads", "processes"])
@pytest.mark.parametrize("viewed", [True, False])
def test_peers_record_only_while_there_is_a_viewer(runtime: str, viewed: bool) -> None:
    learner, looking = TRAINING.learner(runtime), Looking(viewed=viewed)
    prepared = PreparedTraining.of(learner.spec, TRAINING.dataset, epochs=200, batch_size=5)
    with activated(Tracing(Scope(), None)):
        Session(prepared, attendants=[looking]).run()
    assert bool([row for row in looking.rows if row["type"] == "work"]) == viewed


def test_a_look_has_the_newest_records_and_says_how_many_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_trace, "MOST_RECORDS", 50)
    learner, looking = TRAINING.learner("threads"), Looking(viewed=True)
    prepared = PreparedTraining.of(learner.spec, TRAINING.dataset, epochs=200, batch_size=5)
    with activated(Tracing(Scope(), None)):
        Session(prepared, attendants=[looking]).run()
    assert looking.rows[0]["type"] == "omitted"
    assert looking.rows[0]["records"] > 0
    assert 0 < len([row for row in looking.rows if row["type"] == "work"]) <= 50
