"""The user's own Python files, run before any name is looked up, so that what they register has a name."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from types import ModuleType

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, message_of
from annex_actors.base.files import SMALL, read_file, reason, user_path

_SHA256 = "__sha256__"
"""The attribute of a file's module with the SHA-256 of the content that ran."""

_TURN = "__turn__"
"""The attribute of a file's module that says when it was last asked for: the higher, the later."""


def run_user_files(paths: Sequence[str | Path]) -> tuple[str, ...]:
    """Run Python files in order; return their absolute paths, with which another process can run them too.

    Raises:
        ConfigError: see `run_user_file`; or a single path instead of a list.
    """
    files = user_files(paths)
    for file in files:
        run_user_file(file)
    return tuple(str(_resolved(file)) for file in files)


def user_files(paths: Sequence[str | Path]) -> tuple[Path, ...]:
    """Return the paths of files to run, as a user lists them; nothing is opened.

    Raises:
        ConfigError: a single path instead of a list, or something else than a path in it.
    """
    given = checks.several("load", paths, "a list of paths")
    return tuple(checks.path(f"load[{index}]", path) for index, path in enumerate(given))


def run_user_file(path: str | Path, content: bytes | None = None) -> None:
    """Run a Python file for what it registers, once per process, like an import.

    The file becomes a module whose name depends on its path alone. So what it defines can be pickled by name, and
    another process that has run the file can unpickle it. The file's own name will not do: a library may have it.

    Args:
        path: of the file.
        content: what is in it, where it is on another machine; None: it is read.

    Raises:
        ConfigError: there is no such file, or it raised an error; the message gives the line, and the cause is chained.
    """
    file = _resolved(path)
    name = _module_name(file)
    content = user_file_content(path) if content is None else content
    turn = 1 + max((getattr(each, _TURN) for each in _modules()), default=0)
    if name in sys.modules:
        setattr(sys.modules[name], _TURN, turn)
        return
    module = ModuleType(name)
    module.__file__ = str(file)
    setattr(module, _TURN, turn)
    setattr(module, _SHA256, sha256(content).hexdigest())
    sys.modules[name] = module
    try:
        exec(compile(content, str(file), "exec"), module.__dict__)
    except BaseException as error:
        del sys.modules[name]
        if not isinstance(error, Exception | SystemExit):
            raise
        lines = [each.lineno for each in traceback.extract_tb(error.__traceback__) if each.filename == str(file)]
        line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
        where = f"{path}, line {line}" if line else f"{path}"
        raise ConfigError(f"expected {where}, to run, got {type(error).__name__}: {message_of(error)}") from error


def user_module(path: str | Path) -> ModuleType:
    """Return the module of a Python file that `run_user_file` has run; nothing is run here.

    Args:
        path: the file, with its folder. Its name alone counts where no folder is given, or no file there has run,
            since it may have moved; of several with that name, the one that was asked for last.

    Raises:
        ConfigError: no such file has run.
    """
    file = _resolved(path)
    exact = sys.modules.get(_module_name(file))
    if exact is not None and os.path.dirname(path):
        return exact
    named = [each for each in _modules() if Path(str(each.__file__)).name == file.name]
    if not named:
        raise ConfigError(
            f"expected {path} to be a Python file that you name, got none of this name; "
            f"add --load {path}, or in Python load=[{str(path)!r}]"
        )
    return max(named, key=lambda each: int(getattr(each, _TURN)))


def user_file_sha256(path: str | Path, *, as_it_ran: bool = False) -> str:
    """Return the SHA-256, in hex, of the content of a Python file.

    Args:
        path: the file.
        as_it_ran: return that of the content that this process has run, if it has.

    Raises:
        ConfigError: there is no such file.
    """
    module = sys.modules.get(_module_name(_resolved(path))) if as_it_ran else None
    return getattr(module, _SHA256, None) or sha256(user_file_content(path)).hexdigest()


def _modules() -> list[ModuleType]:
    """Return the modules of all files that have run."""
    return [each for each in list(sys.modules.values()) if isinstance(each, ModuleType) and _SHA256 in vars(each)]


def _resolved(path: str | Path) -> Path:
    try:
        return user_path(path).resolve()
    except (RuntimeError, ValueError):  # a loop of links, or a character that no path has
        return user_path(path)


def _module_name(file: Path) -> str:
    return f"{file.stem}_{sha256(os.fsencode(file)).hexdigest()[:12]}"


def user_file_content(path: str | Path) -> bytes:
    """Return the content of a Python file, for another machine to run.

    Raises:
        ConfigError: there is no such file.
    """
    try:
        return read_file(user_path(path), limit=SMALL)
    except OSError as error:
        raise ConfigError(f"expected a Python file to load at {path}, got {reason(error)}; check the path") from None
