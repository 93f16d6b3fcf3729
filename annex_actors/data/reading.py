"""One way to say that a file could not be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from annex_actors.base.errors import DataError


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Name ``path`` in every error raised inside, and say what the file system says as a `DataError` of one line."""
    try:
        yield
    except FileNotFoundError:
        raise DataError(f"expected a file at {path}, got none; check the path") from None
    except OSError as error:
        raise DataError(f"expected a readable file at {path}, got {error.strerror or error}; check the path") from error
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
