"""The table of transforms by name, and chains of transforms as text, such as ``impute:median standardise``.

`register_transform` adds your own transforms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from annex_actors.base import checks
from annex_actors.base.calls import parse_call, usage_of
from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import shown
from annex_actors.base.tables import Table
from annex_actors.data.transforms.categories import OneHot, Ordinal, TargetMean
from annex_actors.data.transforms.dates import DateParts
from annex_actors.data.transforms.imputing import Impute
from annex_actors.data.transforms.scaling import Drop, Log, MinMax, Passthrough, Pca, Quantile, Robust, Standardise
from annex_actors.data.transforms.texts import BagOfWords, Hashing, Tokens
from annex_actors.data.transforms.transform import Transform

_Class = TypeVar("_Class", bound=Callable[..., Transform])

TRANSFORMS: Table[Callable[..., Transform]] = Table(
    "transform",
    {
        "standardise": Standardise,
        "robust": Robust,
        "minmax": MinMax,
        "quantile": Quantile,
        "log": Log,
        "impute": Impute,
        "one_hot": OneHot,
        "ordinal": Ordinal,
        "target_mean": TargetMean,
        "hashing": Hashing,
        "date_parts": DateParts,
        "bag_of_words": BagOfWords,
        "tokens": Tokens,
        "pca": Pca,
        "passthrough": Passthrough,
        "drop": Drop,
    },
)
"""The transforms by name; `register_transform` adds your own."""

_MEMBERS = ("name", "spec", "fit", "apply")
_EXAMPLE = 'transforms such as "impute:median standardise"'


def register_transform(name: str, transform: _Class) -> _Class:
    """Register your own transform by name; return its class.

    Its fields are its settings, which follow the name, as in ``mine:power=2.0``.

    Args:
        name: one word; it replaces your earlier transform of that name.
        transform: a dataclass with the members of `Transform`.

    Raises:
        ConfigError: the name is one of this package's or not a single word, or ``transform`` is not such a class.
    """
    if not checks.is_dataclass_with(transform, _MEMBERS):
        raise ConfigError(
            f"expected `transform` to be a dataclass with {', '.join(_MEMBERS)}, got {shown(transform)}; "
            "register the class itself"
        )
    TRANSFORMS.register(name, transform)
    return transform


def parse_transforms(text: str, place: str = "transforms") -> tuple[Transform, ...]:
    """Return the transforms that a text describes, separated by blanks, in the order in which they are applied.

    Args:
        text: such as ``impute:median standardise`` or ``one_hot:max_categories=50``.
        place: what the text belongs to, for errors.

    Raises:
        ConfigError: an unknown transform, a wrong setting, or no transform.
    """
    words = checks.text(place, text, wanted=_EXAMPLE).split()
    if not words:
        raise ConfigError(f'expected `{place}` to be {_EXAMPLE}, got an empty text; "drop" leaves a column out')
    return tuple(_parsed(word, place) for word in words)


def text_of(transforms: tuple[Transform, ...]) -> str:
    """Return the text of transforms; the inverse of `parse_transforms`."""
    return " ".join(each.spec() for each in transforms)


def _parsed(word: str, place: str) -> Transform:
    name = word.partition(":")[0]
    constructor = TRANSFORMS[name] if name in TRANSFORMS else checks.unknown(place, name, TRANSFORMS)
    usage = f"`{place}` as {usage_of(name, constructor)}"
    return parse_call(word, usage=usage).make(constructor, usage=usage, text=word, place=place)
