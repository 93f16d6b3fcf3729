"""Which failures a restart can heal, and which must end the run. Pure: failures in, verdicts out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable

from annex_actors.base.errors import AnnexError, LayerError, UserError
from annex_actors.protocol.messages import Address
from annex_actors.runtimes.program import RunFailedError

FROM_OUTSIDE = 10
"""How many times ``max_attempts`` deaths at the same message may be that look like kills from outside: the operating
system kills like that, too, who takes all memory, and a message that does so would kill for ever."""


class PeerError(AnnexError):
    """The end of a peer that raised nothing: its process died, or it hung.

    Args:
        what: how it ended, on one line.
        place: the piece of work that it was at; None: between two.
        from_outside: whether it looks like somebody's doing rather than the message's.
    """

    def __init__(self, what: str, place: str | None, *, from_outside: bool = False) -> None:
        super().__init__(f"{what} in {place}" if place else what)
        self.place = place
        self.from_outside = from_outside


class FailureLedger:
    """Counts the failures of a run.

    A message that fails the same layer at the same work ``max_attempts`` times is poison: the handler is a function of
    weights, message and key, so that the next attempt would fail as well. A kill from outside is nobody's message and
    is limited by the supervisors' restart window alone, unless it strikes the same message again and again.

    Args:
        max_attempts: >= 1.
    """

    def __init__(self, max_attempts: int) -> None:
        self._max_attempts = max_attempts
        self._failures: Counter[Hashable] = Counter()

    def record(self, address: Address, label: str, error: BaseException | None) -> Exception | None:
        """Count a failure; return the error that ends the run, or None where a restart may help."""
        if isinstance(error, UserError):
            return error
        if error is None:
            return None
        limit = self._max_attempts
        if isinstance(error, PeerError):
            if error.place is None:
                return None
            limit *= FROM_OUTSIDE if error.from_outside else 1
            key: Hashable = (address, PeerError, error.place, error.from_outside)
            text = f"{label}: {one_line(error)}"
        elif isinstance(error, LayerError):
            key = (address, error.layer, error.step, error.microbatch, error.work)
            text = one_line(error)
        else:
            key, text = (address, type(error), str(error)), f"{label}: {one_line(error)}"
        self._failures[key] += 1
        if self._failures[key] < limit:
            return None
        return chained(RunFailedError(f"{text} (failed {limit} times at the same message)"), error)


def too_many_restarts(label: str, limit: str, error: BaseException | None) -> RunFailedError:
    """Return the error of a peer that used up its supervisor's restart window."""
    text = one_line(error) if error else "killed"
    return chained(RunFailedError(f"{label} ended once more than {limit} allow; last: {text}"), error)


def one_line(error: BaseException) -> str:
    """Return what failed and why, on one line; for a layer's failure with its place and the original error."""
    if isinstance(error, PeerError):
        return str(error)
    text = error.summary if isinstance(error, LayerError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())


def chained(error: RunFailedError, cause: BaseException | None) -> RunFailedError:
    """Return ``error`` with its cause, so that a traceback shows the layer's own."""
    error.__cause__ = cause
    return error
