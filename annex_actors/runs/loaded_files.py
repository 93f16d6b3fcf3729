"""The Python files that a run needs, and whether they may run: a run's folder may come from anybody.

``config.toml`` names these files under ``load``, and Python runs whatever is in them. So a name in a folder does not
suffice. A file runs if the user names it (``--load``), or if a run of the same user recorded it:

- A run keeps in ``loaded.json`` the path and the SHA-256 of each file as it ran, signed by HMAC with a key of 32 random
  bytes in ``$XDG_STATE_HOME/annex-actors/key`` (by default ``~/.local/state``), which only its user can read. A folder
  brings no such signature from elsewhere.
- Later the signature and the content of the file on this machine are compared. What runs was run by this user before,
  from that path, to the byte.

So a run that was killed is resumed without options, and a file that was edited since is not mistaken for the one that
made the weights. A copied signature permits nothing but what its user has run. A user without a home has no key, and
names the files each time.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import shlex
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from annex_actors.base.errors import ConfigError
from annex_actors.base.files import SMALL, home_folder, read_file
from annex_actors.base.texts import LONGEST, listed
from annex_actors.base.user_files import user_file_sha256

LOADED = "loaded.json"

_KEY_BYTES = 32


class LoadedFiles(BaseModel):
    """The user's Python files that a run has run.

    Args:
        files: the SHA-256 of each, by absolute path.
        signature: of ``files``, by the key of the user whose run this is; empty if there is no key.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    files: Mapping[str, str]
    signature: str

    @classmethod
    def of(cls, load: Sequence[str]) -> Self:
        """Return the signed record of files that this process has run."""
        files = {path: user_file_sha256(path, as_it_ran=True) for path in load}
        return cls(files=files, signature=_signature(files, _key() or _new_key()))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Return the record in a folder; an empty one if there is none, or none that can be read."""
        try:
            return cls.model_validate_json(read_file(folder / LOADED, limit=SMALL))
        except (OSError, ValidationError):
            return cls(files={}, signature="")

    @property
    def is_own(self) -> bool:
        """Whether a run of this user has made the record."""
        expected = _signature(self.files, _key())
        return bool(expected) and hmac.compare_digest(expected.encode(), self.signature.encode("utf-8", "replace"))

    def permits(self, load: Iterable[str]) -> bool:
        """Return whether the record says what was in each of these files, and a run of this user made it."""
        return set(load) <= self.files.keys() and self.is_own


def check_permitted(load: Sequence[str], config: Path) -> None:
    """Check that the files that a config names may run without being named by the user.

    Args:
        load: their paths.
        config: the config's file; the record is beside it.

    Raises:
        ConfigError: they may not, or one of them is missing or has changed; the message says how to permit them.
    """
    recorded = LoadedFiles.read(config.parent)
    if not recorded.permits(load):
        raise ConfigError(
            f"expected the files that `load` lists in {config} to be named by you, "
            f"since no run of yours recorded them; if you trust them, add {_options(load)}"
        )
    for path in load:
        if user_file_sha256(path) != recorded.files[path]:
            raise ConfigError(
                f"expected {path} to be as the run recorded it, got other content; restore it, "
                f"or add {_options([path])} to run it as it is now"
            )


def changes(load: Sequence[str], folder: Path) -> list[str]:
    """Return a warning if the files that a user named have other content than those that a run recorded."""
    recorded = LoadedFiles.read(folder).files
    if not recorded or sorted(map(user_file_sha256, load)) == sorted(recorded.values()):
        return []
    return [f"warning: expected the files that the run was trained with, got {listed(load)} with other content"]


def _options(load: Sequence[str]) -> str:
    """Return the options that name files, as a shell takes them; of long paths or very many only how to write them."""
    options = " ".join(f"--load {shlex.quote(path)}" for path in load)
    return options if len(options) <= 10 * LONGEST else f"--load FILE for {listed(load)}"


def _signature(files: Mapping[str, str], key: bytes) -> str:
    text = json.dumps(dict(files), sort_keys=True)
    return hmac.digest(key, text.encode(), "sha256").hex() if key else ""


def _key_file() -> Path | None:
    folder = home_folder("XDG_STATE_HOME", ".local/state")
    return folder / "key" if folder else None


def _key() -> bytes:
    """Return this user's key; no bytes if there is none."""
    path = _key_file()
    try:
        key = read_file(path, limit=_KEY_BYTES) if path else b""
    except OSError:
        return b""
    return key if len(key) == _KEY_BYTES else b""


def _new_key() -> bytes:
    """Make this user's key and return it; no bytes if it cannot be kept."""
    path = _key_file()
    if path is None:
        return b""
    temporary = path.with_name(f".key.{secrets.token_hex(6)}")
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, secrets.token_bytes(_KEY_BYTES))
            os.fsync(fd)
            os.link(temporary, path)  # not a rename: of two runs that make a key at once, both use the first one's
        finally:
            os.close(fd)
            temporary.unlink()
    return _key()
