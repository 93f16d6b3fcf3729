"""Layers with settings of their own learn as torch's parameter groups, frozen parameters and penalties say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.base.types import Floats, Parameters
from annex_actors.layers import dense, learning_rate, parse_layers
from annex_actors.optimizers import Adam, Optimizer, Sgd, Stepwise
from annex_actors.protocol.instrument import Instrument, Peer
from annex_actors.protocol.messages import Backward, Envelope
from annex_actors.runtimes import InlineRuntime
from annex_actors.training.learner import Learner
from tests.trainings import TUNED, Training, carry_out, fingerprints, train, undisturbed

TEXT = "freeze( dense:6 tanh ) learning_rate:0.1( l2:0.01( dense:5 tanh ) ) l1:0.02( dense:4 ) tanh dense:2"
STEPS = 50


def training(optimizer: Optimizer, **changes: Any) -> Training:
    """Return a training of one step an epoch, so that the order of samples makes no difference."""
    return Training(
        network=parse_layers(TEXT),
        cost="mean_squared_error",
        optimizer=optimizer,
        size=12,
        batch_size=12,
        epochs=STEPS,
        **changes,
    )


OPTIMIZERS: dict[str, tuple[Optimizer, Callable[[Any, Any], Any], float]] = {
    "sgd": (Sgd(learning_rate=0.1, momentum=0.9), lambda torch, groups: torch.optim.SGD(groups, momentum=0.9), 0.1),
    "adam": (Adam(learning_rate=0.02), lambda torch, groups: torch.optim.Adam(groups), 0.02),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_layers_learn_as_torch_says(name: str) -> None:
    torch = pytest.importorskip("torch")
    optimizer, theirs, rate = OPTIMIZERS[name]
    mine = training(optimizer)
    weights = {key: torch.tensor(each.copy()) for key, each in mine.initial.weights.items()}
    of = {layer: [each for key, each in weights.items() if key.startswith(f"{layer}.")] for layer in (2, 4, 6)}
    for each in (one for own in of.values() for one in own):
        each.requires_grad_()
    rates = {2: rate * 0.1, 4: rate, 6: rate}
    chosen = theirs(torch, [{"params": of[layer], "lr": rates[layer]} for layer in of])
    inputs, targets = (torch.tensor(each) for each in (mine.dataset.train.inputs, mine.dataset.train.targets))
    costs = []
    for _ in range(STEPS):
        outputs = inputs
        for layer in (0, 2, 4, 6):
            outputs = outputs @ weights[f"{layer}.weight"] + weights[f"{layer}.bias"]
            outputs = outputs.tanh() if layer < 6 else outputs
        penalty = 0.01 * (weights["2.weight"] ** 2).sum() + 0.02 * weights["4.weight"].abs().sum()
        cost = ((outputs - targets) ** 2).mean() + penalty
        chosen.zero_grad()
        cost.backward()
        chosen.step()
        costs.append(float(cost.detach()))
    outcome = train(mine)
    assert outcome.checkpoint.costs == pytest.approx(costs, abs=1e-5)
    for key, array in outcome.checkpoint.weights.items():
        np.testing.assert_allclose(array, weights[key].detach().numpy(), atol=1e-5)


def test_a_frozen_layer_stays_what_it_was_and_keeps_no_slots() -> None:
    mine = Training(network=TUNED)
    after = undisturbed(mine).checkpoint
    frozen = [index for index, each in enumerate(TUNED.tunings) if each.frozen]
    for name, array in after.weights.items():
        assert np.array_equal(array, mine.initial.weights[name]) == (int(name.split(".")[0]) in frozen), name
    assert {int(name.split(".")[0]) for name in after.optimizer}.isdisjoint(frozen)


class Gradients(Instrument):
    """Keeps the sizes of the gradients that arrive at each stage."""

    def __init__(self) -> None:
        self.sizes: dict[str, set[int]] = {}

    def received(self, peer: Peer, envelope: Envelope) -> None:
        if isinstance(envelope.message, Backward):
            self.sizes.setdefault(str(peer.address), set()).add(envelope.message.array.size)


def test_below_the_first_layer_that_learns_gradients_are_empty() -> None:
    mine, seen = Training(network=parse_layers("freeze( dense:3 relu ) dense:3"), size=4, batch_size=2), Gradients()
    carry_out(mine.program(instruments=[seen]), InlineRuntime(), mine.initial)
    assert seen.sizes == {"stage-0": {0}, "stage-1": {0}, "stage-2": {3}}


@pytest.mark.parametrize("text", ["flatten dense:3", "freeze( dense:4 relu ) dense:3", "dropout:0.2 relu dense:3"])
def test_what_asks_for_no_gradient_changes_no_bit(text: str) -> None:
    whole = Training(network=parse_layers(text), stages=(range(len(parse_layers(text).layers) + 1),))
    assert train(replace(whole, stages=None)).fingerprints == train(whole).fingerprints


@pytest.mark.parametrize("runtime", ["inline", "threads"])
def test_an_evaluation_has_the_penalties_of_training(runtime: str) -> None:
    mine = Training(network=TUNED)
    learner = mine.learner(runtime)
    learner.train(mine.dataset, epochs=2, batch_size=5)
    assert learner.result is not None
    assert learner.evaluate(mine.dataset)["cost"] == learner.result.history[-1].test_cost
    free = mine.learner()
    free.spec = replace(free.spec, network=replace(TUNED, tuning=()))
    free.checkpoint, free.classes = learner.checkpoint, learner.classes
    assert free.evaluate(mine.dataset)["cost"] < learner.evaluate(mine.dataset)["cost"]


def test_other_settings_of_a_layer_are_another_training() -> None:
    mine = Training(network=parse_layers("l2:0.01( dense:5 ) dense:3"))
    cut = undisturbed(mine).checkpoint
    other = replace(mine, network=parse_layers("l2:0.02( dense:5 ) dense:3"))
    with pytest.raises(
        ConfigError, match=r"the `layer 0 is tuned` that the training began with, l2:0\.01, got l2:0\.02"
    ):
        other.prepared.resumed(replace(cut, identity=mine.prepared.identity))


@dataclass(frozen=True)
class Stubborn:
    """A user's own optimizer, whose step size has no name."""

    name = "stubborn"

    def initial_state(self, parameters: Parameters) -> Parameters:
        return {}

    def update(
        self, step: int, parameters: Parameters, gradients: dict[str, Floats], state: Parameters
    ) -> tuple[Parameters, Parameters]:
        weights = {name: weight - gradients[name] * 0.1 for name, weight in parameters.items()}
        for array in weights.values():
            array.flags.writeable = False
        return weights, {}


def test_a_factor_needs_an_optimizer_with_a_learning_rate() -> None:
    Learner(dense(3), optimizer=Stubborn())
    with pytest.raises(ConfigError, match=r"expected an optimizer with a field `learning_rate`, .* got .*Stubborn"):
        Learner(learning_rate(0.5, dense(3)), optimizer=Stubborn())


def test_a_factor_multiplies_a_rule() -> None:
    ruled = Training(network=learning_rate(0.5, dense(3)), optimizer=Sgd(learning_rate=Stepwise(0.1, 0.5, 2)))
    halved = replace(ruled, network=parse_layers("dense:3"), optimizer=Sgd(learning_rate=Stepwise(0.05, 0.5, 2)))
    assert fingerprints(train(ruled).checkpoint) == fingerprints(train(halved).checkpoint)
