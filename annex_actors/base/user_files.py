"""Files of the user's own Python, run before a training: they may register schedules."""

from __future__ import annotations

import runpy
import traceback
from pathlib import Path

from annex_actors.base.errors import ConfigError


def run_user_file(path: str | Path) -> None:
    """Run a Python file for what it registers.

    Raises:
        ConfigError: no such file, or what it raised, with its line; the cause is chained.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise ConfigError(f"expected a Python file to load at {path}, got none; check the path")
    try:
        runpy.run_path(str(file), run_name=file.stem)
    except Exception as error:
        lines = [each.lineno for each in traceback.extract_tb(error.__traceback__) if each.filename == str(file)]
        line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
        where = f"{path}, line {line}" if line else f"{path}"
        raise ConfigError(f"expected {where}, to run, got {type(error).__name__}: {error}") from error
