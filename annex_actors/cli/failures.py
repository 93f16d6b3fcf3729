"""The text for a run that failed: what went wrong, where in the layer, and what was saved."""

from __future__ import annotations

import traceback

from annex_actors.base.errors import UserError, message_of
from annex_actors.runtimes import StandstillError
from annex_actors.runtimes.hosting.own_code import own_traceback


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
    return f"{line}\n{own_traceback(error) or ''}{where}; --debug shows the whole traceback"
