"""A checker is worth what it refuses: each optimizer here breaks one promise, and the message says which."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from annex_actors.base.types import Floats, Parameters, frozen
from annex_actors.optimizers import OPTIMIZERS, Sgd, is_elementwise
from annex_actors.testing import check_optimizer

Versions = tuple[Parameters, Parameters]


class InPlace(Sgd):
    def update(self, step: int, parameters: Parameters, gradients: dict[str, Floats], state: Parameters) -> Versions:
        for name, weight in parameters.items():
            np.subtract(weight, gradients[name], out=weight)
        return parameters, state


class LendsTheGradientTwice(Sgd):
    def initial_state(self, parameters: Parameters) -> Parameters:
        return frozen({name: weight.copy() for name, weight in parameters.items()}) if self.momentum else {}

    def update(self, step: int, parameters: Parameters, gradients: dict[str, Floats], state: Parameters) -> Versions:
        for name, weight in parameters.items():
            np.subtract(weight, 0.05 * gradients[name], out=gradients[name])
            gradients[name].flags.writeable = False
        return gradients, {name: gradients[name] for name in state}


class Writeable(Sgd):
    def update(self, step: int, parameters: Parameters, gradients: dict[str, Floats], state: Parameters) -> Versions:
        return {name: weight - 0.1 * gradients[name] for name, weight in parameters.items()}, state


class Climbs(Sgd):
    def update(self, step: int, parameters: Parameters, gradients: dict[str, Floats], state: Parameters) -> Versions:
        return super().update(step, parameters, {name: -gradient for name, gradient in gradients.items()}, state)


class ForgetsTheBias(Sgd):
    def update(self, step: int, parameters: Parameters, gradients: dict[str, Floats], state: Parameters) -> Versions:
        return super().update(step, {"weight": parameters["weight"]}, gradients, state)


class Widens(Sgd):
    def update(self, step: int, parameters: Parameters, gradients: dict[str, Floats], state: Parameters) -> Versions:
        wider: dict[str, Floats] = {name: gradient.astype(np.float64) for name, gradient in gradients.items()}
        return super().update(step, parameters, wider, state)


class WriteableState(Sgd):
    def initial_state(self, parameters: Parameters) -> Parameters:
        return {f"velocity.{name}": np.zeros_like(weight) for name, weight in parameters.items()}


@dataclass(frozen=True, kw_only=True)
class CountsItsCalls(Sgd):
    calls: list[int] = field(default_factory=list)

    def update(self, step: int, parameters: Parameters, gradients: dict[str, Floats], state: Parameters) -> Versions:
        self.calls.append(1)
        scaled = {name: gradient * len(self.calls) for name, gradient in gradients.items()}
        return super().update(step, parameters, scaled, state)


class ByItsNorm(Sgd):
    is_elementwise = True

    def update(self, step: int, parameters: Parameters, gradients: dict[str, Floats], state: Parameters) -> Versions:
        scaled = {name: gradient / np.linalg.norm(gradient) for name, gradient in gradients.items()}
        return super().update(step, parameters, scaled, state)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (InPlace, "sgd.update writes to an array that it was given; make a new one"),
        (Writeable, "expected sgd.update, weight, to be read-only"),
        (Climbs, "climbs a parabola from"),
        (ForgetsTheBias, r"expected sgd.update named \['weight', 'bias'\], got \['weight'\]"),
        (Widens, "expected sgd.update, weight, of dtype float32, got float64"),
        (WriteableState, "expected sgd.initial_state, velocity.weight, to be read-only"),
        (ByItsNorm, r"sgd\.update makes other rows alone than with the others; is it elementwise\?"),
        (CountsItsCalls, "sgd.update differs from call to call"),
    ],
)
def test_a_broken_promise_is_named(broken: type[Sgd], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_optimizer(broken())


def test_a_gradients_memory_may_hold_one_result_and_not_two() -> None:
    check_optimizer(LendsTheGradientTwice())
    with pytest.raises(AssertionError, match=r"sgd\.update returns memory that it was given, as weight"):
        check_optimizer(LendsTheGradientTwice(momentum=0.5))


def test_a_subclass_is_elementwise_only_if_it_says_so() -> None:
    assert all(is_elementwise(OPTIMIZERS.find(name)()) for name in OPTIMIZERS)
    assert not is_elementwise(Climbs())
    assert is_elementwise(ByItsNorm())


def test_what_lacks_a_member_is_refused() -> None:
    with pytest.raises(AssertionError, match="expected a Optimizer, got 'sgd'"):
        check_optimizer("sgd")  # type: ignore[arg-type]
