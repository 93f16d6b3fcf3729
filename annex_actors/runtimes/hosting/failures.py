"""Which failures a restart can heal, and which end the run. Pure: failures in, verdicts out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace

from annex_actors.base.errors import AnnexError, LayerError, LostCommitError, UserError, named
from annex_actors.base.words import counted
from annex_actors.protocol.events import PeerExited
from annex_actors.protocol.messages import Address, Control
from annex_actors.runtimes.hosting.heartbeat import START
from annex_actors.runtimes.hosting.own_code import origin, own_line, own_traceback
from annex_actors.runtimes.program import RunFailedError, StandstillError, Supervision

EXTERNAL_KILL_FACTOR = 10
"""Multiplier of ``max_attempts`` for deaths by external signals. The OOM killer looks the same, so a message that
exhausts memory must still count as poison in the end."""


BLAMELESS = frozenset({START, *(each.kind for each in Control.__subclasses__())})
"""The kinds of work that exhaust nothing, so that a kill from outside strikes there by chance: the start, and messages
about commits and restarts, which are the first that a new incarnation gets."""


class PeerError(AnnexError):
    """The end of a peer without an exception: its process died, or it hung.

    Args:
        what: how it ended, on one line.
        place: its current piece of work; None: between two.
        external: whether the cause looks external, and not like the fault of the message.
    """

    def __init__(self, what: str, place: str | None, *, external: bool = False) -> None:
        super().__init__(f"{what} in {place}" if place else what)
        self.what = what
        self.place = place
        self.external = external

    @property
    def kind(self) -> str:
        """The kind of the message in ``place``; `START` for the start."""
        return (self.place or "").partition(" at ")[0]


class FailureLedger:
    """Counts the failures of a run.

    A message that fails the same layer at the same work ``max_attempts`` times is poison: the handler is a function of
    weights, message and key, so the next attempt would fail as well. External kills are limited by the supervisors'
    restart window alone, unless they come again and again at the same message with data.

    Args:
        max_attempts: >= 1.
    """

    def __init__(self, max_attempts: int) -> None:
        self._max_attempts = max_attempts
        self._failures: Counter[Hashable] = Counter()

    def record(self, address: Address, label: str, error: BaseException | None) -> Exception | None:
        """Count a failure; return the error that ends the run, or None where a restart may help."""
        if isinstance(error, UserError | RunFailedError):
            return error
        if isinstance(error, LostCommitError):
            return chained(RunFailedError(str(error)), error)
        if error is None:
            return None
        limit = self._max_attempts
        if isinstance(error, PeerError):
            if error.place is None or (error.external and error.kind in BLAMELESS):
                return None
            limit *= EXTERNAL_KILL_FACTOR if error.external else 1
            key: Hashable = (address, PeerError, error.place, error.external)
            text = f"{label}: {one_line(error)}"
        elif isinstance(error, LayerError):
            key = (address, error.layer, error.step, error.microbatch, error.work)
            text = one_line(error)
        else:
            key, text = (address, type(error), str(error)), f"{label}: {one_line(error)}"
        self._failures[key] += 1
        if self._failures[key] < limit:
            return None
        hint = "; a system that has no memory left kills so" if _is_external(error) else ""
        return because(text, error, f"failed {counted(limit, 'time')} at the same message{hint}")


def _is_external(error: BaseException) -> bool:
    return isinstance(error, PeerError) and error.external


def too_many_restarts(label: str, limits: Supervision, error: BaseException | None) -> RunFailedError:
    """Return the error of a run whose peer needed more restarts than its supervisor allows."""
    limit = f"{counted(limits.max_restarts, 'restart')} in {limits.max_seconds:g} s"
    text = one_line(error) if error else "killed"
    named = text if isinstance(error, LayerError) else f"{label}: {text}"
    return because(named, error, f"ended once more than the allowed {limit}")


def standstill(waits: Iterable[tuple[str, str | None]]) -> StandstillError:
    """Return the error of a run in which nothing can ever happen again.

    Args:
        waits: the label of each peer, and for what it waits.
    """
    labels: dict[str, list[str]] = {}
    for label, what in waits:
        if what is not None:
            labels.setdefault(what, []).append(label)
    groups = [f"{_listed(who)} for {what}" for what, who in labels.items()]
    return StandstillError(f"the run stands still: {'; '.join(groups) or 'no peer says for what it waits'}")


def _listed(labels: Sequence[str]) -> str:
    """Return labels and a verb, as in *layer 1 relu and 2 more wait*."""
    if len(labels) == 1:
        return f"{labels[0]} waits"
    return f"{labels[0]} and {labels[1] if len(labels) == 2 else f'{len(labels) - 1} more'} wait"


def one_line(error: BaseException) -> str:
    """Return what failed and why, on one line; for a layer, with the place and the original error."""
    node = getattr(error, _NODE, "")
    on = f", on node {node}" if node else ""
    if isinstance(error, PeerError):
        return f"{error}{on}"
    text = error.summary if isinstance(error, LayerError) else named(error)
    return f"{' '.join(text.split())}{on}"


_NODE = "__annex_actors_node__"


def on_node(error: BaseException, node: str) -> BaseException:
    """Return an error of a peer whose line and traceback say on which node that was; without a name, as it is."""
    if node and not hasattr(error, _NODE):
        setattr(error, _NODE, node)
        if not isinstance(error, PeerError):  # which has no traceback
            place = f"{error}, on" if isinstance(error, LayerError) else "on"
            origin(error).add_note(f"{place} node {node}")
    return error


def explained(ended: PeerExited, error: BaseException) -> PeerExited:
    """Return the end of a peer with its reason, the traceback and the line of the user's code, from its exception."""
    return replace(ended, reason=one_line(error), traceback=own_traceback(error), where=own_line(error))


def because(text: str, error: BaseException | None, why: str) -> RunFailedError:
    """Return the error of a run: what failed first, in which line of the user's code, and why no restart follows."""
    where = None if error is None else own_line(error)
    return chained(RunFailedError(f"{text} ({f'{where}; ' if where else ''}{why})"), error)


def chained(error: RunFailedError, cause: BaseException | None) -> RunFailedError:
    """Return ``error`` with this cause, so that its traceback shows that of the layer."""
    error.__cause__ = cause
    return error
