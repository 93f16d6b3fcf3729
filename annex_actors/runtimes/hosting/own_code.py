"""What a failure says of the user's code: the traceback without the machinery's frames, and the line that failed."""

from __future__ import annotations

import os
import sysconfig
import threading
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
import pykka

import supervisors
from annex_actors.base.errors import AnnexError, LayerError, RemoteError
from annex_actors.base.words import counted
from annex_actors.runtimes.program import RunFailedError
from supervisors import StartError

_PACKAGE = Path(__file__).parents[2]

_MACHINERY = (
    *(f"{_PACKAGE / name}{os.sep}" for name in ("protocol", "peers", "runtimes")),
    str(_PACKAGE / "layers" / "stack.py"),
    str(Path(np.__file__).parent / "_core" / "_ufunc_config.py"),  # of the decorator around `Node.work`
    *(f"{Path(str(package.__file__)).parent}{os.sep}" for package in (supervisors, pykka)),
    str(threading.__file__),
)
"""Folders and files whose frames say nothing about the layer that failed."""

_INSTALLED = (
    f"{_PACKAGE}{os.sep}",
    *{sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")},
    "<frozen",
    "<__array_function__",
)
"""Where the code is that the user has not written, as far as its place tells."""

_WRAPPERS = (LayerError, RunFailedError, StartError)
"""Errors that only say where their cause came from."""

LONGEST = 10_000
"""Characters of a traceback that are kept: the first half and the last."""


def origin(error: BaseException) -> BaseException:
    """Return the exception that a layer itself raised; of one that no layer raised, that exception."""
    while isinstance(error, _WRAPPERS) and error.__cause__ is not None:
        error = error.__cause__
    return error


def own_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """Return the frames of the exception that a layer raised, the innermost last, without those of the machinery."""
    return _own(traceback.extract_tb(origin(error).__traceback__))


def own_line(error: BaseException) -> str | None:
    """Return the innermost line of the user's code, such as ``mine.py:12 in forward``; None where none has failed."""
    cause = origin(error)
    if isinstance(cause, RemoteError):
        return cause.where
    written = [frame for frame in own_frames(error) if not frame.filename.startswith(_INSTALLED)]
    return f"{_from_here(written[-1].filename)}:{written[-1].lineno} in {written[-1].name}" if written else None


def own_traceback(error: BaseException) -> str | None:
    """Return the text of the exception that a layer raised, with its causes, notes and members, without machinery.

    None where no code has failed, such as for a process that was killed or a cost that became infinite.
    """
    error = origin(error)
    if error.__traceback__ is None or not _is_of_a_layer(error):
        return "\n".join(getattr(error, "__notes__", ())) or None
    told = traceback.TracebackException.from_exception(error)
    for each in _chain(told):
        each.stack = _without_columns(_own(each.stack) or each.stack[-1:])
    return _middle_left_out("".join(told.format()))


def own_text(error: BaseException) -> str:
    """Return what `own_traceback` does, for a reader who has the message: of one plain exception the frames alone."""
    cause = origin(error)
    if not _is_of_a_layer(cause):
        return ""
    told = traceback.TracebackException.from_exception(cause)
    is_plain = len(list(_chain(told))) == 1 and not getattr(cause, "__notes__", ())
    return "".join(_without_columns(own_frames(error)).format()) if is_plain else own_traceback(error) or ""


class OwnFrames:
    """A block whose errors show the user's own frames, and not those of the machinery, wherever they are printed.

    An error of this package that leaves the block has the frames of its caller, and what it was caused by those of the
    layer. The chain of causes stays. What is removed is in the log of the supervisors.
    """

    def __enter__(self) -> None:
        """Do nothing yet."""

    def __exit__(self, _kind: object, error: BaseException | None, trace: TracebackType | None) -> None:
        """Shorten the tracebacks of an error of this package."""
        if isinstance(error, AnnexError) and trace is not None:
            error.__cause__ = _without_starts(error.__cause__)
            for each in _led_to(error):
                each.__traceback__ = None if isinstance(each, _WRAPPERS) else _only_own(each.__traceback__)
            error.__traceback__ = TracebackType(None, trace.tb_frame, trace.tb_lasti, trace.tb_lineno)


def _without_starts(cause: BaseException | None) -> BaseException | None:
    """Return a cause without the errors of supervisors that only pass on why a child did not start."""
    while isinstance(cause, StartError) and cause.__cause__ is not None:
        cause = cause.__cause__
    return cause


def _led_to(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors that led to this one, or that one of them groups."""
    seen, waiting = {id(error)}, [error]
    while waiting:
        each = waiting.pop()
        members = each.exceptions if isinstance(each, BaseExceptionGroup) else ()
        for other in (each.__cause__, each.__context__, *members):
            if other is not None and id(other) not in seen:
                seen.add(id(other))
                waiting.append(other)
                yield other


def _only_own(trace: TracebackType | None) -> TracebackType | None:
    """Return a traceback without the machinery's frames; of one with no others the last frame."""
    links = list(_links(trace))
    own = [each for each in links if not each.tb_frame.f_code.co_filename.startswith(_MACHINERY)] or links[-1:]
    shorter: TracebackType | None = None
    for each in reversed(own):
        shorter = TracebackType(shorter, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return shorter


def _links(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _own(frames: Sequence[traceback.FrameSummary]) -> list[traceback.FrameSummary]:
    return [frame for frame in frames if not frame.filename.startswith(_MACHINERY)]


def _without_columns(frames: Sequence[traceback.FrameSummary]) -> traceback.StackSummary:
    """Return frames that only have lines: which part of a line has failed is lost between processes."""
    return traceback.StackSummary.from_list(
        [(each.filename, each.lineno or 0, each.name, each.line) for each in frames]
    )


def _chain(told: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    """Yield an exception, and all that its text shows with it."""
    waiting = [told]
    while waiting:
        each = waiting.pop()
        yield each
        waiting += [other for other in (each.__cause__, each.__context__, *(each.exceptions or ())) if other]


def _is_of_a_layer(error: BaseException) -> bool:
    """Return whether a traceback says more than the error: one of this package says all, unless user code raised it."""
    is_ours = isinstance(error, AnnexError) or type(error).__module__.startswith(("annex_actors.", "supervisors."))
    return not is_ours or own_line(error) is not None


def _from_here(file: str) -> str:
    """Return a path as one writes it in the present folder, where the file is below it."""
    try:
        return os.path.relpath(file) if Path(file).is_relative_to(Path.cwd()) else file
    except OSError:  # the present folder is gone
        return file


def _middle_left_out(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST // 2]}\n… {counted(len(text) - LONGEST, 'character')} …\n{text[-LONGEST // 2 :]}"
