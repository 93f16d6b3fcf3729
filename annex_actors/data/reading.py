"""The error for a file that could not be read, the same for every format."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from annex_actors.base.errors import DataError


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Name ``path`` in every `DataError` raised inside, and turn an OSError into a `DataError` of one line."""
    try:
        yield
    except FileNotFoundError:
        raise DataError(f"expected a file at {path}, got none; check the path") from None
    except OSError as error:
        raise DataError(f"expected a readable file at {path}, got {error.strerror or error}; check the path") from error
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
