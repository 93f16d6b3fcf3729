"""What a traceback keeps alive: the frames that an exception passed, their callers, and all their variables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from types import FrameType, TracebackType

from supervisors.rules.reasons import Crashed, Escalation, FailedToStart, Reason, Shutdown


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
        caller = None if traceback is None else traceback.tb_frame.f_back
        while caller is not None:
            yield caller
            caller = caller.f_back
        while traceback is not None:
            yield traceback.tb_frame
            traceback = traceback.tb_next
        for earlier in (error.__cause__, error.__context__):
            if earlier is not None and id(earlier) not in seen:
                seen.add(id(earlier))
                left.append((earlier, earlier.__traceback__))
