"""Calls of foreign code that must not harm the actor that makes them: what they raise is logged, and no more."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from supervisors.lifecycle.signals import Kill

T = TypeVar("T")

logger = logging.getLogger("supervisors")


def guarded(call: Callable[[], T], otherwise: T, what: str, *names: object) -> T:
    """Return what ``call`` returns, or ``otherwise`` if it raises.

    Args:
        call: foreign code.
        otherwise: what stands for its result.
        what: names it in the log, a format for ``names``.
        *names: for ``what``.
    """
    try:
        return call()
    except Kill:  # of the actor that calls
        raise
    except BaseException:
        logger.exception(f"{what} raised", *names)
        return otherwise
