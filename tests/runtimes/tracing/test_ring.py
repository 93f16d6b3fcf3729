"""The ring: what is written is read, in order and once; what has no room is counted."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from annex_actors.protocol.effects import Send
from annex_actors.protocol.instrument import NO_INSTRUMENT, active
from annex_actors.protocol.messages import WHOLE_STEP, Address, Await, Committed, Envelope, Message, WeightGradient
from annex_actors.runtimes.tracing.layout import (
    NAMES,
    PAUSED,
    RECEIVED,
    RECORD,
    SENT,
    WORKED,
    Records,
    Ring,
    size_of,
)
from annex_actors.runtimes.tracing.recorder import Recorder, recorder_of
from annex_actors.runtimes.tracing.scope import SAMPLE_EVERY, SAMPLE_LENGTH, Scope

ROOM = 8


class Peer:
    """A peer as an instrument sees it."""

    address = Address("stage", 1)
    incarnation = 3
    kept_bytes = 0
    finished = 5
    waiting = 0
    latest = None

    def given_to(self, message: Message) -> None:
        return None


class Clock:
    """Ticks once for each look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def recorder(scope: Scope | None = None, room: int = ROOM) -> tuple[Recorder, Ring]:
    memory = bytearray(size_of(room))
    return recorder_of(memory, scope or Scope(), Clock()), Ring(memory)


def taken(ring: Ring) -> Records:
    content = bytearray()
    assert ring.take(content) * RECORD.itemsize == len(content)
    return np.frombuffer(content, RECORD)


def piece(step: int = 4, microbatch: int = 2) -> Message:
    return WeightGradient("run", step, microbatch, 7)


def envelope(message: Message) -> Envelope:
    return Envelope(Address("stage", 0), 2, 0, message)


def test_a_message_a_piece_of_work_and_what_it_sends_are_recorded_with_times_and_ends() -> None:
    recording, ring = recorder()
    recording.received(Peer(), envelope(piece()))
    recording.before(Peer(), piece())
    effects = [Send(Address("trainer"), Envelope(Peer.address, 3, 0, Committed("run", 4, WHOLE_STEP, 9)))]
    recording.done(Peer(), piece(), effects)
    recording.after(Peer(), piece(), effects)
    received, sent, worked = taken(ring)
    assert [each["what"] for each in (received, sent, worked)] == [RECEIVED, SENT, WORKED]
    assert [ring.names[each["kind"]] for each in (received, sent, worked)] == [
        "weight gradient",
        "committed",
        "weight gradient",
    ]
    assert [(ring.names[each["role"]], each["number"]) for each in (received, sent)] == [("stage", 0), ("trainer", -1)]
    assert [each["incarnation"] for each in (received, sent, worked)] == [2, 3, 3]
    assert (worked["step"], worked["microbatch"], worked["edge"], worked["version"]) == (4, 2, 7, 5)
    assert (received["start"], worked["start"], sent["start"], worked["end"]) == (1, 2, 3, 4)


@given(st.lists(st.integers(0, 12), max_size=30))
def test_whatever_the_reader_takes_and_when_nothing_is_lost_or_doubled_but_what_had_no_room(bursts: list[int]) -> None:
    recording, ring = recorder()
    written, read, dropped = 0, [], 0
    for burst in bursts:
        for _ in range(burst):
            recording.received(Peer(), envelope(piece(step=written)))
            written += 1
        dropped += max(0, burst - ROOM)
        read += taken(ring)["step"].tolist()
        assert ring.dropped == dropped
    assert read == sorted(set(read))
    assert len(read) + dropped == written


def test_names_beyond_the_last_share_its_place_and_long_ones_are_cut() -> None:
    ring = Ring(bytearray(size_of(ROOM)))
    indices = [ring.name(f"name {index} " + "x" * 100) for index in range(NAMES + 5)]
    assert indices == [*range(NAMES - 1), *[NAMES - 1] * 6]
    assert len(ring.names) == NAMES
    assert ring.names[3].startswith("name 3 xxx")


def test_a_scope_is_of_all_steps_the_first_ones_or_a_few_of_many() -> None:
    assert [step for step in range(1000) if step in Scope.of("all")] == [*range(1000)]
    assert [step for step in range(1000) if step in Scope.of("7")] == [*range(7)]
    sample = [step for step in range(1000) if step in Scope.of("sample")]
    assert sample == [step for step in range(1000) if step % SAMPLE_EVERY < SAMPLE_LENGTH]


@given(st.sampled_from(["all", "7", "sample"]), st.integers(1, 50), st.integers(0, 1200), st.integers(-50, 50))
def test_a_peer_is_near_whenever_it_can_meet_a_step_that_is_traced(text: str, near: int, at: int, away: int) -> None:
    scope = Scope.of(text)
    scope = Scope(scope.length, scope.every, scope.stop, near)
    if abs(away) <= near and at + away >= 0 and at + away in scope:
        assert scope.is_near(at)


def test_messages_about_commits_are_left_out_where_not_every_step_is_traced() -> None:
    for scope, kinds in ((Scope(), ["await", "weight gradient"]), (Scope(stop=9), ["weight gradient"])):
        recording, ring = recorder(scope)
        recording.received(Peer(), envelope(Await("run", 4, WHOLE_STEP, 0)))
        recording.received(Peer(), envelope(piece()))
        assert [ring.names[each["kind"]] for each in taken(ring)] == kinds


@given(st.sampled_from(["all", "7", "sample"]), st.integers(1, 250), st.integers(0, 1200))
def test_a_peer_need_not_ask_again_whether_it_is_near_before_the_step_that_it_is_told(
    text: str, near: int, at: int
) -> None:
    scope = replace(Scope.of(text), near=near)
    until = scope.stays_until(at)
    assert until > at
    assert {scope.is_near(step) for step in range(at, int(min(until, 2000)))} == {scope.is_near(at)}


def test_a_recorder_watches_only_near_the_steps_of_its_scope() -> None:
    recording, _ = recorder(Scope(stop=3))
    assert active(recording.during) is not None
    assert [recording.during(finished)[0] is recording for finished in (0, 2, 3, 4)] == [True, True, True, False]
    assert recording.during(4)[1] == inf, "nothing is asked in all other steps"


def test_a_recorder_that_may_be_paused_is_asked_at_each_step() -> None:
    recording, ring = recorder(Scope(is_kept=False))
    assert recording.during(7) == (recording, 8)
    ring.counts[PAUSED] = 1
    assert recording.during(8) == (NO_INSTRUMENT, 9)
