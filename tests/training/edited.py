"""Checkpoint files as an editor leaves them who computed the checksum as well."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from safetensors import safe_open
from safetensors.numpy import save

from annex_actors.base.types import Array
from annex_actors.training import checkpoint_files

Change: TypeAlias = Callable[[dict[str, Array], dict[str, str]], object]
"""Changes the arrays and the texts of a file, in place."""


def edit(path: Path, change: Change) -> None:
    """Change a checkpoint's file, and give it the right checksum."""
    with safe_open(path, framework="numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dict
        texts = {name: text for name, text in file.metadata().items() if name != "crc32"}
    change(arrays, texts)
    path.write_bytes(save(arrays, {**texts, "crc32": checkpoint_files._checksum(arrays, texts)}))
