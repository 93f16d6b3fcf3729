"""What a failure says of the user's code: the traceback without the machinery's frames, and the line that failed."""

from __future__ import annotations

import os
import sysconfig
import threading
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pykka

import supervisors
from annex_actors.base.errors import AnnexError, LayerError
from annex_actors.base.words import counted
from annex_actors.protocol.events import PeerExited
from annex_actors.runtimes.hosting.failures import one_line
from annex_actors.runtimes.program import RunFailedError
from supervisors import StartError

_PACKAGE = Path(__file__).parents[2]

_MACHINERY = (
    *(f"{_PACKAGE / name}{os.sep}" for name in ("protocol", "peers", "runtimes")),
    str(_PACKAGE / "layers" / "stack.py"),
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


def explained(ended: PeerExited, error: BaseException) -> PeerExited:
    """Return the end of a peer with its reason, the traceback and the line of the user's code, from its exception."""
    return replace(ended, reason=one_line(error), traceback=own_traceback(error), where=own_line(error))


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
    written = [frame for frame in own_frames(error) if not frame.filename.startswith(_INSTALLED)]
    return f"{_from_here(written[-1].filename)}:{written[-1].lineno} in {written[-1].name}" if written else None


def own_traceback(error: BaseException) -> str | None:
    """Return the text of the exception that a layer raised, with its causes, notes and members, without machinery.

    None where no code has failed, such as for a process that was killed or a cost that became infinite.
    """
    error = origin(error)
    if not own_frames(error) and (error.__traceback__ is None or _is_ours(error)):
        return "\n".join(getattr(error, "__notes__", ())) or None
    told = traceback.TracebackException.from_exception(error)
    for each in _chain(told):
        each.stack = _without_columns(_own(each.stack) or each.stack[-1:])
    return _middle_left_out("".join(told.format()))


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


def _is_ours(error: BaseException) -> bool:
    return isinstance(error, AnnexError) or type(error).__module__.startswith(("annex_actors.", "supervisors."))


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
