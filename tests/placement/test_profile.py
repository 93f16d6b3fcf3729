"""A profile is a value: it is kept as JSON without loss, and says what is wrong with a file that is no profile."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError, DataError
from annex_actors.placement import Hop, LayerProfile, Profile, Timing

SECONDS = st.floats(0, 10)
BYTES = st.integers(0, 2**40)


@st.composite
def timings(draw: st.DrawFn) -> Timing:
    low, median, high = sorted(draw(st.tuples(SECONDS, SECONDS, SECONDS)))
    return Timing(median, low, high)


@st.composite
def layers(draw: st.DrawFn, names: tuple[str, ...]) -> tuple[LayerProfile, ...]:
    times = st.tuples(timings(), timings(), timings(), timings())
    sizes = st.tuples(BYTES, BYTES, BYTES, BYTES, BYTES)
    return tuple(LayerProfile(name, *draw(times), *draw(sizes)) for name in names)


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    names = tuple(draw(st.lists(st.sampled_from(["dense:3", "relu", "ä"]), min_size=1, max_size=3)))
    rows = draw(st.integers(1, 512))
    return Profile(
        rows=rows,
        layers=draw(layers(names)),
        hops={name: Hop(*draw(st.tuples(SECONDS, SECONDS, SECONDS))) for name in draw(st.sets(st.text("abc")))},
        machine=draw(st.dictionaries(st.text("xyz"), st.text("xyz"))),
        blas_threads=draw(st.integers(1, 64)),
        others=draw(st.dictionaries(st.integers(1, 512).filter(lambda each: each != rows), layers(names), max_size=2)),
        trainer=draw(timings()),
    )


def exactly(seconds: float) -> Timing:
    return Timing(seconds, seconds, seconds)


def layer(rows: int, *, fixed: float = 0.0) -> LayerProfile:
    """A layer that takes 2 ms for each row, and `fixed` seconds more."""
    time = exactly(fixed + 0.002 * rows)
    return LayerProfile("dense:3", time, time, time, exactly(0.5), 12 * rows, 48, 40 * rows, 96, 20 * rows)


@given(profiles())
def test_a_profile_comes_back_from_its_json_as_it_was(profile: Profile) -> None:
    assert Profile.from_json(profile.to_json()) == profile


@given(profiles(), st.integers(1, 2000))
def test_a_profile_for_any_number_of_rows_is_a_profile_of_the_same_layers(profile: Profile, rows: int) -> None:
    scaled = profile.scaled(rows)
    assert scaled.rows == rows
    assert [each.name for each in scaled.layers] == [each.name for each in profile.layers]
    assert Profile.from_json(scaled.to_json()) == scaled


def test_what_was_measured_is_not_interpolated() -> None:
    profile = Profile(8, (layer(8),), {}, {}, others={32: (layer(32, fixed=1.0),)})
    assert profile.scaled(32).layers == (layer(32, fixed=1.0),)
    assert profile.scaled(32).scaled(8) == profile


@pytest.mark.parametrize("rows", [1, 8, 16, 20, 32, 100])
def test_times_and_bytes_lie_on_the_line_through_the_nearest_measured_sizes(rows: int) -> None:
    profile = Profile(
        8, (layer(8, fixed=1.0),), {}, {}, others={32: (layer(32, fixed=1.0),), 64: (layer(64, fixed=1.0),)}
    )
    (found,) = profile.scaled(rows).layers
    assert found.forward.median == pytest.approx(layer(rows, fixed=1.0).forward.median)
    assert (found.output_bytes, found.saved_bytes, found.factor_bytes) == (12 * rows, 40 * rows, 20 * rows)
    assert (found.update, found.parameter_bytes, found.optimizer_bytes) == (exactly(0.5), 48, 96)


def test_of_one_measured_size_times_and_bytes_are_in_proportion_to_the_rows() -> None:
    profile = Profile(8, (layer(8, fixed=1.0),), {}, {}, trainer=exactly(0.25))
    scaled = profile.scaled(16)
    (found,) = scaled.layers
    assert found.forward.median == pytest.approx(2 * layer(8, fixed=1.0).forward.median)
    assert (found.output_bytes, found.update, found.parameter_bytes) == (192, exactly(0.5), 48)
    assert scaled.trainer == exactly(0.5)


def test_no_time_is_below_0_however_few_the_rows() -> None:
    noisy = Profile(8, (layer(8),), {}, {}, others={16: (layer(16, fixed=1.0),)})
    (found,) = noisy.scaled(1).layers
    assert found.forward == exactly(0.0)


def test_a_message_travels_for_the_latency_and_the_time_of_its_bytes() -> None:
    assert Hop(latency=2.0, per_byte=0.5).seconds(8) == 6.0


def test_a_spread_is_a_part_of_the_median() -> None:
    assert Timing(2.0, 1.0, 4.0).spread == 1.5
    assert exactly(0.0).spread == 0.0


WHOLE = json.loads(Profile(8, (layer(8),), {"threads": Hop(1e-5, 1e-9)}, {"cores": "2"}).to_json())


def changed(**changes: Any) -> str:
    return json.dumps({**WHOLE, **changes})


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", "JSON: Invalid JSON"),
        ("[]", "JSON: Input should be"),
        ("{}", "rows: Field required"),
        (changed(rows=0), "`rows` to be an integer >= 1, got 0"),
        (changed(layers=[]), "`layers` to have at least the cost"),
        (changed(layers=[{**WHOLE["layers"][0], "forward": {"median": 1, "low": 2, "high": 3}}]), "`low` <= `median`"),
        (changed(layers=[{**WHOLE["layers"][0], "output_bytes": -1}]), "`output_bytes` to be an integer >= 0"),
        (changed(layers=[{**WHOLE["layers"][0], "speed": 1}]), "layers.0.speed: "),
        (changed(hops={"threads": {"latency": -1, "per_byte": 0}}), "`latency` to be a number >= 0"),
        (changed(others={"4": []}), "`others[4]` to be of 1 layer"),
        (changed(rows="many"), "rows: "),
    ],
)
def test_a_wrong_file_is_refused_with_what_is_wrong(content: str, found: str) -> None:
    with pytest.raises(DataError) as caught:
        Profile.from_json(content)
    message = str(caught.value)
    assert found in message
    assert message.endswith("measure again with `annex-actors profile --fresh`")
    assert "\n" not in message


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -1.0, True, "1"])
def test_a_time_is_a_number_at_least_0(number: Any) -> None:
    with pytest.raises(ConfigError, match="expected `median` to be a number >= 0"):
        Timing(number, 0.0, 0.0)
