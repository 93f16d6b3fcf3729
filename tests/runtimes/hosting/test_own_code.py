from __future__ import annotations

import os
from collections.abc import Callable

import pytest

import supervisors
from annex_actors.base.errors import DivergedError, LayerError
from annex_actors.protocol.events import PeerExited
from annex_actors.protocol.messages import Address
from annex_actors.runtimes import RunFailedError
from annex_actors.runtimes.hosting.failures import PeerError, chained, explained
from annex_actors.runtimes.hosting.own_code import LONGEST, own_frames, own_line, own_traceback

HERE = os.path.relpath(__file__)


def raised(raise_it: Callable[[], object]) -> BaseException:
    try:
        raise_it()
    except BaseException as error:  # noqa: BLE001 - whatever it is
        return error
    raise AssertionError("expected an error")


def fails() -> None:
    raise ValueError("no negative numbers")


def through_machinery(call: Callable[[], object]) -> Callable[[], object]:
    """Return ``call``, called by code that is in a folder of the machinery, and then from here again."""
    names: dict[str, Callable[[Callable[[], object]], object]] = {}
    exec(compile("def deliver(call):\n    call()", str(supervisors.__file__), "exec"), names)
    return lambda: names["deliver"](call)


def layer_error(cause: BaseException) -> LayerError:
    error = LayerError("layer 1 (relu) failed", address="stage-1", layer=1, step=0, microbatch=0, work="forward")
    error.__cause__ = cause
    return error


def test_frames_of_machinery_are_left_out() -> None:
    error = raised(through_machinery(fails))
    assert [frame.name for frame in own_frames(error)] == ["raised", "<lambda>", "fails"]
    text = own_traceback(error)
    assert text is not None
    assert "in deliver" not in text
    assert "^" not in text
    assert text.endswith('in fails\n    raise ValueError("no negative numbers")\nValueError: no negative numbers\n')


def test_the_traceback_is_that_of_the_layer_and_not_of_the_errors_that_say_where_it_was() -> None:
    error = chained(RunFailedError("failed 3 times"), layer_error(raised(fails)))
    assert own_traceback(error) == own_traceback(raised(fails))
    assert own_line(error) == f"{HERE}:{fails.__code__.co_firstlineno + 1} in fails"


def test_the_line_is_the_innermost_of_the_user_and_not_of_a_library() -> None:
    def parses() -> None:
        os.path.relpath("")

    assert own_line(raised(parses)) == f"{HERE}:{parses.__code__.co_firstlineno + 1} in parses"


def test_causes_notes_and_members_of_groups_are_shown_without_machinery() -> None:
    def both() -> None:
        errors: list[Exception] = []
        for message in "one", "two":
            try:
                through_machinery(fails)()
            except ValueError as error:
                error.add_note(message)
                errors.append(error)
        raise ExceptionGroup("both failed", errors) from errors[0]

    text = own_traceback(raised(both))
    assert text is not None
    assert "both failed (2 sub-exceptions)" in text
    assert "one\n" in text
    assert "two\n" in text
    assert "in deliver" not in text


@pytest.mark.parametrize(
    "error",
    [
        PeerError("killed by SIGKILL", "forward at step 0"),
        DivergedError("the cost is nan"),
        RunFailedError("the run stands still"),
    ],
)
def test_where_no_code_has_failed_there_is_none(error: BaseException) -> None:
    assert own_traceback(error) is None
    assert own_line(error) is None


def test_an_error_of_the_machinery_has_its_last_frame() -> None:
    names: dict[str, Callable[[], object]] = {}
    exec(compile("def inner():\n    {}['x']\ndef outer():\n    inner()", str(supervisors.__file__), "exec"), names)
    error = raised(names["outer"])
    error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next  # without the frame of this test
    text = own_traceback(error)
    assert text is not None
    assert "in inner" in text
    assert "in outer" not in text
    assert own_line(error) is None


def test_a_long_text_loses_its_middle() -> None:
    def shouts() -> None:
        raise ValueError("x" * 10**6)

    text = own_traceback(raised(shouts))
    assert text is not None
    assert len(text) < LONGEST + 50
    assert text.startswith("Traceback")


def test_the_end_of_a_peer_says_what_its_exception_says() -> None:
    error = layer_error(raised(fails))
    ended = explained(PeerExited(Address("stage", 1), "layer 1 relu", 2, "crashed", time=3.0), error)
    assert (ended.reason, ended.where) == ("layer 1 (relu) failed: ValueError: no negative numbers", own_line(error))
    assert (ended.traceback, ended.time, ended.orderly) == (own_traceback(error), 3.0, False)
