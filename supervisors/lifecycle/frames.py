"""What a traceback keeps alive: the frames that an exception passed, their callers, and all their variables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from types import FrameType, TracebackType

from supervisors.rules.reasons import Crashed, Escalation, FailedToStart, Reason, Shutdown

_MAY_BE_RESUMED = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR


def clear_frames(reason: Reason | None) -> None:
    """Drop the variables of the finished frames in the tracebacks of ``reason``.

    A reason outlives its actor: references, events and logs hold it. Without the variables its traceback prints as
    before, but keeps neither the actor alive nor what the actor was working on. Called last in the thread that ends;
    ``on_failure`` still finds everything.
    """
    match reason:
        case Crashed(error, traceback):
            for frame in _frames(error, traceback):
                with suppress(RuntimeError):  # it has not finished
                    frame.clear()
        case Shutdown(Escalation() | FailedToStart() as detail):
            clear_frames(detail.reason)


def _frames(error: BaseException, traceback: TracebackType | None) -> Iterator[FrameType]:
    """Yield the frames of ``traceback``, their callers, and those of the errors that led to ``error``.

    The traceback of ``error`` itself is given: by now its own may lead through the code of an actor that asked.
    """
    seen, left = {id(error)}, [(error, traceback)]
    while left:
        error, traceback = left.pop()
        yield from _passed(traceback)
        for earlier in (error.__cause__, error.__context__):
            if earlier is not None and id(earlier) not in seen:
                seen.add(id(earlier))
                left.append((earlier, earlier.__traceback__))


def _passed(traceback: TracebackType | None) -> Iterator[FrameType]:
    """Yield the frames that an exception left, then the frame that caught it and the callers of that.

    One of the latter may be a generator that waits to be resumed: clearing would close it, so it is left out.
    """
    if traceback is None:
        return
    caught: FrameType | None = traceback.tb_frame
    while (traceback := traceback.tb_next) is not None:
        yield traceback.tb_frame
    while caught is not None:
        if not caught.f_code.co_flags & _MAY_BE_RESUMED:
            yield caught
        caught = caught.f_back
