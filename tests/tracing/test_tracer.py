"""A block of Python is traced, whatever it runs."""

from __future__ import annotations

import threading

import pytest

from annex_actors.base.errors import ConfigError, DataError
from annex_actors.data import load
from annex_actors.experiments.simulation import simulate
from annex_actors.layers import dense, sequence
from annex_actors.runtimes.cost_model import LayerTimes
from annex_actors.tracing.tracer import trace
from annex_actors.training.learner import Learner


def learner(runtime: str = "schedulers") -> Learner:
    return Learner(sequence(dense(3)), runtime=runtime)


@pytest.mark.parametrize("runtime", ["schedulers", "threads", "inline"])
def test_a_training_and_a_prediction_are_traces_of_their_own(runtime: str) -> None:
    data, learns = load("iris"), learner(runtime)
    with trace() as t:
        learns.train(data, epochs=1)
        learns.predict(data.test.inputs)
    training, prediction = t.traces
    assert t.trace.header["run"] == training.header["run"]
    assert training.header["runtime"] == runtime
    assert {work.letter for work in training.work[training.peers[0]]} >= {"F", "B", "W"}
    assert {flow.kind for flow in prediction.flows} >= {"predict", "ask"}


def test_many_predictions_by_actors_that_are_started_for_them_are_traced() -> None:
    data, learns = load("iris"), learner()
    learns.train(data, epochs=1)
    with trace() as t, learns.serving() as predict:
        predict(data.test.inputs)
    assert {flow.kind for flow in t.trace.flows} >= {"predict", "ask"}


def test_only_the_block_and_its_thread_are_traced() -> None:
    data = load("iris")
    before, beside = learner(), learner()
    before.train(data, epochs=1)
    with trace() as t:
        other = threading.Thread(target=lambda: beside.train(data, epochs=1))
        other.start()
        other.join()
    before.train(data, epochs=2)
    assert t.traces == ()
    with pytest.raises(DataError, match="expected a block that starts a job"):
        _ = t.trace


def test_the_first_steps_alone_are_traced() -> None:
    with trace(2) as t:
        learner().train(load("iris"), epochs=1)
    assert t.trace.steps == (0, 1)


def test_the_messages_of_a_step_are_a_diagram() -> None:
    with trace() as t:
        learner("inline").train(load("iris"), epochs=1)
    lines = t.sequence(1).splitlines()
    assert lines[0].split() == ["trainer", "stage-0", "stage-1"]
    assert [line.strip("│ ─►◄").strip() for line in lines[1:3]] == ["target 0", "forward 0"]
    with pytest.raises(DataError, match="expected a step that was traced, from 0 to 3, got 99"):
        t.sequence(99)


def test_a_simulation_has_a_trace_in_its_own_time() -> None:
    with trace() as t:
        simulation = simulate("gpipe", stages=3, microbatches=4, times=LayerTimes(2, 3, 1))
    work = [(each.peer, each.start, each.end) for works in t.trace.work.values() for each in works if each.on_step]
    assert sorted(work) == sorted((piece.stage, piece.start, piece.end) for piece in simulation.pieces)


@pytest.mark.parametrize("steps", ["some", "-1", "0"])
def test_steps_are_all_a_sample_or_a_number(steps: str) -> None:
    with (
        pytest.raises(ConfigError, match="expected `steps` to be all, sample, or a number of steps >= 1"),
        trace(steps),
    ):
        pass
