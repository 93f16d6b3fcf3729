"""The table of rules for the learning rate, and learning rates as text: ``cosine:0.003:1000``.

Colons separate the arguments of a rule. Those that may be left out are given by name: ``cosine:0.1:50:minimum=0.001``.
A space separates a warm-up from the rule that follows it, as it separates layers: ``warmup:100 cosine:0.003:1000``.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real

from annex_actors.base import calls, checks
from annex_actors.base.calls import parse_call
from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import shown
from annex_actors.base.tables import Table
from annex_actors.optimizers.cosines import Cosine, CosineRestarts, OneCycle
from annex_actors.optimizers.decays import Constant, Exponential, InverseTime, Polynomial, Stepwise
from annex_actors.optimizers.learning_rate import LearningRate, checked_number, checked_rule
from annex_actors.optimizers.warmup import Warmup

LEARNING_RATES: Table[Callable[..., LearningRate]] = Table(
    "learning_rate",
    {
        "constant": Constant,
        "inverse_time": InverseTime,
        "stepwise": Stepwise,
        "exponential": Exponential,
        "polynomial": Polynomial,
        "cosine": Cosine,
        "cosine_restarts": CosineRestarts,
        "one_cycle": OneCycle,
        "warmup": Warmup,
    },
)
"""The rules by name, the first part of their text."""

_WARMED_UP = "warmup:100 cosine:0.003:1000"


def checked(value: object) -> float | LearningRate:
    """Return a learning rate as an optimizer keeps it, from a number, a rule, or the text of either.

    Raises:
        ConfigError: not a learning rate, or a number out of range.
    """
    if isinstance(value, str):
        return _parsed(value)
    return checked_number(value) if isinstance(value, Real) else checked_rule(value)


def usage_of(name: str) -> str:
    """Return how to write a rule, such as ``cosine:learning_rate:steps[:minimum=0.0]``."""
    return calls.usage_of(name, LEARNING_RATES[name])


def _parsed(text: str) -> float | LearningRate:
    words = text.split()
    if len(words) < 2:
        return _number_or_rule("".join(words))
    usage = f"`learning_rate` as one rule, or as warmup:steps and a rule: {_WARMED_UP}"
    first = parse_call(words[0], usage=usage)
    if first.name != "warmup" or len(words) > 2:
        raise ConfigError(f"expected {usage}, got {shown(text)}")
    rule = _number_or_rule(words[1])
    return first.make(lambda steps: Warmup(rule, steps), usage=usage, text=text, place="learning_rate")


def _number_or_rule(word: str) -> float | LearningRate:
    try:
        return checked_number(float(word))
    except ConfigError:
        raise
    except ValueError:
        return _rule(word)


def _rule(word: str) -> LearningRate:
    name = word.partition(":")[0]
    if name not in LEARNING_RATES:
        cure = checks.did_you_mean(name, LEARNING_RATES) or "; `annex-actors rates` shows how to write them"
        rules = f"or a rule: {', '.join(LEARNING_RATES)}{cure}"
        raise ConfigError(f"expected `learning_rate` to be a number > 0, got {shown(word)}; {rules}")
    usage = f"`learning_rate` as {usage_of(name)}, with numbers"
    call = parse_call(word, usage=usage)
    return call.make(LEARNING_RATES[name], usage=usage, text=word, place="learning_rate")
