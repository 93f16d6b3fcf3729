"""The text for a run that failed: what went wrong, what followed, where in the layer, and what was saved."""

from __future__ import annotations

import traceback
from collections.abc import Sequence

from annex_actors.base.errors import message_of
from annex_actors.runtimes.hosting.own_code import own_text
from annex_actors.runtimes.program import StandstillError


def failure_text(error: BaseException, followed: Sequence[str], where: str, *, debug: bool) -> str:
    """Return the error's message, what followed, the frames inside the layer, and where the run is saved.

    Args:
        error: what ended the run; its message names the first cause.
        followed: what else the story of the run tells, one line each.
        where: a sentence with the saved step and the folder.
        debug: return the whole chain of tracebacks instead of the layer's frames.
    """
    line, more = f"error: {message_of(error)}", "".join(f"  {each}\n" for each in followed)
    if debug:
        return f"{''.join(traceback.format_exception(error))}{line}\n{more}{where}"
    if isinstance(error, StandstillError):
        where = f"{where}; `annex-actors explain standstill` says how that is known"
    own = own_text(error)
    if not own and not more:
        return f"{line} ({where})"
    return f"{line}\n{more}{own}{where}; --debug shows the whole traceback"
