"""Every layer survives a kill at every event of a small run."""

from __future__ import annotations

import pytest

from annex_actors.runtimes import InlineRuntime
from annex_actors.runtimes.inline import InlineJob
from tests.faults.plans import assert_undisturbed, disturbed, killing
from tests.layers.networks import NETWORKS, SmallNetwork
from tests.matrix import some


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_a_kill_at_any_event_changes_no_bit_of_any_layer(network: SmallNetwork, whole: bool) -> None:
    training = network.training(epochs=1, size=4, batch_size=2)
    job = InlineRuntime().start(training.program())
    assert isinstance(job, InlineJob)
    job.wait()
    for event in some(range(1, job.events + 1), sample=5, whole=whole, seed=len(network.text)):
        outcome = disturbed(training, killing({event}))
        assert outcome.restarts >= 1, f"no peer was killed at event {event}"
        assert_undisturbed(outcome, training)
