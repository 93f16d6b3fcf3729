"""Answers: a future is settled once, and whoever comes second learns it."""

from __future__ import annotations

from queue import Full
from typing import Any

import pykka


def settle(future: pykka.ThreadingFuture[Any], value: Any) -> bool:
    """Give ``future`` its value; return False when it had an outcome already."""
    try:
        future.set(value)
    except Full:
        return False
    return True


def fail(future: pykka.ThreadingFuture[Any], error: BaseException) -> bool:
    """Make ``future`` raise ``error``; return False when it had an outcome already."""
    try:
        future.set_exception((type(error), error, error.__traceback__))
    except Full:
        return False
    return True
