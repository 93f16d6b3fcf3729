"""Which columns a text names: those to predict, and those of which it is said how they are transformed."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TypeAlias

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, DataError
from annex_actors.base.shown import shown
from annex_actors.base.texts import listed, shortened
from annex_actors.data.tables.columns import Table
from annex_actors.data.transforms.table import parse_transforms
from annex_actors.data.transforms.transform import Transform

Label: TypeAlias = str | int | Sequence[str] | None
"""Which columns to predict; see `Preparation.fit`."""

Choices: TypeAlias = Mapping[tuple[str, ...], tuple[tuple[Transform, ...], str]]
"""The transforms of some columns and why, by the names of those that are transformed together, in the table's order."""

_WHOLE, _MOST = re.compile(r"-?[0-9]{1,9}"), 2**31


def labels_named(table: Table, label: Label) -> tuple[str, ...]:
    """Return the names of the columns to predict.

    Args:
        table: at least one column.
        label: see `Preparation.fit`.

    Raises:
        DataError: an unknown column, or one that is named twice.
        ConfigError: something else than names and indices.
    """
    if isinstance(label, str) and label not in table and "," in label:
        label = [part.strip() for part in label.split(",")]
    if label is None or isinstance(label, str | int):
        return (_label_named(table, label),)
    given = checks.several("label", label, "a column's name, or a list of names")
    names = tuple(_label_named(table, each) for each in given)
    if not names or len(set(names)) < len(names):
        raise DataError(f"expected at least one label, each a column of its own, got {listed(names)}; correct it")
    return names


def chosen_transforms(
    table: Table, labels: Sequence[str], transforms: Mapping[str, str] | None, drop: Mapping[str, str] | None = None
) -> Choices:
    """Return the transforms that are asked for, and why.

    A name with commas or wildcards that no column has stands for several, without those that are named by themselves
    elsewhere.

    Args:
        table: at least one column.
        labels: the columns to predict, which take none.
        transforms: as text, by name; see `Preparation.fit`.
        drop: why a column is left out, by its name; whatever ``transforms`` says of it.

    Raises:
        DataError: an unknown column.
        ConfigError: an unknown transform, a wrong setting, or a column that is named twice.
    """
    given = checks.instance("transforms", {} if transforms is None else transforms, Mapping, "texts by column name")
    left_out = {} if drop is None else drop
    places = {name: place for place, name in enumerate(table.names) if name not in labels}
    for name in left_out:
        _check_known(name, places)
    parts = {key: _parts(table, checks.text("transforms", key)) for key in given}
    exact = {*left_out, *(part for each in parts.values() for part in each if part in table)}
    blocks = {key: _matched(each, places, exact) for key, each in parts.items()}
    _check_once(blocks)
    chosen = {
        tuple(name for name in blocks[key] if name not in left_out): (steps, "")
        for key, steps in _parsed(given).items()
    }
    chosen.pop((), None)  # all of its columns are left out
    return chosen | {(name,): (parse_transforms("drop"), why) for name, why in left_out.items()}


def _parts(table: Table, key: str) -> list[str]:
    return [key] if key in table else [part.strip() for part in key.split(",")]


def _matched(parts: Iterable[str], places: Mapping[str, int], exact: Container[str]) -> tuple[str, ...]:
    """Return the columns that the parts of a key name, in the table's order."""
    found = list[str]()
    for part in parts:
        if part in places:
            found.append(part)
            continue
        matching = [name for name in places if name not in exact and fnmatchcase(name, part)]
        if not matching:
            _check_known(part, places)
        found += matching
    return tuple(sorted(found, key=places.__getitem__))


def _check_known(name: str, known: Mapping[str, int]) -> None:
    if name not in known:
        raise DataError(f"expected columns among {listed(known)}, got {shown(name)}{checks.did_you_mean(name, known)}")


def _check_once(blocks: Mapping[str, Sequence[str]]) -> None:
    taken = dict[str, str]()
    for key, names in blocks.items():
        for name in names:
            if name in taken:
                places = " and ".join(shown(each) for each in dict.fromkeys((taken[name], key)))
                twice = f"{shortened(name)} twice, by {places}"
                raise ConfigError(f"expected each column once in `transforms`, got {twice}; name it once")
            taken[name] = key


def _parsed(given: Mapping[str, str]) -> dict[str, tuple[Transform, ...]]:
    """Return the transforms by key; each text is read once, since thousands of columns may have a few texts."""
    known, parsed = dict[str, tuple[Transform, ...]](), dict[str, tuple[Transform, ...]]()
    for key, text in given.items():
        if not isinstance(text, str) or text not in known:
            known[text] = parse_transforms(text, f"transforms.{key}")
        parsed[key] = known[text]
    return parsed


def _label_named(table: Table, label: str | int | None) -> str:
    known, width = table.names, len(table.names)
    if isinstance(label, str):
        if label in table:
            return label
        index = int(label) if _WHOLE.fullmatch(label) else width
    else:
        index = -1 if label is None else checks.whole_number("label", label, at_least=-_MOST, limit=_MOST)
    if -width <= index < width:
        return known[index]
    hint = checks.did_you_mean(label, known) or "; give a name or an index"
    raise DataError(f"expected the label column to be one of {listed(known)}, got {shown(label)}{hint}")
