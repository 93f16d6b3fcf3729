from __future__ import annotations

import pytest

from supervisors import KILLED, NORMAL, SHUTDOWN, AutoShutdown, Crashed, Reason, Restart, Shutdown, Strategy
from supervisors.rules.strategy import Plan, Verdict

ORDER = ("a", "b", "c", "d")


def test_one_for_one_concerns_the_failed_child_alone() -> None:
    assert Strategy.ONE_FOR_ONE.plan(ORDER, "b") == Plan(stop=(), start=("b",))


def test_one_for_all_stops_all_others_in_reverse_and_starts_all_in_order() -> None:
    assert Strategy.ONE_FOR_ALL.plan(ORDER, "b") == Plan(stop=("d", "c", "a"), start=ORDER)


def test_rest_for_one_concerns_the_failed_child_and_those_after_it() -> None:
    assert Strategy.REST_FOR_ONE.plan(ORDER, "b") == Plan(stop=("d", "c"), start=("b", "c", "d"))


@pytest.mark.parametrize("strategy", Strategy)
def test_an_only_child_is_started_and_none_is_stopped(strategy: Strategy) -> None:
    assert strategy.plan(("a",), "a") == Plan(stop=(), start=("a",))


@pytest.mark.parametrize("reason", [NORMAL, SHUTDOWN, Shutdown("why"), KILLED, Crashed(ValueError())], ids=str)
@pytest.mark.parametrize("restart", Restart)
def test_the_verdict_follows_the_table_of_otp(restart: Restart, reason: Reason) -> None:
    transient = Verdict.KEEP if reason.is_orderly else Verdict.RESTART
    expected = {Restart.PERMANENT: Verdict.RESTART, Restart.TRANSIENT: transient, Restart.TEMPORARY: Verdict.DROP}
    assert restart.verdict(reason) is expected[restart]


def test_auto_shutdown_is_due_after_any_or_after_the_last_or_never() -> None:
    assert [AutoShutdown.NEVER.is_due(left) for left in (0, 1)] == [False, False]
    assert [AutoShutdown.ANY_SIGNIFICANT.is_due(left) for left in (0, 1)] == [True, True]
    assert [AutoShutdown.ALL_SIGNIFICANT.is_due(left) for left in (0, 1)] == [True, False]
