from __future__ import annotations

import traceback

from supervisors import (
    KILLED,
    NOPROC,
    NORMAL,
    SHUTDOWN,
    Abandoned,
    Crashed,
    Escalation,
    FailedToStart,
    Reason,
    Shutdown,
)


def test_only_a_normal_end_and_a_shutdown_are_orderly() -> None:
    orderly = [NORMAL, SHUTDOWN, Shutdown("why")]
    assert all(reason.is_orderly for reason in orderly)
    assert not any(reason.is_orderly for reason in (KILLED, NOPROC, Crashed(ValueError()), Abandoned()))


def test_the_exception_at_the_root_is_found_through_every_supervisor_that_gave_up() -> None:
    error = ValueError("root")
    inner = Shutdown(Escalation("top/inner", "worker", 4, Crashed(error)))
    outer = Shutdown(Escalation("top", "inner", 2, inner))
    assert outer.exception is error
    assert Shutdown(FailedToStart("top", "worker", Crashed(error))).exception is error
    assert SHUTDOWN.exception is None


def test_a_reason_reads_as_one_line_that_names_what_happened() -> None:
    escalation = Escalation("top", "worker", 4, Crashed(ValueError("bad")))
    assert str(Shutdown(escalation)) == "shutdown: 'top' gave up on child 'worker' (incarnation 4): ValueError: bad"
    failed = FailedToStart("top", "worker", KILLED)
    assert str(Shutdown(failed)) == "shutdown: child 'worker' of 'top' failed to start: killed"
    assert [str(reason) for reason in (NORMAL, SHUTDOWN, KILLED, NOPROC)] == ["normal", "shutdown", "killed", "noproc"]


def test_an_abandoned_actor_is_described_by_where_it_was_and_never_as_killed() -> None:
    reason: Reason = Abandoned("  File x\n    time.sleep(60)\n")
    assert str(reason) == "abandoned at 'time.sleep(60)'"
    assert reason not in (KILLED, SHUTDOWN)
    assert reason == Abandoned()


def test_a_crash_keeps_the_traceback_that_it_had() -> None:
    def crash() -> Crashed:
        try:
            raise ValueError("once")
        except ValueError as error:
            return Crashed(error)

    reason = crash()
    try:
        raise reason.error
    except ValueError:
        pass
    frames = [frame.name for frame in traceback.extract_tb(reason.traceback)]
    assert frames == ["crash"]
