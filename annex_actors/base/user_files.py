"""The user's own Python files, run before any name is looked up, so that what they register has a name."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from types import ModuleType

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError


def run_user_files(paths: Sequence[str | Path]) -> tuple[str, ...]:
    """Run Python files in order; return their absolute paths, with which another process can run them too.

    Raises:
        ConfigError: see `run_user_file`; or a single path instead of a list.
    """
    given = checks.several("load", paths, "a list of paths")
    files = [checks.path(f"load[{index}]", path) for index, path in enumerate(given)]
    for file in files:
        run_user_file(file)
    return tuple(str(file.expanduser().resolve()) for file in files)


def run_user_file(path: str | Path) -> None:
    """Run a Python file for what it registers, once per process, like an import.

    The file becomes a module whose name depends on its path alone. So what it defines can be pickled by name, and
    another process that has run the file can unpickle it. The file's own name will not do: a library may have it.

    Raises:
        ConfigError: there is no such file, or it raised an error; the message gives the line, and the cause is chained.
    """
    file = Path(path).expanduser().resolve()
    if not file.is_file():
        raise ConfigError(f"expected a Python file to load at {path}, got none; check the path")
    name = f"{file.stem}_{sha256(str(file).encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return
    module = ModuleType(name)
    module.__file__ = str(file)
    sys.modules[name] = module
    try:
        exec(compile(file.read_bytes(), str(file), "exec"), module.__dict__)
    except BaseException as error:
        del sys.modules[name]
        if not isinstance(error, Exception):
            raise
        lines = [each.lineno for each in traceback.extract_tb(error.__traceback__) if each.filename == str(file)]
        line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
        where = f"{path}, line {line}" if line else f"{path}"
        raise ConfigError(f"expected {where}, to run, got {type(error).__name__}: {error}") from error
