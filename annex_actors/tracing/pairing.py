"""Find the send of each receipt."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from annex_actors.runtimes.tracing.layout import Records

_PLACE = ("kind", "edge", "step", "microbatch", "incarnation")

Indices = NDArray[np.int64]


def paired(sends: Records, receipts: Records) -> tuple[Indices, Indices]:
    """Return for each send the index of its receipt, and for each receipt that of its send; -1 where there is none.

    A message is known by its sender and the sender's incarnation, its receiver, kind, edge, step and microbatch. One
    that is sent again, since its receiver was restarted, has the same; and what was sent to a dead incarnation is lost.
    So from the last one backwards, each receipt is that of the last send before it that is still without one.
    """
    keys = np.concatenate([_keys(sends, to="", of="own_"), _keys(receipts, to="own_", of="")])
    _, number = np.unique(keys, return_inverse=True)
    number = number.reshape(-1)
    receipt_of, send_of = np.full(len(sends), -1), np.full(len(receipts), -1)
    by_number: dict[int, list[int]] = {}
    for index, key in enumerate(number[: len(sends)].tolist()):
        by_number.setdefault(key, []).append(index)
    order = np.argsort(receipts["start"], kind="stable")[::-1]
    sent, received = sends["start"].tolist(), receipts["start"].tolist()
    of_receipt = number[len(sends) :].tolist()
    for receipt in order.tolist():
        candidates = by_number.get(of_receipt[receipt], [])
        while candidates:
            send = candidates.pop()
            if sent[send] <= received[receipt]:
                receipt_of[send], send_of[receipt] = receipt, send
                break
    return receipt_of, send_of


def _keys(records: Records, *, to: str, of: str) -> Any:
    """Return what messages are known by, as one array of fields; the prefixes say which end recorded them."""
    fields = [(name, np.int64) for name in ("role", "number", "to_role", "to_number", *_PLACE)]
    keys = np.zeros(len(records), fields)
    keys["role"], keys["number"] = records[f"{of}role"], records[f"{of}number"]
    keys["to_role"], keys["to_number"] = records[f"{to}role"], records[f"{to}number"]
    for name in _PLACE:
        keys[name] = records[name]
    return keys
