"""A walk as JSON: the settings of its run, its moves, and what was seen at its end, to compare with when repeated."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from annex_actors.base.errors import ConfigError, message_of
from annex_actors.base.files import SMALL, read_file, reason
from annex_actors.base.shown import shown
from annex_actors.stepping.point import Point
from annex_actors.stepping.walk import Walk

VERSION = 1
"""Of the form of a saved walk."""


@dataclass(frozen=True)
class SavedWalk:
    """A walk that was saved.

    Args:
        settings: of its run, as those of a config file.
        seed: of its random moves.
        moves: as lines of text.
        seen: the fingerprint of the point at its end.
    """

    settings: Mapping[str, Any]
    seed: int
    moves: tuple[str, ...]
    seen: str

    def to_json(self) -> str:
        """Return it as JSON."""
        return json.dumps({"annex_actors_walk": VERSION, **asdict(self)}, indent=1)


def saved(walk: Walk, settings: Mapping[str, Any]) -> SavedWalk:
    """Return a walk up to where it is, as it can be saved.

    Args:
        walk: the walk.
        settings: those that `annex_actors.runs.config.resolve` makes its run from.
    """
    moves = tuple(str(move) for move in walk.moves[: walk.number])
    return SavedWalk(settings, walk.seed, moves, fingerprint(walk.point()))


def fingerprint(point: Point) -> str:
    """Return the SHA-256, in hex, of all that is seen at a point, but for what was gone back over."""
    content = {**as_json(point), "length": point.number}
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def as_json(point: Point) -> dict[str, Any]:
    """Return a point as JSON takes it: numbers that are not finite are text."""
    return {name: _plain(value) for name, value in asdict(point).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, tuple | list) else value


def read_walk(path: Path) -> SavedWalk:
    """Return the walk in a file.

    Raises:
        ConfigError: it cannot be read, or holds no walk.
    """
    try:
        found = json.loads(read_file(path, limit=SMALL))
    except OSError as error:
        raise ConfigError(f"expected a saved walk in {path}, got {reason(error)}; check the path") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"expected a saved walk in {path}, got no JSON: {message_of(error)}") from error
    return _walk_of(found, path)


def _walk_of(found: Any, path: Path) -> SavedWalk:
    version = found.get("annex_actors_walk") if isinstance(found, dict) else None
    if version != VERSION:
        raise ConfigError(f"expected a saved walk of version {VERSION} in {path}, got {shown(version)}")
    kinds = {"settings": dict, "seed": int, "moves": list, "seen": str}
    for name, kind in kinds.items():
        if not isinstance(found.get(name), kind):
            raise ConfigError(f"expected `{name}` of the walk in {path} to be of type {kind.__name__}")
    moves = tuple(found["moves"])
    if not all(isinstance(each, str) for each in moves):
        raise ConfigError(f"expected `moves` of the walk in {path} to be lines of text")
    return SavedWalk(found["settings"], found["seed"], moves, found["seen"])


def repeat(walk: Walk, before: SavedWalk) -> str | None:
    """Make the moves of a saved walk, from the beginning.

    Returns:
        What differs from what was seen when it was saved; None: nothing.

    Raises:
        ConfigError: a move is not possible: it is a walk through another program.
    """
    for index, move in enumerate(before.moves):
        try:
            walk.make(move)
        except ConfigError as error:
            raise ConfigError(f"move {index + 1} of the walk, {shown(move)}, is not possible: {error}") from None
    if fingerprint(walk.point()) == before.seen:
        return None
    return (
        "what is seen here is not what was seen when the walk was saved: another version or machine rounds differently"
    )
