"""A plan decides which layers share an actor; with synchronous schedules it changes no bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError
from annex_actors.layers import activation, dense, dropout, sequence
from annex_actors.placement import Plan, PlannedStage
from annex_actors.placement.needs import NodeStrategy
from annex_actors.runtimes import InlineRuntime, Job, Program
from annex_actors.training.learner import Learner
from annex_actors.training.result import Result
from tests.trainings import CLASSES, Training, fingerprints

TRAINING = Training(network=sequence(dense(5), activation("relu"), dense(CLASSES)))


def trained(stages: Any, training: Training = TRAINING, runtime: str = "inline") -> Result:
    learner = training.learner(runtime, stages=stages)
    return learner.train(training.dataset, epochs=training.epochs, batch_size=training.batch_size)


LAYERS = st.sampled_from([dense(4), dense(7), activation("relu"), activation("tanh"), dropout(0.3)])


@st.composite
def networks_and_plans(draw: st.DrawFn) -> tuple[Training, str]:
    """Draw a network with a synchronous schedule, and the counts of a plan for it."""
    layers: list[Any] = [*draw(st.lists(LAYERS, max_size=5)), dense(CLASSES)]
    cuts = draw(st.lists(st.booleans(), min_size=len(layers), max_size=len(layers)))
    counts = [1]
    for cut in cuts:
        counts = [*counts, 1] if cut else [*counts[:-1], counts[-1] + 1]
    schedule = draw(st.sampled_from(["sequential", "gpipe", "1f1b", "interleaved:2"]))
    training = Training(network=sequence(*layers), schedule=schedule, microbatches=draw(st.integers(1, 3)), epochs=1)
    return training, ",".join(map(str, counts))


@settings(max_examples=25)
@given(networks_and_plans(), st.sampled_from(["inline", "schedulers"]))
def test_every_plan_gives_the_bits_of_an_actor_for_each_layer(case: tuple[Training, str], runtime: str) -> None:
    training, counts = case
    plan = Plan.parse(counts, len(training.network.layers))
    planned = trained(plan, training, runtime)
    assert planned.stages == len(plan.stages)
    assert fingerprints(planned.checkpoint) == fingerprints(trained("layer", training).checkpoint)


@pytest.mark.parametrize(
    ("stages", "form"),
    [
        ("1,2", "1,2"),
        (Plan((PlannedStage(1), PlannedStage(3))), "1,2"),
        ("1,2,1", "1,2,1"),
        ("4", 4),  # digits alone are a number of actors
        (" layer ", "layer"),
        (Plan((PlannedStage(4),)), 1),
        ("3:blas_threads=2", "3:blas_threads=2"),
    ],
)
def test_a_plan_has_one_form_whatever_it_was_given_as(stages: Any, form: str | int, tmp_path: Path) -> None:
    learner = TRAINING.learner(stages=stages)
    result = learner.train(TRAINING.dataset, epochs=1, batch_size=5)
    learner.save(tmp_path / "saved")
    again = Learner.load(tmp_path / "saved", runtime="inline")
    assert again.spec.stages == learner.spec.stages
    assert learner.spec.stages == TRAINING.learner(stages=form).spec.stages
    assert again.spec.actors == result.stages


@pytest.mark.parametrize("where", ["node=a", "labels=zone=east"])
@pytest.mark.parametrize("runtime", ["inline", "schedulers", "threads", "processes"])
def test_one_machine_has_no_nodes(runtime: str, where: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TRAINING.learner(runtime=runtime, stages=f"1,2:{where}")
    assert str(caught.value) == (
        f"expected stage 1 without `node` and `labels` on the runtime {runtime}, which has one machine, got "
        f"3:{where}; leave them out, or choose the runtime ray"
    )


def test_what_is_reserved_on_a_cluster_is_nothing_to_one_machine() -> None:
    plain, reserved = (TRAINING.learner(stages=f"1,2{each}") for each in ("", ":cpus=64:resources=nvme=1;strict_pack"))
    results = [each.train(TRAINING.dataset, epochs=1, batch_size=5) for each in (plain, reserved)]
    assert fingerprints(results[0].checkpoint) == fingerprints(results[1].checkpoint)


class Cluster(InlineRuntime):
    """A runtime that says that it has nodes, and keeps the program that it was given."""

    name = "cluster"
    places_peers = True
    program: ClassVar[Program]

    def start(self, program: Program) -> Job:
        Cluster.program = program
        return super().start(program)


def test_a_runtime_with_nodes_is_told_what_each_stage_needs_and_a_saved_learner_needs_none(tmp_path: Path) -> None:
    learner = TRAINING.learner(runtime=Cluster(), stages="1:node=a,2:labels=zone=east:cpus=2;pack;wait_seconds=5")
    learner.train(TRAINING.dataset, epochs=1, batch_size=5)
    places = Cluster.program.places
    assert (places.strategy, places.wait_seconds) == (NodeStrategy.PACK, 5)
    assert list(map(str, places.needs.values())) == ["node a", "label zone=east, 2 cpus"]
    learner.save(tmp_path / "saved")
    assert str(Learner.load(tmp_path / "saved", runtime="inline").spec.stages) == "1,2:cpus=2"


def test_a_plan_is_shown_as_the_text_that_gives_it() -> None:
    assert "stages='1,2:blas_threads=2'" not in repr(TRAINING.learner(stages="1,2"))
    assert "stages='1,2'" in repr(TRAINING.learner(stages=Plan.parse("1,2", 3)))


def test_the_summary_shows_the_actors_of_a_plan() -> None:
    summary = TRAINING.learner(stages="1,2").summary((4,))
    assert [row.actor for row in summary.rows] == [0, 1, 1, 1]
