"""What a traceback keeps alive: the frames that an exception passed, their callers, and all their variables."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from types import FrameType, ModuleType, TracebackType

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
            for each, its_traceback in _errors(error, traceback):
                _forget_object(each)
                for frame in _passed(its_traceback):
                    _clear(frame)
        case Shutdown(Escalation() | FailedToStart() as detail):
            clear_frames(detail.reason)


def _clear(frame: FrameType) -> None:
    try:
        frame.clear()
    except RuntimeError:  # it has not finished
        return
    _ = frame.f_locals  # code that read that before has left a copy in the frame: this brings it up to date


def _errors(
    error: BaseException, traceback: TracebackType | None
) -> Iterator[tuple[BaseException, TracebackType | None]]:
    """Yield ``error``, the errors that led to it and those that it groups, each with its traceback.

    The traceback of ``error`` itself is given: by now its own may lead through the code of an actor that asked.
    """
    seen, left = {id(error)}, [(error, traceback)]
    while left:
        error, traceback = left.pop()
        yield error, traceback
        grouped = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
        for other in (error.__cause__, error.__context__, *grouped):
            if other is not None and id(other) not in seen:
                seen.add(id(other))
                left.append((other, other.__traceback__))


def _forget_object(error: BaseException) -> None:
    """Have a missing attribute's error name the class of the object, and not keep the object, often the actor."""
    if isinstance(error, AttributeError) and not isinstance(error.obj, type | ModuleType | None):
        error.obj = type(error.obj)


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
