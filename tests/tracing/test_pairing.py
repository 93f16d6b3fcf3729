"""Each receipt has its send, also where messages are lost, or sent and received again."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from annex_actors.runtimes.tracing.layout import RECEIVED, RECORD, SENT, Records
from annex_actors.tracing.pairing import paired

FIRST, SECOND = (0, 0), (0, 1)
"""The sender and the receiver: role and number."""

FIELDS = {"kind": 0, "edge": 0, "step": 0, "microbatch": 0, "incarnation": 1}


def records(what: int, *rows: dict[str, float]) -> Records:
    """Return records of messages from the first peer to the second, each with what differs."""
    found = np.zeros(len(rows), RECORD)
    own, other = (FIRST, SECOND) if what == SENT else (SECOND, FIRST)
    found["what"], found["own_role"], found["own_number"], found["role"], found["number"] = what, *own, *other
    for record, row in zip(found, rows, strict=True):
        for name, value in {**FIELDS, **row}.items():
            record[name] = value
    return found


def pairs(sends: list[dict[str, float]], receipts: list[dict[str, float]]) -> list[int]:
    """Return for each receipt the index of its send; checks that the other answer is the same."""
    receipt_of, send_of = paired(records(SENT, *sends), records(RECEIVED, *receipts))
    assert [(send, receipt) for send, receipt in enumerate(receipt_of) if receipt >= 0] == sorted(
        (send, receipt) for receipt, send in enumerate(send_of) if send >= 0
    )
    found: list[int] = send_of.tolist()
    return found


def at(*times: float) -> list[dict[str, float]]:
    return [{"start": time} for time in times]


def test_a_message_that_is_received_once_is_paired() -> None:
    assert pairs(at(1), at(2)) == [0]
    assert pairs(at(1), at(1)) == [0], "in virtual time a hop may take none"


def test_a_message_that_is_lost_and_sent_again_is_received_the_second_time() -> None:
    assert pairs(at(1, 5), at(6)) == [1]


def test_a_message_that_is_sent_again_and_received_twice_is_two_pairs() -> None:
    assert pairs(at(1, 5), at(2, 6)) == [0, 1]


def test_a_message_that_is_received_and_lost_when_it_is_sent_again_is_the_first_one() -> None:
    assert pairs(at(1, 5), at(2)) == [0]


def test_a_receipt_before_every_send_has_none() -> None:
    assert pairs(at(3), at(2)) == [-1]
    assert pairs([], at(2)) == [-1]
    assert pairs(at(1), []) == []


def test_receipts_in_another_order_of_the_records_are_paired_by_time() -> None:
    assert pairs(at(1, 5), at(6, 2)) == [1, 0]


def test_messages_that_differ_in_anything_are_different_ones() -> None:
    for name in FIELDS:
        assert pairs([{"start": 1, name: 7}], at(2)) == [-1]
        assert pairs([{"start": 1}, {"start": 1.5, name: 7}], [{"start": 2, name: 7}, {"start": 3}]) == [1, 0]
    sends, receipts = records(SENT, *at(1)), records(RECEIVED, *at(2))
    for name in ("role", "number"):
        other = sends.copy()
        other[name] += 1
        assert paired(other, receipts)[1].tolist() == [-1]


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=30))
def test_whatever_is_lost_each_receipt_has_the_last_send_before_it(sent: list[tuple[int, bool]]) -> None:
    sends = [{"start": 2.0 * index, "microbatch": microbatch} for index, (microbatch, _) in enumerate(sent)]
    arrived = [index for index, (_, is_received) in enumerate(sent) if is_received]
    receipts = [{**sends[index], "start": sends[index]["start"] + 1} for index in arrived]
    assert pairs(sends, receipts) == arrived
