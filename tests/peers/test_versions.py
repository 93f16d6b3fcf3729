"""A stage keeps a version of the weights as long as a microbatch may meet it, and no longer."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from annex_actors.base.types import Floats
from annex_actors.layers import dense
from annex_actors.peers.stage import Stage, StageSpec
from annex_actors.peers.stage_state import StageState
from annex_actors.protocol.effects import Commit, Request
from annex_actors.protocol.snapshot import Snapshot
from tests.peers.stages import RATE, stage_of, stage_spec
from tests.protocol import messages

INPUTS = np.random.default_rng(0).standard_normal((12, 2, 3)).astype(np.float32)
GRADIENTS = np.random.default_rng(1).standard_normal((12, 2, 2)).astype(np.float32)


def spec(schedule: str, stage: int, stages: int) -> StageSpec:
    return stage_spec(dense(2), stage=stage, stages=stages, schedule=schedule, seed=0)


def forward(stage: Stage, step: int) -> list[Request]:
    return list(stage.handle(messages.forward(step, of=1, samples=2, array=INPUTS[step])))


def finish(stage: Stage, step: int) -> Snapshot:
    """Take a step back, and return what is committed."""
    stage.handle(messages.backward(step, array=GRADIENTS[step]))
    (request,) = stage.handle(messages.weight_gradient(step))
    assert isinstance(request, Commit)
    return request.snapshot


def weight(snapshot: Snapshot) -> Floats:
    state: StageState = snapshot.state
    return state.layers[0].parameters["weight"]


LAGS: dict[str, Callable[[int, int], int]] = {
    "1f1b": lambda s, S: 0,
    "pipedream": lambda s, S: S - 1 - s,
    "pipedream-vertical": lambda s, S: S - 1,
    "2bw": lambda s, S: 1,
    "no-stash": lambda s, S: S - 1 - s,
}


@pytest.mark.parametrize("schedule", LAGS)
@pytest.mark.parametrize("stage", [0, 1, 3])
def test_a_stage_keeps_one_version_more_than_it_lags_and_nothing_else_keeps_one(schedule: str, stage: int) -> None:
    lag = LAGS[schedule](stage, 4)
    subject, alive = stage_of(spec(schedule, stage, 4)), []
    fed = 0
    for step in range(8):
        while fed <= step + lag:
            forward(subject, fed)
            fed += 1
        alive.append(weakref.ref(weight(finish(subject, step))))
        kept = [index for index, each in enumerate(alive) if each() is not None]
        assert kept == list(range(max(0, step - lag), step + 1)), "versions that steps to come may meet"
        assert len(subject.versions) == min(step + 2, lag + 1)


def test_a_forward_meets_the_version_of_the_formula_and_its_backward_the_same() -> None:
    subject = stage_of(spec("pipedream", 1, 4))  # lags by 2
    weights = [spec("pipedream", 1, 4).initial.layers[0].parameters["weight"]]
    outputs, fed = [], 0
    for step in range(6):
        while fed <= step + 2:
            (post,) = forward(subject, fed)
            outputs.append(post.message.array)  # type: ignore[union-attr]
            fed += 1
        (back, *_) = subject.handle(messages.backward(step, array=GRADIENTS[step]))
        met = weights[max(0, step - 2)]
        assert np.array_equal(back.message.array, GRADIENTS[step] @ met.T)  # type: ignore[union-attr]
        (commit,) = subject.handle(messages.weight_gradient(step))
        assert isinstance(commit, Commit)
        weights.append(weight(commit.snapshot))
    for step, output in enumerate(outputs[:6]):
        bias = output - INPUTS[step] @ weights[max(0, step - 2)]
        assert np.allclose(bias, bias[0], atol=1e-6), "one bias for every row, once the weights are the right ones"


def test_an_update_lands_on_the_newest_version() -> None:
    subject = stage_of(spec("pipedream", 1, 4))
    for step in range(3):
        forward(subject, step)
    before = weight(finish(subject, 0))
    after = weight(finish(subject, 1))
    assert np.allclose(after, before - RATE * INPUTS[1].T @ GRADIENTS[1], atol=1e-6)


def test_a_restarted_stage_finds_the_older_versions_in_its_commit() -> None:
    specification = spec("pipedream", 0, 4)
    first, second = stage_of(specification), None
    for step in range(8):
        forward(first, step) if step < 4 else None
    commits = []
    for step in range(4):
        commits.append(finish(first, step))
        if step + 4 < 8:
            forward(first, step + 4)
    snapshot = commits[2]
    second = Stage(specification, snapshot.state, snapshot.step)
    for step in range(3, 7):
        forward(second, step)
    again = finish(second, 3)
    assert weight(again).tobytes() == weight(commits[3]).tobytes()
    assert [w[0]["weight"].tobytes() for w in again.state.stash] == [
        w[0]["weight"].tobytes() for w in commits[3].state.stash
    ]


def test_a_stage_that_begins_at_a_later_step_has_no_version_before_its_first() -> None:
    specification = replace(spec("pipedream", 0, 4), step=100)
    subject = Stage(specification, specification.initial, 100)
    forwards = [subject.handle(messages.forward(100 + at, of=1, samples=2, array=INPUTS[0])) for at in range(4)]
    outputs = [requests[0].message.array for requests in forwards]  # type: ignore[union-attr]
    assert all(np.array_equal(output, outputs[0]) for output in outputs)
