"""What the settings of scikit-learn's MLPs mean here.

Its costs are ours times a factor, half of a squared error or a sum over labels. No cost is multiplied in a training:
a learning rate that is multiplied, and a penalty, an epsilon and a tolerance that are divided by the factor, make the
same steps, and the cost keeps the name by which a network is saved.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import shown
from annex_actors.layers import Network, activation, dense, l2, parse_layers, sequence
from annex_actors.optimizers import Adam, LearningRate, Optimizer, Sgd
from annex_actors.protocol.events import EpochFinished
from annex_actors.training.early_stopping import EarlyStopping
from annex_actors.training.halting import Halt, all_of
from annex_actors.training.plateau import ReduceOnPlateau

_ACTIVATIONS = {"identity": "linear", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}
_RATES = ("constant", "invscaling", "adaptive")
_SMALLEST = 1e-6
"""The learning rate at which an adaptive one ends the training."""


@dataclass(frozen=True)
class InverseScaling:
    """``rate / (samples + 1) ** power``, where ``samples`` are those of the finished epochs, as ``invscaling`` says.

    Args:
        rate: > 0.
        power: the exponent.
        samples: of an epoch, >= 1.
        steps: of an epoch, >= 1.
    """

    rate: float
    power: float
    samples: int
    steps: int

    def at(self, step: int) -> float:
        """Return the learning rate at a step."""
        return float(self.rate / (step // self.steps * self.samples + 1) ** self.power)


@dataclass(frozen=True)
class RateTooSmall:
    """Halt when an adaptive learning rate has become so small that nothing changes.

    Args:
        plateau: lowers the learning rate.
        rate: the learning rate at first.
    """

    plateau: ReduceOnPlateau
    rate: float

    def __call__(self, history: tuple[EpochFinished, ...]) -> bool:
        """Return whether the learning rate after these epochs is at most 1e-6."""
        return self.rate * self.plateau(history) <= _SMALLEST


def check_supported(estimator: Any) -> None:
    """Refuse settings of scikit-learn's MLPs that have no meaning here.

    Raises:
        ConfigError: such a setting, or one of another kind or out of range.
    """
    _choice("solver", estimator.solver, ("adam", "sgd"))
    _choice("learning_rate", estimator.learning_rate, _RATES)
    if estimator.max_fun != 15000:
        raise ConfigError(
            f"expected `max_fun` to be left at 15000, got {shown(estimator.max_fun)}; it is lbfgs's, use `max_iter`"
        )
    if estimator.shuffle is not True:
        raise ConfigError(f"expected `shuffle` to be True, got {shown(estimator.shuffle)}; each epoch is shuffled")
    for name in ("warm_start", "early_stopping", "nesterovs_momentum"):
        checks.boolean(name, getattr(estimator, name))
    checks.real_number("validation_fraction", estimator.validation_fraction, above=0, below=1)
    checks.real_number("power_t", estimator.power_t, at_least=0)
    checks.whole_number("max_iter", estimator.max_iter, at_least=1)


def _choice(setting: str, value: object, known: Iterable[str]) -> str:
    if not isinstance(value, str) or value not in known:
        checks.unknown(setting, value, known)
    return value


def network_of(estimator: Any, outputs: int, penalty: float) -> Network:
    """Return the hidden layers that were asked for, and a dense layer for the outputs.

    Args:
        estimator: has ``layers``, or ``hidden_layer_sizes`` and ``activation``.
        outputs: how many.
        penalty: what the sum of the squared weights costs, >= 0.

    Raises:
        ConfigError: layers that cannot be.
    """
    if estimator.layers is None:
        network = sequence(*_hidden(estimator), dense(outputs))
    elif isinstance(estimator.layers, str):
        network = sequence(parse_layers(estimator.layers), dense(outputs))
    else:
        raise ConfigError(f'expected `layers` as text such as "dense:64 relu", got {shown(estimator.layers)}')
    return l2(penalty, network) if penalty else network


def _hidden(estimator: Any) -> Iterable[Any]:
    name = _choice("activation", estimator.activation, _ACTIVATIONS)
    given = estimator.hidden_layer_sizes
    sizes = (given,) if isinstance(given, Integral) else tuple(given)
    for size in sizes:
        yield dense(checks.whole_number("hidden_layer_sizes", size, at_least=1))
        yield activation(_ACTIVATIONS[name])


def batch_size_of(estimator: Any, samples: int) -> int:
    """Return how many samples a step has: ``auto`` means 200, and never more than there are.

    Raises:
        ConfigError: neither ``auto`` nor an integer >= 1.
    """
    given = estimator.batch_size
    size = 200 if isinstance(given, str) and given == "auto" else checks.whole_number("batch_size", given, at_least=1)
    return min(size, samples)


def penalty_of(estimator: Any, weight: float) -> float:
    """Return what the sum of the squared weights costs: ``alpha / 2`` over the weight of a batch, as in scikit-learn.

    Args:
        estimator: has ``alpha``.
        weight: of a batch, times the cost's factor.

    Raises:
        ConfigError: ``alpha`` is not a number >= 0.
    """
    return checks.real_number("alpha", estimator.alpha, at_least=0) / (2 * weight)


def optimizer_of(estimator: Any, samples: int, batch_size: int, factor: float) -> Optimizer:
    """Return the optimizer that ``solver`` names, with the settings that scikit-learn has for it.

    Args:
        estimator: has the settings.
        samples: of an epoch.
        batch_size: of a step.
        factor: the cost's.

    Raises:
        ConfigError: a setting out of range.
    """
    first = checks.real_number("learning_rate_init", estimator.learning_rate_init, above=0)
    if estimator.solver == "adam":
        epsilon = checks.real_number("epsilon", estimator.epsilon, above=0) / factor
        return Adam(learning_rate=first, beta1=estimator.beta_1, beta2=estimator.beta_2, epsilon=epsilon)
    rate: float | LearningRate = first * factor
    if estimator.learning_rate == "invscaling":
        rate = InverseScaling(first * factor, estimator.power_t, samples, math.ceil(samples / batch_size))
    momentum = checks.real_number("momentum", estimator.momentum, at_least=0, below=1)
    return Sgd(learning_rate=rate, momentum=momentum, nesterov=estimator.nesterovs_momentum and momentum > 0)


def plateau_of(estimator: Any, monitor: str, factor: float) -> ReduceOnPlateau | None:
    """Return how an adaptive learning rate of ``sgd`` is lowered; None: it is not."""
    if estimator.solver != "sgd" or estimator.learning_rate != "adaptive" or _patience(estimator) is None:
        return None
    tolerance = _tolerance(estimator, factor)
    return ReduceOnPlateau(monitor, factor=0.2, patience=estimator.n_iter_no_change, min_delta=tolerance)


def halt_of(estimator: Any, monitor: str, plateau: ReduceOnPlateau | None, factor: float) -> Halt | None:
    """Return when to end before ``max_iter`` epochs; with early stopping, the best weights are restored.

    Raises:
        ConfigError: ``tol`` or ``n_iter_no_change`` out of range.
    """
    patience = _patience(estimator)
    if patience is None and not estimator.early_stopping:
        return None
    stopping = EarlyStopping(
        patience=estimator.max_iter if patience is None else patience,
        monitor=monitor,
        min_delta=_tolerance(estimator, factor),
        restore_best_weights=estimator.early_stopping,
    )
    return stopping if plateau is None else all_of(stopping, RateTooSmall(plateau, estimator.learning_rate_init))


def _tolerance(estimator: Any, factor: float) -> float:
    tolerance = checks.real_number("tol", estimator.tol, at_least=0)
    return tolerance if estimator.early_stopping else tolerance / factor  # scores are no costs


def _patience(estimator: Any) -> int | None:
    given = estimator.n_iter_no_change
    return None if given == math.inf else checks.whole_number("n_iter_no_change", given, at_least=1)
