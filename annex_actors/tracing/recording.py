"""What the records of a job say: work, messages and waits, by name."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from annex_actors.base.errors import ConfigError, DataError
from annex_actors.base.words import counted
from annex_actors.protocol.messages import Address
from annex_actors.protocol.routing import is_stage
from annex_actors.runtimes.hosting.heartbeat import START
from annex_actors.runtimes.tracing.layout import RECEIVED, SENT, WORKED, Records
from annex_actors.schedules.discipline import Discipline
from annex_actors.schedules.table import discipline
from annex_actors.tracing.pairing import paired
from annex_actors.tracing.pieces import Flow, Idle, Work
from annex_actors.tracing.waits import Waits


class Recording:
    """What the peers of one job received, did and sent.

    Args:
        header: what it is of, as `annex_actors.training.traced` makes it.
        records: as `RECORD` describes them, those of one peer in their order.

    Raises:
        DataError: there is no record.
    """

    def __init__(self, header: Mapping[str, Any], records: Records) -> None:
        if not len(records):
            raise DataError("expected a trace with records, got none; the run may not have come so far")
        self.header = header
        self.records = records
        self._names: Sequence[str] = header["names"]

    def __repr__(self) -> str:
        peers = counted(len(self.peers), "peer")
        return f"{type(self).__name__}({self.header['run']!r}: {peers}, {counted(len(self.records), 'record')})"

    @cached_property
    def labels(self) -> dict[Address, str]:
        """What each peer of the job is, in one line, in their order."""
        return {address_of(each["id"]): each["label"] for each in self.header["peers"]}

    @cached_property
    def peers(self) -> tuple[Address, ...]:
        """The peers that recorded anything, in the order of the job's."""
        found = {self._address(*pair) for pair in np.unique(self.records[["own_role", "own_number"]]).tolist()}
        return (*(each for each in self.labels if each in found), *sorted(found - set(self.labels)))

    @property
    def dropped(self) -> int:
        """How many records were dropped, for want of room; sums and pairs then have gaps."""
        return int(self.header["dropped"])

    @cached_property
    def begin(self) -> float:
        """When the first record begins."""
        return float(self.records["start"].min())

    @cached_property
    def end(self) -> float:
        """When the last record ends."""
        return float(np.maximum(self.records["start"], self.records["end"]).max())

    @property
    def wall(self) -> float:
        """From the first record to the last, in seconds."""
        return self.end - self.begin

    @property
    def is_sample(self) -> bool:
        """Whether it has some steps of many: between these, nothing is known."""
        return str(self.header["scope"]) == "sample"

    @cached_property
    def steps(self) -> tuple[int, ...]:
        """The steps with work on them."""
        kinds = [index for index, name in enumerate(self._names) if name in ("forward", "backward", "weight gradient")]
        work = self.records[(self.records["what"] == WORKED) & np.isin(self.records["kind"], kinds)]
        return tuple(np.unique(work["step"]).tolist())

    @cached_property
    def flows(self) -> tuple[Flow, ...]:
        """Every message, in the order in which they were sent."""
        sends, receipts = (self.records[self.records["what"] == what] for what in (SENT, RECEIVED))
        send_of, receipt_of = paired(sends, receipts)
        rows = [self._flow(send, receipts, receipt) for send, receipt in zip(sends, send_of, strict=True)]
        rows += [self._stray(receipts[index]) for index in np.flatnonzero(receipt_of < 0)]
        return tuple(sorted(rows, key=lambda each: (each.sent if each.sent is not None else each.received) or 0.0))

    @cached_property
    def work(self) -> dict[Address, tuple[Work, ...]]:
        """The work of each peer, in its order."""
        return {peer: self._work_of(peer) for peer in self.peers}

    @cached_property
    def arrivals(self) -> dict[Address, tuple[Flow | None, ...]]:
        """For each piece of work of each peer the message that it is on; None where the peer sent it to itself."""
        by_place: dict[tuple[Address, str, int, int], list[Flow]] = {}
        for flow in self.flows:
            if flow.received is not None:
                by_place.setdefault((flow.to, flow.kind, flow.step, flow.microbatch), []).append(flow)
        for flows in by_place.values():
            flows.sort(key=lambda each: each.received or 0.0)
        return {
            peer: tuple(
                _last_before(by_place.get((peer, *self._place(each)), []), each) for each in self._records[peer]
            )
            for peer in self.peers
        }

    @cached_property
    def idle(self) -> dict[Address, tuple[Idle, ...]]:
        """When each peer did nothing, and why; with its work, this is the whole time of the trace."""
        every = [(each.start, each.end) for works in self.work.values() for each in works]
        waits = Waits(
            self.begin,
            self.end,
            every,
            cores=self.header["cores"],
            row=self.schedule,
            stages=self.header["stages"],
            is_sample=self.is_sample,
        )
        return {peer: tuple(waits.of(peer, self.work[peer], self.arrivals[peer])) for peer in self.peers}

    @cached_property
    def schedule(self) -> Discipline | None:
        """The schedule of a training; None for a prediction, or where the schedule is not registered here."""
        try:
            return None if self.header["schedule"] is None else discipline(self.header["schedule"])
        except ConfigError:
            return None

    def of(self, peer: Address, what: int) -> Records:
        """Return the records of one kind of a peer, in its order."""
        records = self.records
        own = (records["own_role"] == self._names.index(peer.role)) & (records["what"] == what)
        found: Records = records[own & (records["own_number"] == (-1 if peer.number is None else peer.number))]
        return found

    def kind(self, record: Any) -> str:
        """Return the kind of a record's message."""
        return str(self._names[record["kind"]])

    @cached_property
    def _records(self) -> dict[Address, list[Any]]:
        return {peer: list(self.of(peer, WORKED)) for peer in self.peers}

    def _place(self, record: Any) -> tuple[str, int, int]:
        return self.kind(record), int(record["step"]), int(record["microbatch"])

    def _work_of(self, peer: Address) -> tuple[Work, ...]:
        records, arrivals, limit = self._records[peer], self.arrivals[peer], self._limit(peer)
        spans = [
            (flow.received or 0.0, float(each["start"])) for each, flow in zip(records, arrivals, strict=True) if flow
        ]
        arrived, begun = sorted(span[0] for span in spans), sorted(span[1] for span in spans)
        rows, in_flight = [], 0
        for record, flow in zip(records, arrivals, strict=True):
            kind, step, microbatch = self._place(record)
            in_flight = 0 if kind == START else in_flight
            start = float(record["start"])
            rows.append(
                Work(
                    peer,
                    kind,
                    step,
                    microbatch,
                    start,
                    float(record["end"]),
                    incarnation=int(record["own_incarnation"]),
                    version=int(record["version"]),
                    mailbox=bisect_right(arrived, start) - bisect_right(begun, start),
                    credit=limit - in_flight if limit is not None and kind in ("forward", "backward") else None,
                    bytes=0 if flow is None else flow.bytes,
                )
            )
            in_flight += (kind == "forward") - (kind == "backward")
        return tuple(rows)

    def _limit(self, peer: Address) -> int | None:
        limits = self.header["credit"]
        return limits[peer.number] if is_stage(peer) and peer.number in range(len(limits)) else None

    def _flow(self, send: Any, receipts: Records, receipt: int) -> Flow:
        received = None if receipt < 0 else float(receipts[receipt]["start"])
        return Flow(
            self.kind(send),
            self._address(int(send["own_role"]), int(send["own_number"])),
            self._address(int(send["role"]), int(send["number"])),
            int(send["step"]),
            int(send["microbatch"]),
            int(send["bytes"]),
            float(send["start"]),
            received,
            int(send["incarnation"]),
        )

    def _stray(self, receipt: Any) -> Flow:
        return Flow(
            self.kind(receipt),
            self._address(int(receipt["role"]), int(receipt["number"])),
            self._address(int(receipt["own_role"]), int(receipt["own_number"])),
            int(receipt["step"]),
            int(receipt["microbatch"]),
            int(receipt["bytes"]),
            None,
            float(receipt["start"]),
            int(receipt["incarnation"]),
        )

    def _address(self, role: int, number: int) -> Address:
        return Address(self._names[role], None if number < 0 else number)


def _last_before(flows: Sequence[Flow], record: Any) -> Flow | None:
    """Return the last message that arrived before a piece of work began."""
    return next((flow for flow in reversed(flows) if (flow.received or 0.0) <= record["start"]), None)


def address_of(text: str) -> Address:
    """Return the address that a text such as ``stage-3`` or ``trainer`` names."""
    role, _, number = text.rpartition("-")
    return Address(role, int(number)) if role and number.isdecimal() else Address(text)
