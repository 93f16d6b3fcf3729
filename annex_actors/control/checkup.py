"""What is wrong with an actor: a pure function of what was seen of it twice, a second apart, and of its neighbours.

| verdict | means |
|---|---|
| ``does not answer`` | its host says nothing: its process is stopped, or holds the interpreter |
| ``hangs`` | it is in one piece of work for far longer than ever before: it spins (a livelock) or blocks |
| ``restarting`` | it ends again and again, or is not up |
| ``mailbox full`` | far more messages wait than its schedule allows: it is flooded, or starved |
| ``slow`` | it works, but each piece takes far longer than its neighbours' and than the median |
| ``fine`` | none of these |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from annex_actors.base.words import counted
from annex_actors.control.findings import Checkup, Verdict
from annex_actors.control.samples import Answer, Sample
from annex_actors.control.status import ActorExit

HANG_S = 1.0
"""A piece of work of less than a second is no hang."""

TIMES_LONGEST = 20
"""A hang takes so many times as long as the longest recent piece of work, as for the watchdog."""

SPINS = 0.1
"""The fraction of a core above which a thread that does not come back spins, and does not wait. It is small: other
threads may want the core or the interpreter too."""

SLOW_S, TIMES_MEDIAN, TIMES_NEIGHBOUR = 0.02, 10, 5
"""A slow layer's piece of work takes at least so many seconds, so many times the median of the other layers, and so
many times that of each neighbour. Layers have different work, so only what stands out far is named."""

OVER_AND_OVER, WITHIN_S = 3, 10.0
"""An actor that has ended so often within so many seconds is restarting over and over."""


@dataclass(frozen=True)
class Seen:
    """What was seen of an actor.

    Args:
        id: its name.
        label: for people.
        before: at first.
        after: at last.
        answers: of its host at first and at last; None: there was none.
        exits: how its last incarnations ended.
        allowed: how many messages may wait for it at most; None: any number.
        stopped: whether its process is stopped.
    """

    id: str
    label: str
    before: Sample
    after: Sample
    answers: tuple[Answer | None, Answer | None]
    exits: tuple[ActorExit, ...] = ()
    allowed: int | None = None
    stopped: bool = False

    @property
    def piece_s(self) -> float:
        """How long a piece of work takes it: the mean since the first look, or ever if it has finished none since."""
        before, after = self.before, self.after
        same = before.incarnations == after.incarnations
        pieces = after.handled - before.handled if same else 0
        if pieces:
            return (after.busy_s - before.busy_s) / pieces
        return after.busy_s / max(1, after.handled)


def checkups(seen: Sequence[Seen], layers: Sequence[str]) -> list[Checkup]:
    """Return what is wrong with each actor.

    Args:
        seen: all actors.
        layers: the ids of those that are layers, in the order of the chain: they are compared with each other.
    """
    pieces = {each.id: each.piece_s for each in seen if each.id in layers}
    return [_checkup(each, _slower(each.id, list(layers), pieces)) for each in seen]


def _checkup(seen: Seen, slow: str) -> Checkup:
    last = seen.answers[1] or seen.answers[0]
    verdict, text = _verdict(seen, slow)
    began = seen.after.began
    return Checkup(
        id=seen.id,
        label=seen.label,
        node=seen.after.node,
        verdict=verdict,
        text=text,
        answer_ms=None if seen.answers[0] is None else 1000 * seen.answers[0].seconds,
        mailbox=None if last is None else last.probed.waiting,
        work=None if began is None else seen.after.place,
        work_seconds=None if began is None else seen.after.work_s,
        stack=last.probed.stack if last is not None and verdict == "hangs" else (),
    )


def _verdict(seen: Seen, slow: str) -> tuple[Verdict, str]:
    recent = [each for each in seen.exits if seen.after.time - each.time <= WITHIN_S]
    if len(recent) >= OVER_AND_OVER:
        last = recent[-1].reason
        return "restarting", f"ended {counted(len(recent), 'time')} in {WITHIN_S:g} s, at last: {last}"
    if not (seen.before.is_up or seen.after.is_up):
        return "restarting", "is not up" + (f", since it ended: {recent[-1].reason}" if recent else "")
    if seen.answers == (None, None):
        return "does not answer", _silence(seen)
    if _hangs(seen):
        return "hangs", _hang(seen)
    waiting = [answer.probed.waiting for answer in seen.answers if answer is not None]
    if seen.allowed is not None and min(waiting) > seen.allowed:
        return "mailbox full", f"{counted(waiting[-1], 'message')} wait, its schedule needs at most {seen.allowed:,}"
    return ("slow", slow) if slow else ("fine", "")


def _silence(seen: Seen) -> str:
    process = f"process {seen.after.pid}" if seen.after.pid is not None else "its process"
    process += f" on node {seen.after.node}" if seen.after.node else ""
    if seen.stopped:
        return f"{process} is stopped; kill -CONT {seen.after.pid} lets it go on"
    return f"{process} does not answer: it holds the interpreter, or the machine is too busy"


def _hangs(seen: Seen) -> bool:
    before, after = seen.before, seen.after
    if after.began is None or before.began != after.began or before.incarnations != after.incarnations:
        return False
    return after.work_s >= max(HANG_S, TIMES_LONGEST * after.longest_s)


def _hang(seen: Seen) -> str:
    last = seen.answers[1] or seen.answers[0]
    where = _place(last.probed.stack) if last is not None else ""
    text = f"in {seen.after.place} for {seen.after.work_s:.1f} s, its longest before took {_time(seen.after.longest_s)}"
    return f"{text}; it {_manner(seen)}{f' at {where}' if where else ''}"


def _manner(seen: Seen) -> str:
    """Return whether a thread that does not come back uses the processor."""
    first, last = seen.answers
    if first is None or last is None or first.probed.cpu_s is None or last.probed.cpu_s is None:
        return "is"
    seconds = seen.after.time - seen.before.time
    return "spins" if last.probed.cpu_s - first.probed.cpu_s > SPINS * seconds else "blocks"


def _place(stack: Sequence[str]) -> str:
    """Return the innermost call of a stack that is not a library's: it is where a user looks first."""
    own = [call for call in stack if _LIBRARIES.isdisjoint(Path(call).parts) and not call.startswith("<frozen ")]
    return (own or list(stack) or [""])[-1]


_LIBRARIES = {"site-packages", "dist-packages", *(f"python3.{minor}" for minor in range(11, 20))}


def _slower(id: str, layers: list[str], pieces: Mapping[str, float]) -> str:
    """Return how much longer a layer's pieces of work take than the others'; nothing if they do not stand out."""
    others = [seconds for other, seconds in pieces.items() if other != id]
    if id not in pieces or not others or pieces[id] < SLOW_S:
        return ""
    own, usual, index = pieces[id], median(others), layers.index(id)
    beside = max(pieces[each] for each in (*layers[max(0, index - 1) : index], *layers[index + 1 : index + 2]))
    if own < TIMES_MEDIAN * usual or own < TIMES_NEIGHBOUR * beside:
        return ""
    return f"works, but takes {_time(own)} for a piece of work, the median of the others is {_time(usual)}"


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"
