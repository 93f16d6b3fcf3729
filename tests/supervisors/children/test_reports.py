from __future__ import annotations

import logging
from typing import Any

import pytest

from supervisors import (
    KILLED,
    NORMAL,
    SHUTDOWN,
    ChildSpec,
    ChildType,
    Crashed,
    Report,
    Restart,
    StartError,
    Strategy,
    Supervisor,
)
from supervisors.children.reports import Context, Offender
from supervisors.testing import ManualClock, ScriptedStart
from tests.supervisors.stubs import Died, Recorder, Worker, down


def reports(caplog: pytest.LogCaptureFixture) -> list[Report]:
    return [record.report for record in caplog.records if hasattr(record, "report")]


def contexts(caplog: pytest.LogCaptureFixture) -> list[Context]:
    return [report.context for report in reports(caplog)]


def test_case_89_a_report_names_supervisor_context_reason_and_offender(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "supervisors")
    recorder = Recorder()
    spec = ChildSpec.of(Worker, id="w", restart=Restart.TRANSIENT, shutdown=3)
    with Supervisor.start([spec], strategy=Strategy.ONE_FOR_ONE, name="root", hooks=[recorder]) as tree:
        ref = tree.which_child("w").ref
        ref.tell("die")
        recorder.ready("w", 2)
        reason = down(ref)
    started, terminated, again = reports(caplog)
    offender = Offender("w", ref, 1, Restart.TRANSIENT, False, 3, ChildType.WORKER)
    assert started == Report("root", Context.PROGRESS, None, offender)
    assert terminated == Report("root", Context.CHILD_TERMINATED, reason, offender)
    assert (again.context, again.offender.incarnation) == (Context.PROGRESS, 2)


def test_case_89_each_kind_of_trouble_has_a_report_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    start, fails = ScriptedStart(shutdown_reason=NORMAL), ScriptedStart([Died()])
    tree = Supervisor.start(
        [ChildSpec("a", start), ChildSpec("b", start)], strategy="one_for_one", max_restarts=0, clock=ManualClock()
    )
    with pytest.raises(StartError):
        tree.start_child(ChildSpec("c", fails))
    start.child.crash()
    down(tree)
    trouble = [Context.START_ERROR, Context.CHILD_TERMINATED, Context.SHUTDOWN, Context.SHUTDOWN_ERROR]
    assert contexts(caplog) == trouble
    assert {record.levelno for record in caplog.records} == {logging.ERROR}


def test_a_crash_is_logged_with_the_traceback_of_the_child(caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder()
    with Supervisor.start([Worker], strategy=Strategy.ONE_FOR_ONE, hooks=[recorder]) as tree:
        tree.which_child("Worker").ref.tell("die")
        recorder.ready("Worker", 2)
    assert 'raise Died("told to")' in caplog.text


@pytest.mark.parametrize(
    ("restart", "reason", "reported"),
    [
        (Restart.PERMANENT, NORMAL, True),
        (Restart.PERMANENT, SHUTDOWN, True),
        (Restart.TRANSIENT, SHUTDOWN, False),
        (Restart.TRANSIENT, KILLED, True),
        (Restart.TEMPORARY, NORMAL, False),
        (Restart.TEMPORARY, Crashed(Died()), True),
    ],
)
def test_an_end_is_reported_unless_it_was_in_order_and_nothing_follows_from_it(
    caplog: pytest.LogCaptureFixture, restart: Restart, reason: Any, reported: bool
) -> None:
    recorder, start = Recorder(), ScriptedStart()
    with Supervisor.start([ChildSpec("w", start, restart=restart)], strategy="one_for_one", hooks=[recorder]) as tree:
        start.child.exit(reason)
        while tree.count_children().active and len(start.children) == 1:
            pass
    assert (Context.CHILD_TERMINATED in contexts(caplog)) == reported


def test_case_90_a_report_is_one_line_whose_length_can_be_limited() -> None:
    offender = Offender("w", None, 2, Restart.PERMANENT, False, 5.0, ChildType.WORKER)
    report = Report("root", Context.CHILD_TERMINATED, Crashed(Died("two\nlines " + "x" * 1000)), offender)
    assert "\n" not in str(report)
    assert str(report).startswith("root: child_terminated: child 'w' (incarnation 2): ")
    assert "two lines xxx" in str(report)
    for limit in (1, 10, 80):
        assert len(report.format(max_chars=limit)) == limit
        assert report.format(max_chars=limit).endswith("…")
    assert report.format(max_chars=10_000) == str(report)
