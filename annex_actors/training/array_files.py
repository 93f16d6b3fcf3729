"""Arrays in the content of a safetensors file, which holds nothing that could run."""

from __future__ import annotations

import json

from safetensors.numpy import load

from annex_actors.base.errors import DataError, message_of
from annex_actors.base.types import Array


def arrays_in(content: bytes) -> tuple[dict[str, Array], dict[str, str]]:
    """Return the arrays in a file's content by name, and its metadata.

    Raises:
        DataError: the content is not that of such a file.
    """
    try:
        arrays = load(content)
        size = int.from_bytes(content[:8], "little")  # safetensors reads the metadata from files only
        metadata = json.loads(content[8 : 8 + size]).get("__metadata__") or {}
        return arrays, metadata
    except Exception as error:  # safetensors raises errors of several types where bytes are damaged
        raise DataError(f"expected arrays as safetensors writes them, got: {message_of(error)}") from error
