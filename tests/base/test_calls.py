from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annex_actors.base.calls import UNWRITTEN, Argument, Call, argument_of, argument_text, parse_call, usage_of, written
from annex_actors.base.errors import ConfigError


class Padding(Enum):
    SAME = "same"


@dataclass(frozen=True)
class Sample:
    size: int
    rate: float = 0.5
    is_fast: bool = False
    window: tuple[int, ...] = (2, 2)
    padding: Padding = Padding.SAME
    kernels: str = field(default="numpy", metadata=UNWRITTEN)


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("relu", Call("relu")),
        ("dense:3", Call("dense", (3,))),
        ("conv2d:16:3x5:padding=same", Call("conv2d", (16, (3, 5)), {"padding": "same"})),
        ("a:1.5:true:b=false:c=x", Call("a", (1.5, True), {"b": False, "c": "x"})),
        ("a:", Call("a", ("",))),
        ("a:b==", Call("a", (), {"b": "="})),
    ],
)
def test_a_word_gives_arguments_by_position_and_by_name(text: str, call: Call) -> None:
    assert parse_call(text, usage="usage") == call


@pytest.mark.parametrize(
    ("text", "reason"),
    [("a:b=1:2", "arguments by position first"), ("a:b=1:b=2", "each argument once")],
)
def test_a_word_out_of_order_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=f"^expected a word, {reason}, got '{text}'$"):
        parse_call(text, usage="a word")


@given(st.booleans() | st.integers() | st.floats(allow_nan=False) | st.tuples(*[st.integers(0)] * 3))
def test_the_text_of_an_argument_reads_back(argument: Argument) -> None:
    assert argument_of(argument_text(argument)) == argument


def test_a_dataclass_is_written_with_what_differs_from_its_defaults() -> None:
    assert written("sample", Sample(3, kernels="torch")) == "sample:3"
    other = Sample(3, rate=0.25, is_fast=True, window=(3, 5))
    assert written("sample", other) == "sample:3:rate=0.25:is_fast=true:window=3x5"
    call = parse_call(written("sample", other), usage="")
    assert call.make(Sample, usage="", text="", place="") == other


def test_usage_shows_each_argument_and_which_may_be_left_out() -> None:
    def function(size: int, rate: float = 0.5, *sizes: int, padding: str = "valid", wanted: int) -> None: ...

    assert usage_of("f", function) == "f:size[:rate]:sizes...[:padding=valid]:wanted=..."
