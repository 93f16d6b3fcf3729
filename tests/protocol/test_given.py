"""What a piece of work was given, as a node tells its instrument when the piece fails."""

from __future__ import annotations

import numpy as np
import pytest

from annex_actors.protocol.given import Given, GivenSince
from annex_actors.protocol.messages import Backward, Forward, Message, Part, Predict, Target, WeightGradient
from annex_actors.protocol.routing import stage_address
from annex_actors.protocol.snapshot import Snapshot

ARRAY = np.zeros((2, 3), np.float32)


def forward(step: int, microbatch: int = 0) -> Forward:
    return Forward("run", step, microbatch, 0, ARRAY, Part(1, 2))


def target(step: int) -> Target:
    return Target("run", step, 0, 2, ARRAY)


def at(step: int) -> Snapshot:
    return Snapshot(stage_address(0), step, f"state {step}")


def after(*messages: Message, is_first: bool) -> Given:
    """Return what the last of these messages was given, of a stage at step 3."""
    since = GivenSince(at(3), is_first=is_first)
    for message in messages:
        since.add(message)
    return since.to(messages[-1])


def test_a_first_incarnation_gathers_targets_alone() -> None:
    given = after(target(3), forward(3), forward(3, 1), is_first=True)
    assert [message.kind for message in given.before] == ["target"]
    assert given.is_whole


@pytest.mark.parametrize("message", [Backward("run", 3, 0, 0, ARRAY), WeightGradient("run", 3, -1, 0)])
def test_what_needs_more_than_targets_is_whole_only_in_later_incarnations(message: Message) -> None:
    assert not after(forward(3), message, is_first=True).is_whole
    later = after(target(3), forward(3), message, is_first=False)
    assert later.is_whole
    assert [each.kind for each in later.before] == ["target", "forward"]


def test_predictions_are_not_gathered() -> None:
    assert after(Predict("run", 3, 0, 0, ARRAY), forward(3), is_first=False).before == ()


def test_messages_of_finished_steps_are_forgotten() -> None:
    since = GivenSince(at(3), is_first=False)
    for message in (forward(3), forward(4)):
        since.add(message)
    since.finish(at(4))
    given = since.to(forward(4, 1))
    assert [message.step for message in given.before] == [4]
    assert (given.snapshot.step, given.snapshot.state) == (4, "state 4")
