"""InjectedFaults befall whom they are meant for, once, where the layer comes by."""

from __future__ import annotations

import threading

import pytest

from annex_actors.peers.stage import Point
from annex_actors.runtimes import Crash, InjectedCrash
from annex_actors.runtimes.faults.injected import SLOW_S, Fault, InjectedFaults


def test_an_exception_is_raised_once_in_the_layer_that_it_is_meant_for() -> None:
    troubles = InjectedFaults()
    troubles.add(2, Fault.EXCEPTION)
    troubles.probe(Point.FORWARD, 1, 0, 0)
    with pytest.raises(InjectedCrash, match="out of the blue"):
        troubles.probe(Point.BACKWARD, 2, 0, 0)
    troubles.probe(Point.BACKWARD, 2, 0, 0)


def test_the_store_refuses_a_commit_and_nothing_else() -> None:
    troubles = InjectedFaults()
    troubles.add(2, Fault.STORE)
    for point in (Point.FORWARD, Point.BACKWARD, Point.WEIGHT_GRADIENT, Point.UPDATE):
        troubles.probe(point, 2, 0, 0)
    with pytest.raises(OSError, match="the store refuses"):
        troubles.probe(Point.COMMIT, 2, 0, -1)
    troubles.probe(Point.COMMIT, 2, 0, -1)


def test_who_is_stuck_stays_so_whatever_is_raised_in_it_until_all_is_over() -> None:
    troubles, stuck = InjectedFaults(), threading.Event()
    troubles.add(0, Fault.STUCK)

    def work() -> None:
        stuck.set()
        troubles.probe(Point.FORWARD, 0, 0, 0)

    thread = threading.Thread(target=work)
    thread.start()
    stuck.wait()
    thread.join(0.05)
    assert thread.is_alive()
    troubles.end()
    thread.join()


def test_a_slow_layer_takes_long_once_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    slept = list[float]()
    monkeypatch.setattr("time.sleep", slept.append)
    troubles = InjectedFaults()
    troubles.add(0, Fault.SLOW)
    troubles.probe(Point.FORWARD, 0, 0, 0)
    troubles.probe(Point.BACKWARD, 0, 0, 0)
    assert slept == [SLOW_S]


def test_crashes_on_order_happen_as_well() -> None:
    troubles = InjectedFaults([Crash(layer=1, step=2)])
    with pytest.raises(InjectedCrash, match="crash on order"):
        troubles.probe(Point.FORWARD, 1, 2, 0)
    assert troubles.crashes() == ()
