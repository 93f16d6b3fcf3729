"""An injected fault happens once, in the layer that it is meant for, at its next point."""

from __future__ import annotations

import threading

import pytest

from annex_actors.protocol.instrument import Point, combined
from annex_actors.runtimes import Crash, CrashPlan, InjectedCrash
from annex_actors.runtimes.faults.injected import SLOW_S, InjectedFaults, LayerFault


def test_an_exception_is_raised_once_in_the_layer_that_it_is_meant_for() -> None:
    faults = InjectedFaults()
    faults.inject(2, LayerFault.EXCEPTION)
    faults.at(Point.FORWARD, 1, 0, 0)
    with pytest.raises(InjectedCrash, match="out of the blue"):
        faults.at(Point.BACKWARD, 2, 0, 0)
    faults.at(Point.BACKWARD, 2, 0, 0)


def test_the_store_refuses_a_commit_and_nothing_else() -> None:
    faults = InjectedFaults()
    faults.inject(2, LayerFault.STORE)
    for point in (Point.FORWARD, Point.BACKWARD, Point.WEIGHT_GRADIENT, Point.UPDATE):
        faults.at(point, 2, 0, 0)
    with pytest.raises(OSError, match="the store refuses"):
        faults.at(Point.COMMIT, 2, 0, -1)
    faults.at(Point.COMMIT, 2, 0, -1)


def test_a_stuck_layer_stays_stuck_until_the_faults_end() -> None:
    faults, stuck = InjectedFaults(), threading.Event()
    faults.inject(0, LayerFault.STUCK)

    def work() -> None:
        stuck.set()
        faults.at(Point.FORWARD, 0, 0, 0)

    thread = threading.Thread(target=work)
    thread.start()
    stuck.wait()
    thread.join(0.05)
    assert thread.is_alive()
    faults.end()
    thread.join()


def test_a_slow_layer_takes_long_once_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    slept = list[float]()
    monkeypatch.setattr("time.sleep", slept.append)
    faults = InjectedFaults()
    faults.inject(0, LayerFault.SLOW)
    faults.at(Point.FORWARD, 0, 0, 0)
    faults.at(Point.BACKWARD, 0, 0, 0)
    assert slept == [SLOW_S]


def test_planned_crashes_happen_as_well() -> None:
    faults, plan = InjectedFaults(), CrashPlan([Crash(layer=1, step=2)])
    both = combined(faults, plan)
    with pytest.raises(InjectedCrash, match="crash on order"):
        both.at(Point.FORWARD, 1, 2, 0)
    assert plan.crashes() == ()
