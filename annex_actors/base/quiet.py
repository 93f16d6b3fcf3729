"""Calls in which NumPy reports neither overflow nor what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from typing import Protocol, TypeVar

import numpy as np

_Result = TypeVar("_Result")


class Quiet(Protocol):
    """Calls a function; made by `quiet`, and to be used by one thread after another, never by two at once."""

    def __call__(self, call: Callable[[], _Result], /) -> _Result:
        """Return what ``call`` returns."""


def quiet() -> Quiet:
    """Return what calls functions without warnings of NumPy, such as that of an overflow, in whichever thread.

    NumPy keeps its setting in the context of a thread. This is a context of its own: to enter it takes a tenth of the
    time of `numpy.errstate`, which makes a setting for each call.
    """
    context = copy_context()
    context.run(np.seterr, all="ignore")
    return context.run
