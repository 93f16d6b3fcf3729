"""Networks with torch modules give the bits of the plain program: on every runtime, with crashes, killed anywhere."""

from __future__ import annotations

import pytest

from annex_actors.layers import Network, activation, dense, freeze, residual, sequence, torch_module
from annex_actors.runtimes import Crash, InlineRuntime
from annex_actors.runtimes.inline import InlineJob
from tests.faults.plans import assert_undisturbed, disturbed, killing
from tests.matrix import some
from tests.oracle.plain import expected
from tests.trainings import CLASSES, Training, fingerprints, host_named

pytest.importorskip("torch")

from tests.layers.native import modules

NETWORKS: dict[str, Network] = {
    "dropping": sequence(torch_module(modules.dropping), activation("tanh"), torch_module(modules.Counting)),
    "normed": sequence(torch_module(modules.normed), residual(torch_module(modules.wide)), dense(CLASSES)),
    "frozen": sequence(dense(4), freeze(torch_module(modules.normed)), torch_module(modules.activation_only), dense(3)),
}

HOSTS = ("inline", "threads", "schedulers", "processes", "ray")


def training_of(name: str, **settings: object) -> Training:
    # No microbatch has one sample alone, of which a batch norm has no variance.
    return Training(network=NETWORKS[name], size=12, batch_size=4, microbatches=2, epochs=1, **settings)  # type: ignore[arg-type]


def crashes(training: Training) -> tuple[Crash, ...]:
    layers = range(len(training.network.layers) + 1)
    return tuple(Crash(layer=layer, step=layer % training.steps, microbatch=layer % 2) for layer in layers)


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_torch_module_equals_the_plain_program_with_crashes(name: str, host: str) -> None:
    training = training_of(name)
    outcome = disturbed(training, host_named(host), crashes=crashes(training))
    assert outcome.restarts > 0
    assert outcome.fingerprints == fingerprints(expected(training))


@pytest.mark.parametrize("schedule", ["gpipe", "zb-h1", "pipedream", "sequential"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_torch_module_equals_the_plain_program_by_each_kind_of_schedule(name: str, schedule: str) -> None:
    training = training_of(name, schedule=schedule)
    outcome = disturbed(training, host_named("threads"))
    assert outcome.fingerprints == fingerprints(expected(training))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_kill_at_any_event_changes_no_bit_of_a_torch_module(name: str, whole: bool) -> None:
    training = training_of(name)
    job = InlineRuntime().start(training.program())
    assert isinstance(job, InlineJob)
    job.wait()
    for event in some(range(1, job.events + 1), sample=10, whole=whole, seed=len(name)):
        outcome = disturbed(training, killing({event}))
        assert outcome.restarts >= 1
        assert_undisturbed(outcome, training)
