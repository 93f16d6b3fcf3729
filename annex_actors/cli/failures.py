"""The text for a run that failed: what went wrong, where in the layer, and what was saved."""

from __future__ import annotations

import traceback
from pathlib import Path

import supervisors
from annex_actors.base.errors import UserError, message_of
from annex_actors.runtimes import StandstillError

_PACKAGE = Path(__file__).parents[1]
_MACHINERY = (*(_PACKAGE / name for name in ("protocol", "peers", "runtimes")), Path(supervisors.__file__).parent)
"""Folders whose frames say nothing about the layer that failed."""


def failure_text(error: BaseException, where: str, *, debug: bool) -> str:
    """Return the error's message, the original error's frames inside the layer, and where the run is saved.

    Args:
        error: what ended the run.
        where: a sentence with the saved step and the folder.
        debug: return the whole chain of tracebacks instead of the layer's frames.
    """
    line = f"error: {message_of(error)}"
    if debug:
        return f"{''.join(traceback.format_exception(error))}{line}\n{where}"
    if isinstance(error, UserError | StandstillError):  # no code has failed, so there are no frames to show
        return f"{line} ({where})"
    return f"{line}\n{''.join(_own_frames(error))}{where}; --debug shows the whole traceback"


def _own_frames(error: BaseException) -> list[str]:
    while error.__cause__ is not None:
        error = error.__cause__
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not any(Path(frame.filename).is_relative_to(each) for each in _MACHINERY)]
    return traceback.format_list(own or frames[-1:])
