"""The feed: bounded, in order, encoded once, and the same for a viewer however late or slow it is."""

from __future__ import annotations

import json
import threading
from typing import Any

from annex_actors.page import feed as feeds
from annex_actors.page.feed import MOST_CHUNKS, MOST_EVENTS, MOST_WAITING, TRACED_PER_TICK, Feed


def event(number: int) -> dict[str, Any]:
    return {"type": "event", "event": "PeerStarted", "time": float(number), "address": f"stage-{number}"}


def work(start: float) -> dict[str, Any]:
    return {"type": "work", "peer": "stage-0", "start": start, "end": start + 1}


STATUS = {"type": "status", "time": 1.0, "actors": []}


def status() -> list[dict[str, Any]]:
    """Look at a run that has a status."""
    return [STATUS]


def nothing() -> list[dict[str, Any]]:
    """Look at a run that has nothing to show."""
    return []


def records(text: bytes) -> list[dict[str, Any]]:
    lines = text.decode().splitlines()
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


def test_a_viewer_begins_with_all_that_is_kept_and_then_gets_what_is_new() -> None:
    feed = Feed()
    feed.put(event(0))
    feed.tick(status)
    beginning = feed.beginning()
    assert beginning.text.startswith(b"event: begin\n")
    assert records(beginning.text) == [event(0), STATUS]
    assert feed.after(beginning.next) is None
    feed.put(event(1))
    feed.tick(status)
    following = feed.after(beginning.next)
    assert following is not None
    assert records(following.text) == [event(1), STATUS]
    assert feed.after(following.next) is None


def test_without_a_viewer_nothing_is_asked_and_events_are_kept() -> None:
    feed = Feed()
    feed.put(event(0))
    feed.tick(None)
    assert records(feed.beginning().text) == [event(0)]


def test_costs_of_steps_become_one_record() -> None:
    feed = Feed()
    for step in range(3):
        feed.put({"type": "cost", "step": step, "cost": 0.5, "time": 9.0})
    feed.tick(nothing)
    expected = {"type": "costs", "step": 0, "costs": [0.5, 0.5, 0.5], "stride": 1, "time": 9.0}
    assert records(feed.beginning().text) == [expected]


def test_a_viewer_that_is_slow_begins_again_and_misses_no_event() -> None:
    feed = Feed()
    feed.tick(status)
    slow = feed.beginning().next
    for number in range(MOST_CHUNKS + 1):
        feed.put(event(number))
        feed.tick(nothing)
    chunk = feed.after(slow)
    assert chunk is not None
    assert chunk.text.startswith(b"event: begin\n")
    assert [each for each in records(chunk.text) if each["type"] == "event"] == [
        event(n) for n in range(MOST_CHUNKS + 1)
    ]
    assert feed.after(chunk.next) is None


def test_what_is_kept_is_bounded_and_has_the_first_and_the_last_events() -> None:
    feed = Feed()
    total = MOST_EVENTS + feeds.FIRST_EVENTS + 7
    for number in range(total):
        feed.put(event(number))
    feed.tick(nothing)
    kept = records(feed.beginning().text)
    assert len(kept) == MOST_EVENTS + feeds.FIRST_EVENTS
    assert kept[0] == event(0)
    assert kept[-1] == event(total - 1)


def test_what_waits_is_bounded_and_what_is_left_out_is_counted() -> None:
    feed = Feed()
    feed.tick(nothing)
    number = feed.beginning().next
    for at in range(MOST_WAITING + 5):
        feed.put(event(at))
    feed.tick(nothing)
    chunk = feed.after(number)
    assert chunk is not None
    assert records(chunk.text)[:2] == [{"type": "omitted", "records": 5}, event(5)]


def test_of_a_trace_a_chunk_has_the_newest_records_by_their_times() -> None:
    feed = Feed()
    feed.tick(nothing)
    number = feed.beginning().next
    for at in [*range(TRACED_PER_TICK, 0, -1), *range(1000, 1003)]:
        feed.put(work(at))
    feed.tick(nothing)
    chunk = feed.after(number)
    assert chunk is not None
    first, *rest = records(chunk.text)
    assert first == {"type": "omitted", "records": 3}
    assert [each["start"] for each in rest] == [*range(4, TRACED_PER_TICK + 1), 1000, 1001, 1002]


def test_records_of_many_threads_all_arrive() -> None:
    feed = Feed()

    def put_many() -> None:
        for _ in range(100):
            feed.put(event(1))

    threads = [threading.Thread(target=put_many) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    feed.tick(nothing)
    kept = records(feed.beginning().text)
    assert len([each for each in kept if each["type"] == "event"]) == 800


def test_a_line_end_in_a_text_ends_no_line() -> None:
    feed = Feed()
    hostile = {**event(0), "reason": "one\ntwo\r\n\u2028data: {}"}
    feed.put(hostile)
    feed.tick(nothing)
    assert records(feed.beginning().text) == [hostile]
