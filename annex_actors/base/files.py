"""Open files that somebody named, or that a folder from anywhere holds.

A path may lead to a pipe, on which a reader waits for ever, to a device without end, to a loop of links or to a file
that no memory holds. So each file is looked at before it is opened, and only a regular file is, of a size that it may
have. What is wrong is an OSError whose `strerror` says what was found; `reading` and `writing` make a line of it that
says what was expected.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from annex_actors.base.errors import ConfigError, DataError
from annex_actors.base.words import counted

SMALL = 16 * 2**20
"""The most bytes of a file that people write, and of the descriptions in a run's folder."""

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFLNK: "a link",
    stat.S_IFREG: "a file",
}


def user_path(path: str | Path) -> Path:
    """Return a path as people write it: ``~`` is a home folder, where there is one."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # no such user
        return Path(path)


def home_folder(variable: str, default: str) -> Path | None:
    """Return this package's folder of one kind in the user's home; None if the user has no home.

    Args:
        variable: of the XDG base directory specification, such as ``XDG_CACHE_HOME``; a relative path does not count.
        default: where that kind of folder is in a home without the variable, such as ``.cache``.
    """
    given = Path(os.environ.get(variable, ""))
    try:
        base = given if given.is_absolute() else Path.home() / default
    except RuntimeError:
        return None
    return base / "annex-actors"


def open_file(path: Path, *, limit: int | None = None) -> BinaryIO:
    """Open a regular file for reading; a link to one too.

    Args:
        path: the file.
        limit: the most bytes that it may have; by default as many as this machine has memory.

    Raises:
        OSError: there is none, it is something else, or it is larger; ``strerror`` says which.
    """
    limit = memory() if limit is None else limit
    try:
        # First without opening it: to open a pipe or a device has effects of its own.
        _check(path, os.stat(path), limit)
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        got = "a link to nothing" if os.path.islink(path) else "none"
        raise FileNotFoundError(errno.ENOENT, got, str(path)) from None
    except (OSError, ValueError) as error:
        raise _in_words(error, path) from None
    try:
        _check(path, os.fstat(fd), limit)
        return os.fdopen(fd, "rb")
    except BaseException:
        os.close(fd)
        raise


def read_file(path: Path, *, limit: int | None = None) -> bytes:
    """Return a regular file's content; for arguments and errors see `open_file`."""
    with open_file(path, limit=limit) as file:
        return file.read(os.fstat(file.fileno()).st_size)


def open_in_place(path: Path, flags: int) -> int:
    """Open a regular file that is changed where it is, or make it; return its descriptor.

    Never through a link, and never a file that has a second name: what is written would be written elsewhere too.

    Args:
        path: the file.
        flags: of `os.open`, such as ``os.O_RDWR``.

    Raises:
        OSError: it is something else, or cannot be opened or made; ``strerror`` says which.
    """
    check_in_place(path)
    try:
        fd = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise _in_words(error, path) from None
    try:
        _check_own(path, os.fstat(fd))
    except BaseException:
        os.close(fd)
        raise
    return fd


def check_in_place(path: Path) -> None:
    """Check that `open_in_place` would open what is at ``path``, or make a file; for errors see there."""
    found = _lstat(path)
    if found is not None:
        _check_own(path, found)


def check_replaceable(path: Path) -> None:
    """Check that a file may be renamed to ``path``: there is none, or a regular file, or a link, which is replaced.

    Raises:
        OSError: it is something else; ``strerror`` says what.
    """
    found = _lstat(path)
    if found is not None and not stat.S_ISLNK(found.st_mode):
        _check(path, found)


def check_folder(path: Path) -> None:
    """Check that there is a folder at ``path``, or nothing; a link to one is neither.

    Raises:
        OSError: it is something else; ``strerror`` says what.
    """
    found = _lstat(path)
    if found is not None and not stat.S_ISDIR(found.st_mode):
        raise OSError(errno.ENOTDIR, _kind(found), str(path))


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Name ``path`` in every `DataError` raised inside, and turn an OSError into a `DataError` of one line."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"expected a file at {path}, got {reason(error)}; check the path") from None
    except OSError as error:
        raise DataError(f"expected a readable file at {path}, got {reason(error)}; check the path") from error
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


@contextmanager
def writing(path: Path, what: str = "a file") -> Iterator[None]:
    """Turn an OSError raised inside into a `ConfigError` of one line; ``what`` is to be written at ``path``."""
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"expected {what} that can be written at {path}, got {reason(error)}; correct that, and try again"
        ) from error


def reason(error: OSError) -> str:
    """Return what was found or went wrong, in words, without a number and a path."""
    return error.strerror or str(error) or type(error).__name__


def memory() -> int:
    """Return how many bytes of memory this machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _lstat(path: Path) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _in_words(error, path) from None


def _check(path: Path, found: os.stat_result, limit: int | None = None) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, _kind(found), str(path))
    if limit is not None and found.st_size > limit:
        got = f"one of {counted(found.st_size, 'byte')}, more than the {limit:,} that it may have"
        raise OSError(errno.EFBIG, got, str(path))


def _check_own(path: Path, found: os.stat_result) -> None:
    _check(path, found)
    if found.st_nlink > 1:
        raise OSError(errno.EMLINK, "a file that has another name too", str(path))


def _kind(found: os.stat_result) -> str:
    return _KINDS.get(stat.S_IFMT(found.st_mode), "something else")


def _in_words(error: OSError | ValueError, path: Path) -> OSError:
    """Return the error that says what was found instead of a file."""
    if not isinstance(error, OSError):  # a character that no name of a file can have
        return OSError(errno.EINVAL, "a path that no file can have", str(path))
    if error.errno == errno.ELOOP:
        return OSError(errno.ELOOP, "a loop of links", str(path))
    return error
