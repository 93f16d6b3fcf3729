"""The frames of an error that say something about a layer: its own, without those of the machinery around it."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import supervisors

_PACKAGE = Path(__file__).parents[1]
_MACHINERY = (
    *(_PACKAGE / name for name in ("protocol", "peers", "runtimes", "replay", "layers/stack.py")),
    Path(supervisors.__file__).parent,
)
_LIBRARIES = tuple(Path(sysconfig.get_paths()[name]) for name in ("stdlib", "purelib", "platlib"))


def layer_frames(error: BaseException) -> str:
    """Return the frames of the original error inside the layer, as Python prints them."""
    frames = [each for each in _frames(original(error)) if not _is_in(each, _MACHINERY)]
    shown = traceback.StackSummary.extract((each.tb_frame, each.tb_lineno) for each in frames)
    return "".join(shown.format())


def layer_traceback(error: BaseException) -> TracebackType | None:
    """Return the traceback of the original error, cut so that its last frame is the layer's own."""
    frames = list(_frames(original(error)))
    own = [each for each in frames if not _is_in(each, _MACHINERY)] or frames
    while len(own) > 1 and _is_in(own[-1], _LIBRARIES) and not _is_in(own[-1], (_PACKAGE,)):
        own.pop()
    cut: TracebackType | None = None
    for each in reversed(own):
        cut = TracebackType(cut, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return cut


def original(error: BaseException) -> BaseException:
    """Return the first of the errors that caused each other."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _frames(error: BaseException) -> Iterator[TracebackType]:
    trace = error.__traceback__
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _is_in(frame: TracebackType, folders: tuple[Path, ...]) -> bool:
    path = Path(frame.tb_frame.f_code.co_filename)
    return any(path.is_relative_to(folder) for folder in folders)
