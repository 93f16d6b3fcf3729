"""Instruments: what is overridden is called, what is not costs nothing, and several act as one."""

from __future__ import annotations

import pytest

from annex_actors.protocol.instrument import NO_INSTRUMENT, Instrument, Point, active, combined


class Recorder(Instrument):
    """Records the points that it sees, under its own name."""

    def __init__(self, name: str, seen: list[str]) -> None:
        self._name = name
        self._seen = seen

    def at(self, point: Point, layer: int, step: int, microbatch: int) -> None:
        self._seen.append(f"{self._name} {point.value} {layer} {step} {microbatch}")


class Refusal(Instrument):
    """Fails every layer."""

    def at(self, point: Point, layer: int, step: int, microbatch: int) -> None:
        raise ValueError("on order")


def test_a_method_that_is_not_overridden_is_not_active() -> None:
    recorder = Recorder("a", [])
    assert active(recorder.at) == recorder.at
    assert [active(recorder.received), active(recorder.before), active(recorder.after)] == [None] * 3
    assert active(NO_INSTRUMENT.at) is None


def test_several_instruments_see_the_same_in_their_order() -> None:
    seen: list[str] = []
    combined(Recorder("a", seen), Recorder("b", seen)).at(Point.UPDATE, 1, 2, -1)
    assert seen == ["a update 1 2 -1", "b update 1 2 -1"]


def test_instruments_that_were_combined_before_keep_their_order() -> None:
    seen: list[str] = []
    a, b, c = (Recorder(name, seen) for name in "abc")
    combined(combined(a, b), NO_INSTRUMENT, c).at(Point.FORWARD, 0, 0, 0)
    assert [line[0] for line in seen] == ["a", "b", "c"]


def test_what_one_instrument_raises_gets_through_and_those_before_it_have_seen_the_point() -> None:
    seen: list[str] = []
    both = combined(Recorder("a", seen), Refusal(), Recorder("b", seen))
    with pytest.raises(ValueError, match="on order"):
        both.at(Point.COMMIT, 1, 2, -1)
    assert seen == ["a commit 1 2 -1"]


def test_one_instrument_or_none_is_not_wrapped() -> None:
    recorder = Recorder("a", [])
    assert combined(NO_INSTRUMENT, recorder) is recorder
    assert combined() is NO_INSTRUMENT
