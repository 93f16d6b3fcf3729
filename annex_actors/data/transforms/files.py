"""A preparation in two files that hold nothing that could run: a JSON text and arrays as safetensors.

The text names the SHA-256 of the arrays, so that a pair of two preparations is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from safetensors import numpy as safetensors

from annex_actors.base.errors import DataError, UserError, message_of
from annex_actors.base.files import SMALL, read_file, reading, writing
from annex_actors.base.types import Array

_Made = TypeVar("_Made")

_VERSION = 1


def written(state: Mapping[str, Any], arrays: Mapping[str, Array]) -> tuple[str, bytes]:
    """Return a state as the JSON text and the content of the file of arrays."""
    content = safetensors.save(dict(arrays))
    whole = {"version": _VERSION, "arrays_sha256": hashlib.sha256(content).hexdigest(), **state}
    return json.dumps(whole, indent=1), content


def read(text: str, content: bytes, make: Callable[[Mapping[str, Any], Mapping[str, Array]], _Made]) -> _Made:
    """Return what ``make`` makes of the state and the arrays.

    Raises:
        DataError: another text or content, or a pair that does not belong together.
    """
    try:
        state = json.loads(text)
        if state["version"] != _VERSION:
            raise DataError(f"expected a preparation of version {_VERSION}, got {state['version']}; update the package")
        if state["arrays_sha256"] != hashlib.sha256(content).hexdigest():
            raise DataError("expected the arrays that the text was written with, got others; copy both files together")
        return make(state, safetensors.load(content))
    except UserError:
        raise
    except Exception as error:  # damaged text and bytes raise errors of many types
        raise DataError(f"expected a preparation as `save` writes it, got: {message_of(error)}") from error


def save(path: Path, text: str, content: bytes) -> None:
    """Write the pair of files beside each other; an OSError is a `ConfigError` of one line."""
    for each, data in zip(_pair(path), (text.encode(), content), strict=True):
        with writing(each):
            each.write_bytes(data)


def load(path: Path) -> tuple[str, bytes]:
    """Return the pair of files; an OSError is a `DataError` of one line."""
    text, arrays = _pair(path)
    with reading(text):
        content = read_file(text, limit=16 * SMALL)
    with reading(arrays):
        return content.decode(errors="replace"), read_file(arrays)


def _pair(path: Path) -> tuple[Path, Path]:
    return path.with_name(f"{path.name}.json"), path.with_name(f"{path.name}.safetensors")
