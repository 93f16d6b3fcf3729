"""Profiles in the user's cache, under ``$XDG_CACHE_HOME`` or ``~/.cache``; what is in it can be deleted.

What cannot be read or written is not there: it is measured again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from annex_actors.base.errors import DataError
from annex_actors.base.files import SMALL, home_folder, read_file
from annex_actors.placement.profile import Hop, Profile
from annex_actors.training.atomic_files import write_whole


def layers(key: str) -> Profile | None:
    """Return the profile that is kept under this name; None: there is none."""
    content = _read(key)
    try:
        return None if content is None else Profile.from_json(content)
    except DataError:
        return None


def keep_layers(key: str, profile: Profile) -> None:
    """Keep a profile."""
    _write(key, profile.to_json())


def hops(key: str) -> dict[str, Hop]:
    """Return the hops that are kept of a machine, by runtime."""
    content = _read(key)
    try:
        return {} if content is None else Hop.several_from_json(content)
    except DataError:
        return {}


def keep_hops(key: str, found: Mapping[str, Hop]) -> None:
    """Keep the hops of a machine."""
    _write(key, Hop.several_to_json(found))


def _place(key: str) -> Path | None:
    folder = home_folder("XDG_CACHE_HOME", ".cache")
    return None if folder is None else folder / "profiles" / f"{key}.json"


def _read(key: str) -> bytes | None:
    path = _place(key)
    try:
        return None if path is None else read_file(path, limit=SMALL)
    except OSError:
        return None


def _write(key: str, content: str) -> None:
    path = _place(key)
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except OSError:  # a disk that is full, or a home that cannot be written
        return
