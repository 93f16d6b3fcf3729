"""Arithmetic without warnings, whatever the thread's own setting is."""

from __future__ import annotations

from threading import Thread

import numpy as np
import pytest

from annex_actors.base.quiet import quiet


def overflow() -> float:
    return float(np.exp(np.float32(1000)))


def test_an_overflow_is_no_warning_inside_and_one_outside() -> None:
    assert quiet()(overflow) == np.inf
    with pytest.warns(RuntimeWarning, match="overflow"):
        overflow()


def test_it_is_quiet_in_whichever_thread_and_after_an_error() -> None:
    quietly, found = quiet(), []
    with pytest.raises(ZeroDivisionError):
        quietly(lambda: 1 / 0)
    thread = Thread(target=lambda: found.append(quietly(overflow)))
    thread.start()
    thread.join()
    assert found == [np.inf]


def test_what_is_called_may_change_the_setting_and_nothing_else_sees_it() -> None:
    before, quietly = np.geterr(), quiet()
    quietly(lambda: np.seterr(all="raise"))
    assert np.geterr() == before
    with pytest.raises(FloatingPointError):
        quietly(overflow)
