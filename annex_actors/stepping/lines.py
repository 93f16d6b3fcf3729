"""A point as lines of text, for a terminal of any kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from annex_actors.base.words import counted
from annex_actors.stepping.point import Done, Letter, Numbers, PeerPoint, Point, Waiting

_MARKS = {"next": "▶", "allowed": "○", "held": "·"}


def lines_of(point: Point) -> Iterator[str]:
    """Yield all that is seen at a point, as lines."""
    yield headline(point)
    if point.done is not None:
        yield from done_lines(point.done)
    for peer in point.peers:
        yield ""
        yield from peer_lines(peer)
    if point.channels:
        yield ""
        yield "on the way"
        for channel in point.channels:
            for _, _, letter in channel.letters:
                yield f"  {channel.sender} → {channel.to}: {brief(letter)}"
    if point.choices:
        yield ""
        yield "possible now"
        yield from (f"  {number} {each.text}" for number, each in enumerate(point.choices, 1))


def headline(point: Point) -> str:
    """Return where the walk is, on one line."""
    of = f" of {point.length}" if point.length > point.number else ""
    cost = f", cost {point.costs[-1]:.6g}" if point.costs else ""
    steps = f"{counted(len(point.costs), 'step')} done{cost}"
    end = f"failed: {point.failure}" if point.state == "failed" else point.state
    weights = f", weights {point.weights_sha256[:16]}" if point.weights_sha256 else ""
    return f"move {point.number}{of} · {point.schedule} · {steps} · {end}{weights}"


def done_lines(done: Done) -> Iterator[str]:
    """Yield what the last move did."""
    yield f"{done.move}" + ("" if done.letter is None else f": {brief(done.letter)}")
    for event in done.events:
        yield f"  ! {event}"
    for deed in done.deeds:
        yield f"  {deed.verb} {deed.text}" + ("" if deed.letter is None else _arrays(deed.letter.arrays))


def peer_lines(peer: PeerPoint) -> Iterator[str]:
    """Yield what a peer holds."""
    name = "" if peer.address == peer.label else f" {peer.label}"
    yield f"{peer.address}{name} · {facts(peer)}"
    if peer.waits_for is not None:
        yield f"  waits for {peer.waits_for}"
    for waiting in peer.mailbox:
        yield f"  {mailbox_line(waiting)}"
    for version in peer.versions:
        yield f"  version {version.number}" + _arrays(version.arrays)
    for saved in peer.saved:
        met = "" if saved.version is None else f" at version {saved.version}"
        yield f"  keeps {saved.of} of step {saved.step} microbatch {saved.microbatch}{met}" + _arrays(saved.arrays)
    for kept in peer.outbox:
        yield f"  keeps for {kept.to}: {brief(kept.letter)}"


def facts(peer: PeerPoint) -> str:
    """Return the numbers of a peer on one line."""
    parts = [f"incarnation {peer.incarnation}", f"committed {peer.committed}"]
    if peer.finished > peer.committed:
        parts.append(f"finished {peer.finished}")
    if peer.fed is not None:
        parts.append(f"fed {counted(peer.fed, 'step')}")
    if peer.limits is not None:
        limits = peer.limits
        credit, cap = (f" of {each}" if each is not None else "" for each in (limits.credit, limits.cap))
        parts += [f"in flight {limits.in_flight}{credit}", f"deferred {limits.deferred}{cap}"]
    return ", ".join(parts)


def mailbox_line(waiting: Waiting) -> str:
    """Return a message in a mailbox, and what becomes of it, on one line."""
    return f"{_MARKS[waiting.verdict]} {brief(waiting.letter)} ({waiting.why})"


def brief(letter: Letter) -> str:
    """Return a message as a short line, with its first array."""
    version = "" if letter.version is None else f" meets version {letter.version}"
    text = letter.text.partition(" edge ")[0] if letter.arrays else letter.text
    return text + version + _arrays(letter.arrays)


def _arrays(arrays: Iterable[Numbers]) -> str:
    return "".join(f" {array_text(each)}" for each in arrays)


def array_text(array: Numbers) -> str:
    """Return an array on one line: name, shape, norm, first numbers and hash."""
    shape = "×".join(map(str, array.shape)) or "1"
    first = " ".join(f"{each:.4g}" for each in array.first)
    more = " …" if len(array.first) < _size(array.shape) else ""
    return f"{array.name + ' ' if array.name else ''}[{shape} norm {array.norm:.4g}: {first}{more} #{array.hash}]"


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for each in shape:
        size *= each
    return size
