"""Messages are immutable, readable on one line, and their arrays read-only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.protocol import messages, survey
from annex_actors.protocol.messages import (
    OWNER,
    WHOLE_STEP,
    Answer,
    Ask,
    Await,
    Backward,
    Committed,
    Control,
    Envelope,
    Forward,
    Halt,
    Message,
    Part,
    Post,
    Predict,
    Report,
    Resume,
    Target,
    WeightGradient,
    freeze,
)
from annex_actors.protocol.routing import stage_address
from annex_actors.protocol.survey import Marker, Waiting

ARRAY = np.ones((2, 3), np.float32)

EXAMPLES: list[tuple[Message, str]] = [
    (Forward("r", 4, 1, 2, ARRAY, Part(3, 8)), "forward step 4 microbatch 1 edge 2 (2, 3) float32 24 bytes"),
    (Target("r", 4, 1, 5, np.arange(400)), "target step 4 microbatch 1 edge 5 (400,) int64 3,200 bytes"),
    (
        Target("r", 4, 1, 2, np.zeros(2, np.int64), np.ones(2)),
        "target step 4 microbatch 1 edge 2 (2,) int64 (2,) float64 32 bytes",
    ),
    (Backward("r", 4, 0, 2, ARRAY), "backward step 4 microbatch 0 edge 2 (2, 3) float32 24 bytes"),
    (WeightGradient("r", 4, WHOLE_STEP, 2), "weight gradient step 4 edge 2"),
    (Predict("r", 4, 0, 0, ARRAY), "predict step 4 microbatch 0 edge 0 (2, 3) float32 24 bytes"),
    (Ask("r", 4, 2, 0, ARRAY), "ask step 4 microbatch 2 edge 0 (2, 3) float32 24 bytes"),
    (Answer("r", 4, 2, 3, ARRAY), "answer step 4 microbatch 2 edge 3 (2, 3) float32 24 bytes"),
    (Report("r", 4, WHOLE_STEP, 3, 0.12345678, 8), "report step 4 edge 3 cost 0.123457"),
    (Committed("r", 4, WHOLE_STEP, WHOLE_STEP), "committed step 4 edge -1"),
    (Await("r", 4, WHOLE_STEP, WHOLE_STEP), "await step 4 edge -1"),
    (Resume("r", 4, WHOLE_STEP, WHOLE_STEP), "resume step 4 edge -1"),
    (Halt("r", 4, WHOLE_STEP, WHOLE_STEP), "halt step 4 edge -1"),
    (Marker("r", 4, WHOLE_STEP, WHOLE_STEP, 2), "marker step 4 edge -1"),
    (Waiting("r", 4, WHOLE_STEP, WHOLE_STEP, 2, "the cost of step 3"), "waiting step 4 edge -1"),
]
IDS = [message.kind for message, _ in EXAMPLES]

KINDS = {
    each
    for each in (*vars(messages).values(), *vars(survey).values())
    if isinstance(each, type) and issubclass(each, Message) and "kind" in vars(each)
}


@pytest.mark.parametrize(("message", "line"), EXAMPLES, ids=IDS)
def test_a_message_prints_on_one_line(message: Message, line: str) -> None:
    assert str(message) == line


@pytest.mark.parametrize(("message", "line"), EXAMPLES, ids=IDS)
def test_an_envelope_names_the_sender_and_its_incarnation(message: Message, line: str) -> None:
    assert str(Envelope(stage_address(1), 3, 4, message)) == f"stage-1#3: {line}"


@pytest.mark.parametrize(("message", "line"), EXAMPLES, ids=IDS)
def test_no_field_of_a_message_can_be_set(message: Message, line: str) -> None:
    for each in fields(message):
        with pytest.raises(FrozenInstanceError):
            setattr(message, each.name, None)


@pytest.mark.parametrize("value", [Envelope(OWNER, 1, 0, EXAMPLES[0][0]), Post(OWNER, EXAMPLES[0][0]), Part(1, 2)])
def test_no_field_of_what_carries_a_message_can_be_set(value: Envelope | Post | Part) -> None:
    for each in fields(value):
        with pytest.raises(FrozenInstanceError):
            setattr(value, each.name, None)


@pytest.mark.parametrize(("message", "line"), EXAMPLES, ids=IDS)
def test_messages_have_no_room_for_more_than_their_fields(message: Message, line: str) -> None:
    assert not hasattr(message, "__dict__")


def test_every_kind_has_an_example_here_and_a_name_of_its_own() -> None:
    assert {type(message) for message, _ in EXAMPLES} == set(KINDS)
    assert len({each.kind for each in KINDS}) == len(KINDS)


def test_the_class_of_a_message_has_the_traits_of_its_kind() -> None:
    def kinds(holds: Callable[[type[Message]], bool]) -> set[type[Message]]:
        return {each for each in KINDS if holds(each)}

    assert kinds(lambda each: each.is_kept) == {Forward, Target, Backward, Report}
    assert kinds(lambda each: each.is_work) == {Forward, Backward, WeightGradient}
    assert kinds(lambda each: each.goes_back) == {Backward}
    assert kinds(lambda each: issubclass(each, Control)) == {Committed, Await, Resume, Halt, Marker, Waiting}


@dataclass(frozen=True, slots=True)
class GradientNorm(Message):
    """A kind of message as a user would add it."""

    norm: float

    kind = "gradient norm"
    is_kept = True


def test_a_kind_of_your_own_is_one_class() -> None:
    message = GradientNorm("r", 4, WHOLE_STEP, 2, 0.5)
    assert str(message) == "gradient norm step 4 edge 2"
    assert (message.is_kept, message.is_work, message.goes_back) == (True, False, False)
    assert not hasattr(message, "__dict__")


def test_a_fresh_array_is_frozen_where_it_is() -> None:
    fresh = np.ones((2, 3))
    assert freeze(fresh) is fresh


@pytest.mark.parametrize("array", [np.ones((2, 3)), np.ones((2, 3)).T, np.ones((4, 4))[1:3], np.ones(3)[::2]])
def test_writing_to_a_frozen_array_raises(array: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> None:
    frozen = freeze(array)
    with pytest.raises(ValueError, match="read-only"):
        frozen[:1] = 7


def test_a_view_of_memory_that_can_still_be_written_to_is_copied() -> None:
    memory = np.zeros((4, 2))
    frozen = freeze(memory[1:3])
    memory[:] = 9
    assert (frozen == 0).all()


def test_a_view_of_a_view_of_writable_memory_is_copied() -> None:
    memory = np.zeros(8)
    frozen = freeze(memory[2:][1:].reshape(5, 1))
    memory[:] = 9
    assert (frozen == 0).all()


def test_memory_of_another_owner_than_numpy_is_copied_where_it_can_be_written() -> None:
    memory = bytearray(8)
    frozen = freeze(np.frombuffer(memory, np.uint8))
    memory[0] = 9
    assert (frozen == 0).all()


def test_a_view_that_can_itself_be_written_is_copied_though_its_owner_was_frozen_since() -> None:
    owner = np.zeros(4)
    writable, other = owner[:2], owner[:2]
    owner.flags.writeable = False
    frozen = freeze(writable)
    other[:] = 9
    assert (frozen == 0).all()


def test_a_view_of_frozen_memory_is_no_copy() -> None:
    memory = freeze(np.zeros((4, 2)))
    assert np.shares_memory(freeze(memory[1:3]), memory)


def test_what_came_from_immutable_bytes_is_no_copy() -> None:
    received = np.frombuffer(b"12345678", np.uint8)
    assert freeze(received) is received


def test_an_array_in_another_order_becomes_contiguous() -> None:
    transposed = np.arange(6.0).reshape(2, 3).T
    frozen = freeze(transposed)
    assert frozen.flags.c_contiguous
    assert np.array_equal(frozen, transposed)


@settings(deadline=None, print_blob=True)
@given(st.lists(st.sampled_from(["slice", "transpose", "reverse", "copy", "freeze"]), max_size=5))
def test_a_frozen_array_keeps_its_numbers_for_good_whatever_was_done_to_it_before(history: list[str]) -> None:
    memory = np.arange(24.0).reshape(4, 6)
    array = memory
    for change in history:
        match change:
            case "slice":
                array = array[:-1] if len(array) > 1 else array
            case "transpose":
                array = array.T
            case "reverse":
                array = array[::-1]
            case "copy":
                array = array.copy()
            case "freeze":
                array = freeze(array)
    before = array.copy()
    frozen = freeze(array)
    if memory.flags.writeable:
        memory += 1
    assert np.array_equal(frozen, before) or frozen is memory
    assert frozen.flags.c_contiguous
    assert not frozen.flags.writeable
