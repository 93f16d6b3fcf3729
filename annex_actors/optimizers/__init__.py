"""Optimizers: from one version of the weights to the next, never in place.

Read the modules in this order:

1. `optimizer`: the protocol `Optimizer`, which has three members;
2. `learning_rate`: the step size, a number or a rule; `decays`, `cosines` and `warmup`, the rules; `learning_rates`,
   their table and their texts;
3. `weight_decay` and `arrays`, which all optimizers share;
4. `sgd`, `adam` (with AdamW), `rmsprop`, `adagrad`, `lion`;
5. `scaled`, an optimizer with its learning rate times a factor; `averaged`, one that keeps a moving average of the
   weights; and `clipping`, what is done to gradients before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.settings import build
from annex_actors.base.shown import shown
from annex_actors.base.tables import Table
from annex_actors.optimizers.adagrad import Adagrad
from annex_actors.optimizers.adam import Adam, AdamW
from annex_actors.optimizers.averaged import Averaged, averaged
from annex_actors.optimizers.clipping import ClipBy, Clipping, clipping, squared_norm
from annex_actors.optimizers.cosines import Cosine, CosineRestarts, OneCycle
from annex_actors.optimizers.decays import Constant, Exponential, InverseTime, Polynomial, Stepwise
from annex_actors.optimizers.learning_rate import LearningRate
from annex_actors.optimizers.learning_rates import LEARNING_RATES
from annex_actors.optimizers.lion import Lion
from annex_actors.optimizers.optimizer import Elementwise, Optimizer, is_elementwise
from annex_actors.optimizers.rmsprop import RMSprop
from annex_actors.optimizers.scaled import scaled
from annex_actors.optimizers.sgd import Sgd
from annex_actors.optimizers.warmup import Warmup

_Class = TypeVar("_Class", bound=Callable[..., Optimizer])

OPTIMIZERS: Table[Callable[..., Optimizer]] = Table(
    "optimizer",
    {"sgd": Sgd, "adam": Adam, "adamw": AdamW, "rmsprop": RMSprop, "adagrad": Adagrad, "lion": Lion},
)
"""The optimizers by name; `register_optimizer` adds your own."""

_MEMBERS = ("name", "initial_state", "update")


def register_optimizer(name: str, optimizer: _Class) -> _Class:
    """Register your own optimizer by name, for `Learner`, config files and the command line; return its class.

    Its fields are its settings: ``[optimizer] name = "mine", rate = 0.1``.

    Args:
        name: one word; it replaces your earlier optimizer of that name.
        optimizer: a dataclass with the members of `Optimizer`.

    Raises:
        ConfigError: the name is one of this package's or not a single word, or ``optimizer`` is not such a class.
    """
    if not checks.is_dataclass_with(optimizer, _MEMBERS):
        raise ConfigError(
            f"expected `optimizer` to be a dataclass with {', '.join(_MEMBERS)}, such as Sgd, "
            f"got {shown(optimizer)}; register the class itself"
        )
    OPTIMIZERS.register(name, optimizer)
    return optimizer


def optimizer(name: str | Optimizer, **settings: Any) -> Optimizer:
    """Return the optimizer of this name, such as ``sgd`` or ``adam``, with these settings; or the optimizer itself.

    Raises:
        ConfigError: an unknown optimizer, an unknown setting, or a setting out of range; or settings for an optimizer
            that has its own.
    """
    if isinstance(name, str) or settings:
        made_by = OPTIMIZERS.find(name)
        return build(str(name), made_by, settings)
    return checks.instance("optimizer", name, Optimizer, 'a name such as "adam", or an optimizer such as Adam()')


__all__ = [
    "LEARNING_RATES",
    "OPTIMIZERS",
    "Adagrad",
    "Adam",
    "AdamW",
    "Averaged",
    "ClipBy",
    "Clipping",
    "Constant",
    "Cosine",
    "CosineRestarts",
    "Elementwise",
    "Exponential",
    "InverseTime",
    "LearningRate",
    "Lion",
    "OneCycle",
    "Optimizer",
    "Polynomial",
    "RMSprop",
    "Sgd",
    "Stepwise",
    "Warmup",
    "averaged",
    "clipping",
    "is_elementwise",
    "optimizer",
    "register_optimizer",
    "scaled",
    "squared_norm",
]
