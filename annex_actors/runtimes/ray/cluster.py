"""The Ray of this process: joined where one runs, or started here, and shut down after the last run that needs it."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import ray
from ray._private import worker
from ray._private.state import available_resources_per_node

import supervisors
from annex_actors.base.errors import ConfigError, message_of
from annex_actors.placement.places import ClusterNode
from annex_actors.runtimes.ray.facts import PACKAGE
from annex_actors.runtimes.ray.node_names import names
from annex_actors.runtimes.ray.planned_places import AMOUNTS

logger = logging.getLogger(__name__)

_ADDRESS = "RAY_ADDRESS"
_PATH = "PYTHONPATH"
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
"""Variables with which a Ray is started: it reports no use, and its actors are as urgent as any process."""

LOCAL = "local"
"""The address by which Ray is told to start on this machine, whatever runs there already."""


INLINE_BYTES = 640 * 2**10
"""Up to so many bytes, arguments travel in the call itself, and not in the object store; see `runtimes/README.md`."""

ANSWER_S = 10.0
"""Seconds within which a cluster must accept a connection."""


class _Shared:
    """The connection to Ray, of which a process has one: the first of several runs makes it, the last one ends it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._runs = 0
        self._address: str | None = None
        self._printing: Callable[..., None] | None = None

    def connect(self, address: str | None) -> None:
        """Count one run more, and connect where it is the first.

        Raises:
            ConfigError: no cluster answers, or another one is joined already.
        """
        wanted = address or os.environ.get(_ADDRESS) or LOCAL
        with self._lock:
            if not self._runs:
                self._address = None if ray.is_initialized() else wanted
                if self._address is not None:
                    _connect(self._address)
                    self._printing, worker.print_to_stdstream = worker.print_to_stdstream, _log
            elif address is not None and self._address not in (None, address):
                raise ConfigError(
                    f"expected `ray_address` to be {self._address}, as of other work under way in this process, got "
                    f"{address}; wait for that work to end, or do this in another process"
                )
            self._runs += 1

    def disconnect(self) -> None:
        """Count one run less, and end the connection where it was the last, unless the program has made it."""
        with self._lock:
            self._runs -= 1
            if not self._runs and self._address is not None:
                ray.shutdown()
                worker.print_to_stdstream = self._printing


_SHARED = _Shared()


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Connect this process to Ray within the block.

    Args:
        address: see `RayRuntime`.

    Raises:
        ConfigError: no cluster answers at the address.
    """
    _SHARED.connect(address)
    try:
        yield
    finally:
        _SHARED.disconnect()


def nodes() -> dict[str, str]:
    """Return the names of all nodes that are up, by id."""
    return names(ray.nodes())


def placing_nodes() -> dict[str, ClusterNode]:
    """Return all nodes that are up by id, with their labels and what no actor has taken of their resources."""
    free, found = available_resources_per_node(), ray.nodes()
    labels = {each["NodeID"]: each.get("Labels", {}) for each in found}
    return {
        id: ClusterNode(name, labels[id], {AMOUNTS.get(each, each): left for each, left in free.get(id, {}).items()})
        for id, name in names(found).items()
    }


def here() -> str:
    """Return the id of this process's node."""
    return str(ray.get_runtime_context().get_node_id())


def _connect(address: str) -> None:
    settings: dict[str, Any] = {"address": address, "log_to_driver": False, "logging_level": logging.ERROR}
    if address == LOCAL:
        settings |= {"include_dashboard": False, "_system_config": {"max_direct_call_object_size": INLINE_BYTES}}
    else:
        settings |= {"runtime_env": _package()}
    _check_answers(address)
    # What is started inherits the path, and so imports this very package; and actors work as other processes do.
    path = os.pathsep.join(filter(None, [str(PACKAGE.parent), os.environ.get(_PATH)]))
    try:
        with environment({**QUIET, _PATH: path}):
            ray.init(**settings)
    except Exception as error:
        got = f"{type(error).__name__}: {message_of(error).partition(chr(10))[0]}"
        raise ConfigError(f"expected a Ray cluster at {address}, got {got}; check the address") from error


def _check_answers(address: str) -> None:
    """Find out in seconds whether anything listens at an address; Ray tries for minutes.

    Raises:
        ConfigError: nothing does.
    """
    host, colon, port = address.rpartition(":")
    if not colon or "/" in host or not port.isdecimal():
        return  # a name that Ray understands
    try:
        socket.create_connection((host, int(port)), timeout=ANSWER_S).close()
    except OSError as error:
        raise ConfigError(f"expected a Ray cluster at {address}, got {error}; check the address") from error


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment within the block."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _log(data: Mapping[str, Any], **_settings: object) -> None:
    """Log what Ray would print to the standard output: the deaths of actors, of which observers hear in our words."""
    logger.info("Ray says: %s", " ".join(data["lines"]))


def _package() -> dict[str, Any]:
    """Return what takes this version of this package to the nodes."""
    packages = [str(PACKAGE), str(Path(str(supervisors.__file__)).parent)]
    return {"py_modules": packages, "excludes": ["**/__pycache__/**"]}
