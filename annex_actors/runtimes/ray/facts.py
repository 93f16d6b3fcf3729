"""What the bits of a run depend on, of a node: they are compared before a peer starts there."""

from __future__ import annotations

import platform
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_info

from annex_actors.base.errors import ConfigError
from annex_actors.base.texts import listed

PACKAGE = Path(__file__).parents[2]


class Facts(NamedTuple):
    """The versions of a node; of this package a hash of its sources."""

    python: str
    numpy: str
    blas: str
    annex_actors: str


def facts() -> Facts:
    """Return those of this process."""
    return Facts(platform.python_version(), np.__version__, _blas(), _sources())


def _sources() -> str:
    """Return a hash of the sources of this package, which need not be installed where it came by way of Ray."""
    digest = sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(f"{path.relative_to(PACKAGE).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _blas() -> str:
    """Return the BLAS library that NumPy calls, and its kernel; others depend on what a process has imported."""
    libraries = [each for each in threadpool_info() if each["user_api"] == "blas"]
    own = [each for each in libraries if "numpy" in each["filepath"]] or libraries[:1]
    return " ".join(f"{each['internal_api']} {each['version']} {each.get('architecture')}" for each in own) or "unknown"


def compare(ours: Facts, theirs: Facts, node: str) -> None:
    """Refuse a node that would compute other bits.

    Raises:
        ConfigError: it has other versions; the message names them and the node.
    """
    different = [
        f"{name} {there} and not {here}"
        for name, here, there in zip(Facts._fields, ours, theirs, strict=True)
        if here != there
    ]
    if different:
        raise ConfigError(
            f"expected node {node} to have the versions of this process, or bits would differ, got "
            f"{listed(different)}; install the same there, or place no layer on it"
        )
