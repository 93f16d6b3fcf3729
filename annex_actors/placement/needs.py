"""What a stage needs of the node of a cluster that it lives on: which node, labels, and amounts of what there is.

In the text of a stage, ``|`` stands between replicas, ``+`` between labels or resources, and ``=`` behind their names:
``2x2:node=a|b:labels=zone=east+disk=ssd:cpus=2``. So names have letters, digits and ``. _ - /`` alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import shown
from annex_actors.base.words import counted

OWN_AMOUNTS = ("cpus", "gpus", "memory")
"""The amounts that have settings of their own; other resources are named in ``resources``."""

_NAME = re.compile(r"[A-Za-z0-9._/-]{1,200}", re.ASCII)
_LABELS = 'a table such as {zone = "east"}'
_RESOURCES = "a table such as {nvme = 1}"

Labels: TypeAlias = Mapping[str, str]
Resources: TypeAlias = Mapping[str, float]


class NodeStrategy(Enum):
    """On which of the nodes that have what they need the actors of a plan live."""

    SPREAD = "spread"
    """Over all nodes as evenly as possible; neighbours in the chain together, replicas of a stage apart."""

    PACK = "pack"
    """On as few nodes as possible, in the order of the chain."""

    STRICT_SPREAD = "strict_spread"
    """Each on a node that has no other; where that cannot be, the run does not start."""

    STRICT_PACK = "strict_pack"
    """All on one node; where that cannot be, the run does not start."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What one actor needs of its node.

    Args:
        node: the name of the only one that it may live on; None: any.
        labels: that the node has.
        amounts: by name, such as ``cpus``: what is taken from what is free there; memory in bytes.
    """

    node: str | None = None
    labels: Labels = field(default_factory=dict, hash=False)
    amounts: Resources = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        """Return what is needed, for people, such as ``node a, label zone=east, 2 cpus``."""
        words = [] if self.node is None else [f"node {self.node}"]
        words += [f"label {name}={value}" for name, value in self.labels.items()]
        words += [f"{number(amount)} {name}" for name, amount in self.amounts.items()]
        return ", ".join(words) or "any node"


def checked_node(node: Any, replicas: int) -> str | tuple[str, ...] | None:
    """Return the setting ``node``: a name for all replicas, or one for each; empty: any node.

    Raises:
        ConfigError: no name, or not as many as there are replicas.
    """
    if node is None or isinstance(node, str):
        return _name("node", node) if node else None
    wanted = "the name of a node, or a list of one for each replica"
    return _for_each("node", node, replicas, wanted, _name_or_any) or None


def checked_labels(labels: Any, replicas: int) -> Labels | tuple[Labels, ...]:
    """Return the setting ``labels``: for all replicas, or for each.

    Raises:
        ConfigError: no labels, or not as many as there are replicas.
    """
    if isinstance(labels, Mapping):
        return _labels(labels)
    found: Labels | tuple[Labels, ...]
    found = _for_each("labels", labels, replicas, f"{_LABELS}, or a list of one for each replica", _labels)
    return found


def checked_resources(resources: Any) -> Resources:
    """Return the setting ``resources``: amounts above 0 by their names.

    Raises:
        ConfigError: no such amounts, or one that has a setting of its own.
    """
    given = checks.instance("resources", resources, Mapping, _RESOURCES)
    for name in given:
        if _name("resources", name) in OWN_AMOUNTS or name in ("CPU", "GPU"):
            raise ConfigError(f"expected `resources` beside {', '.join(OWN_AMOUNTS)}, got {name}; use those settings")
    return {name: checks.real_number(f"resources[{name}]", each, above=0) for name, each in sorted(given.items())}


def number(amount: float) -> str:
    """Return an amount as the shortest text that is read back."""
    return str(int(amount)) if float(amount).is_integer() else repr(float(amount))


def node_text(node: str | tuple[str, ...]) -> str:
    """Return the setting ``node`` as the text of a stage has it."""
    return node if isinstance(node, str) else "|".join(node)


def pairs_text(several: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> str:
    """Return labels or resources as the text of a stage has them."""
    each = [several] if isinstance(several, Mapping) else several
    return "|".join("+".join(f"{name}={_word(value)}" for name, value in one.items()) for one in each)


def toml_value(value: Any) -> str:
    """Return a setting of this module as TOML."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(name)} = {toml_value(each)}" for name, each in value.items()) + "}"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    return json.dumps(value) if isinstance(value, str) else number(value)


def settings_in(words: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Return the words of a stage's text that are not of this module, and the settings that the others give.

    Args:
        words: such as ``["2x2", "node=a|b", "worker=1"]``.

    Raises:
        ConfigError: a label or resource without ``=``, or the same setting twice.
    """
    rest, found = [], dict[str, Any]()
    for word in words:
        name, _, value = word.partition("=")
        if name not in _OF_TEXT:
            rest.append(word)
            continue
        if name in found:
            raise ConfigError(f"expected each setting once, got `{name}` twice; take one away")
        each = [_OF_TEXT[name](part) for part in value.split("|")]
        found[name] = each if len(each) > 1 else each[0]
    return rest, found


def _word(value: Any) -> str:
    return value if isinstance(value, str) else number(value)


def _labels_of(text: str) -> dict[str, str]:
    found = {}
    for pair in text.split("+") if text else ():
        name, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError(f"expected a name and a value such as zone=east, got {shown(pair)}")
        found[name] = value
    return found


def _resources_of(text: str) -> dict[str, Any]:
    return {name: _amount_of(value) for name, value in _labels_of(text).items()}


def _amount_of(text: str) -> float | str:
    """Return an amount; what is none stays text, which is refused where it is checked."""
    try:
        return float(text)
    except ValueError:
        return text


_OF_TEXT: Mapping[str, Callable[[str], Any]] = {"node": str, "labels": _labels_of, "resources": _resources_of}


def _name(setting: str, name: Any) -> str:
    if not _NAME.fullmatch(checks.text(setting, name)):
        raise ConfigError(
            f"expected `{setting}` to have names of letters, digits and . _ - / alone, got {shown(name)}; correct it"
        )
    return str(name)


def _name_or_any(name: Any) -> str:
    return "" if isinstance(name, str) and not name else _name("node", name)


def _labels(labels: Any) -> Labels:
    given = checks.instance("labels", labels, Mapping, _LABELS)
    return {_name("labels", name): _name("labels", value) for name, value in sorted(given.items())}


def _for_each(setting: str, given: Any, replicas: int, wanted: str, checked: Callable[[Any], Any]) -> Any:
    """Return one for each replica; the one itself where all are equal."""
    each = tuple(checked(one) for one in checks.several(setting, given, wanted))
    if len(each) != replicas:
        raise ConfigError(f"expected `{setting}` to be one for each of {counted(replicas, 'replica')}, got {len(each)}")
    return each if any(one != each[0] for one in each) else each[0]
