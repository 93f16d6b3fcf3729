"""A trace in the format of Chrome, which https://ui.perfetto.dev and chrome://tracing show.

Source: "Trace Event Format", Google, https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU.
A track for each actor has its work; arrows lead from each send to the work that it caused. A second group of tracks has
the waits with their reasons, a third one how many messages waited.
"""

from __future__ import annotations

import json
from typing import Any

from annex_actors.protocol.messages import WHOLE_STEP, Address
from annex_actors.tracing.pieces import Flow, Idle, Work
from annex_actors.tracing.recording import Recording, address_of

WORK, WAITS = 1, 2
"""The processes of the format: the groups of tracks."""

_COLORS = {"F": "thread_state_running", "B": "thread_state_runnable", "W": "good", "S": "terrible", "C": "grey"}
"""Names of colours that the format has."""


def perfetto_of(trace: Recording) -> str:
    """Return a trace as the JSON of Chrome's trace viewer; times are microseconds since the trace began."""
    return json.dumps({"traceEvents": _Events(trace).all(), "displayTimeUnit": "ms"}, separators=(",", ":"))


class _Events:
    """The events of a trace."""

    def __init__(self, trace: Recording) -> None:
        self._trace = trace
        self._track = {peer: index + 1 for index, peer in enumerate(trace.peers)}

    def all(self) -> list[dict[str, Any]]:
        trace = self._trace
        events = self._names()
        for peer in trace.peers:
            events += [self._work(each) for each in trace.work[peer]]
            events += [self._depth(each) for each in trace.work[peer]]
            events += [self._idle(each) for each in trace.idle[peer]]
        flows = [each for each in trace.flows if each.sent is not None and each.received is not None]
        for number, flow in enumerate(each for each in flows if each.to in self._track):
            events += self._flow(number, flow)
        return events + [self._death(each) for each in trace.header["exits"] if self._is_death(each)]

    def _names(self) -> list[dict[str, Any]]:
        found = [_meta("process_name", WORK, 0, name=f"work of {self._trace.header['run']}")]
        found.append(_meta("process_name", WAITS, 0, name="waits"))
        for peer, track in self._track.items():
            label = self._trace.labels.get(peer, str(peer))
            for group in (WORK, WAITS):
                found.append(_meta("thread_name", group, track, name=label))
                found.append(_meta("thread_sort_index", group, track, sort_index=track))
        return found

    def _work(self, work: Work) -> dict[str, Any]:
        args = {"step": work.step, "microbatch": work.microbatch, "version": work.version, "mailbox": work.mailbox}
        args |= {"incarnation": work.incarnation, "bytes": work.bytes}
        args |= {} if work.credit is None else {"credit": work.credit}
        event = self._slice(WORK, work.peer, work.start, work.end, _name(work), work.kind, args)
        return {**event, **({"cname": _COLORS[work.letter]} if work.letter in _COLORS else {})}

    def _idle(self, idle: Idle) -> dict[str, Any]:
        args = {} if idle.kind is None else {"for": idle.kind, "step": idle.step, "microbatch": idle.microbatch}
        return self._slice(WAITS, idle.peer, idle.start, idle.end, idle.reason, "wait", args)

    def _slice(
        self, group: int, peer: Address, start: float, end: float, name: str, category: str, args: dict[str, Any]
    ) -> dict[str, Any]:
        at = self._at(start)
        place = {"pid": group, "tid": self._track[peer], "ts": at, "dur": round(self._at(end) - at, 3)}
        return {"ph": "X", **place, "name": name, "cat": category, "args": args}

    def _flow(self, number: int, flow: Flow) -> list[dict[str, Any]]:
        same = {"cat": "message", "name": flow.kind, "id": number, "pid": WORK}
        assert flow.sent is not None
        assert flow.received is not None
        return [
            {"ph": "s", **same, "tid": self._track[flow.sender], "ts": self._at(flow.sent)},
            {"ph": "f", **same, "tid": self._track[flow.to], "ts": self._at(flow.received)},
        ]

    def _depth(self, work: Work) -> dict[str, Any]:
        name = f"mailbox of {work.peer}"
        return {"ph": "C", "pid": WORK, "ts": self._at(work.start), "name": name, "args": {"messages": work.mailbox}}

    def _is_death(self, ended: dict[str, Any]) -> bool:
        return not ended["orderly"] and address_of(ended["peer"]) in self._track

    def _death(self, died: dict[str, Any]) -> dict[str, Any]:
        place = {"pid": WORK, "tid": self._track[address_of(died["peer"])], "ts": self._at(died["time"])}
        return {"ph": "i", "s": "t", **place, "name": died["reason"], "cat": "exit"}

    def _at(self, time: float) -> float:
        return round((time - self._trace.begin) * 1e6, 3)


def _meta(what: str, group: int, track: int, **args: Any) -> dict[str, Any]:
    return {"ph": "M", "pid": group, "tid": track, "name": what, "args": args}


def _name(work: Work) -> str:
    if work.step < 0 or not work.on_step:
        return work.kind
    return f"{work.letter}{'' if work.microbatch == WHOLE_STEP else work.microbatch} step {work.step}"
