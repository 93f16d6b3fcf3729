"""The messages of a step as a sequence diagram: a column for each peer, and time from top to bottom."""

from __future__ import annotations

from collections.abc import Sequence

from annex_actors.base.errors import DataError
from annex_actors.base.words import counted
from annex_actors.protocol.messages import WHOLE_STEP, Address
from annex_actors.protocol.routing import is_stage
from annex_actors.tracing.pictures import COLORS, label_of, new_figure, saved
from annex_actors.tracing.pieces import CONTROL, LETTERS, Flow
from annex_actors.tracing.recording import Recording

MOST = 500
"""Messages of a diagram: in one of more, nothing can be found."""


def messages_of(trace: Recording, step: int | None = None) -> list[Flow]:
    """Return the messages of a diagram: those of a step, without those about commits, which are of none.

    Args:
        trace: of a job.
        step: from 0; None: all steps.

    Raises:
        DataError: the step is not in the trace, or there are too many messages.
    """
    found = [
        flow
        for flow in trace.flows
        if flow.sent is not None and flow.kind not in CONTROL and (step is None or flow.step == step)
    ]
    if step is not None and not found:
        raise DataError(f"expected a step that was traced, from {_bounds(trace)}, got {step}")
    if len(found) > MOST:
        raise DataError(
            f"expected a diagram of at most {counted(MOST, 'message')}, got {len(found):,}; choose a `step`"
        )
    return found


def sequence_of(trace: Recording, step: int | None = None) -> str:
    """Return the messages as a diagram in text, a line for each one, in the order in which they were sent.

    Args:
        trace: of a job.
        step: see `messages_of`.

    Raises:
        DataError: see `messages_of`.
    """
    flows = messages_of(trace, step)
    peers = _peers(trace, flows)
    names = [str(peer) for peer in peers]
    labels = [_label(flow, with_step=step is None) for flow in flows]
    gap = max(len(text) for text in (*names, *labels)) + 6
    column = {peer: index * gap + gap // 2 for index, peer in enumerate(peers)}
    width = gap * len(peers)
    lines = ["".join(name.center(gap) for name in names).rstrip()]
    for flow, label in zip(flows, labels, strict=True):
        lines.append(_arrow(column[flow.sender], column[flow.to], label, list(column.values()), width, flow))
    return "\n".join(lines)


def mermaid_of(trace: Recording, step: int | None = None) -> str:
    """Return the messages as a diagram of Mermaid, which web pages and notebooks draw; see `sequence_of`."""
    flows = messages_of(trace, step)
    peers = _peers(trace, flows)
    lines = ["sequenceDiagram"]
    lines += [f"    participant {_id(peer)} as {_safe(trace.labels.get(peer, str(peer)))}" for peer in peers]
    for flow in flows:
        arrow = "-x" if flow.received is None else "->>"
        lines.append(f"    {_id(flow.sender)}{arrow}{_id(flow.to)}: {_label(flow, with_step=step is None)}")
    return "\n".join(lines)


def _peers(trace: Recording, flows: Sequence[Flow]) -> list[Address]:
    """Return the peers with a message; the trainer first, since it feeds the first stage."""
    there = {flow.sender for flow in flows} | {flow.to for flow in flows}
    known = [*(peer for peer in trace.peers if not is_stage(peer)), *trace.peers]
    return list(dict.fromkeys(peer for peer in (*known, *sorted(there)) if peer in there))


def _label(flow: Flow, *, with_step: bool) -> str:
    place = [str(flow.step)] if with_step else []
    place += [] if flow.microbatch == WHOLE_STEP else [str(flow.microbatch)]
    return " ".join([flow.kind, *([".".join(place)] if place else []), *(["(lost)"] if flow.received is None else [])])


def _arrow(start: int, end: int, label: str, columns: Sequence[int], width: int, flow: Flow) -> str:
    cells = [" "] * width
    for column in columns:
        cells[column] = "│"
    left, right = min(start, end), max(start, end)
    for index in range(left + 1, right):
        cells[index] = "─"
    text = f" {label} "
    at = left + 1 + (right - left - 1 - len(text)) // 2
    cells[at : at + len(text)] = text
    head = "x" if flow.received is None else "►" if end > start else "◄"
    cells[end - 1 if end > start else end + 1] = head
    return "".join(cells).rstrip()


def _bounds(trace: Recording) -> str:
    steps = trace.steps
    return f"{steps[0]} to {steps[-1]}" if steps else counted(0, "step")


def _id(peer: Address) -> str:
    return str(peer).replace("-", "_")


def _safe(text: str) -> str:
    """Return a label without what Mermaid takes for its own."""
    return "".join(each if each.isalnum() or each in " :._+-(),=" else " " for each in text)


def picture_of(trace: Recording, step: int | None = None, picture_format: str = "svg") -> bytes:
    """Return the messages as a picture; see `sequence_of`.

    Raises:
        DataError: see `messages_of`.
        ConfigError: matplotlib is not installed.
    """
    flows = messages_of(trace, step)
    peers = _peers(trace, flows)
    figure, axes = new_figure(2.0 * len(peers) + 0.5, 0.32 * len(flows) + 1.2)
    for column, peer in enumerate(peers):
        axes.plot([column, column], [-0.5, len(flows)], color="#bbbbbb", linewidth=1, zorder=0)
        axes.text(column, -1.0, label_of(trace, peer), ha="center", va="bottom", fontsize="small")
    for row, flow in enumerate(flows):
        start, end = peers.index(flow.sender), peers.index(flow.to)
        style = {"arrowstyle": "-|>", "color": _color(flow), "linestyle": ":" if flow.received is None else "-"}
        axes.annotate("", xy=(end, row), xytext=(start, row), arrowprops=style)
        label = _label(flow, with_step=step is None)
        axes.text((start + end) / 2, row - 0.08, label, ha="center", va="bottom", fontsize="x-small")
    axes.set_xlim(-0.6, len(peers) - 0.4)
    axes.set_ylim(len(flows), -2)
    axes.axis("off")
    return saved(figure, picture_format)


def _color(flow: Flow) -> str:
    return COLORS[LETTERS.get(flow.kind, "·")]
