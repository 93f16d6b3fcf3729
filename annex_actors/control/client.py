"""Ask a run that goes on, from any process of its user."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self

from pydantic import ValidationError

from annex_actors.base.errors import AnnexError, ConfigError, DataError, UserError
from annex_actors.control import place
from annex_actors.control.findings import Diagnosis
from annex_actors.control.requests import Killed, KilledActors, Moved, Request, Response
from annex_actors.control.status import Status

TIMEOUT_S = 5.0
"""Seconds to wait for an answer: other requests may be before it, such as an examination."""

_LONGEST = 64 * 2**20
"""Bytes of an answer: of a run with a hundred thousand actors."""


class NotRunningError(UserError):
    """Nothing answers for the run: no process works on it, or that process has no socket."""


class SilentError(AnnexError):
    """A process works on the run, and does not answer."""


class Client:
    """A connection to a run that goes on; a context manager. Several threads may use it, one after another.

    Args:
        folder: the run's.
        timeout_s: seconds to wait for each answer.

    Raises:
        NotRunningError: nothing listens in the folder.
    """

    def __init__(self, folder: Path, *, timeout_s: float = TIMEOUT_S) -> None:
        self._folder = folder
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        try:
            with place.reachable(folder) as path:
                self._socket.connect(path)
        except TimeoutError as error:
            self._socket.close()
            raise self._silent() from error
        except OSError as error:
            self._socket.close()
            raise NotRunningError(f"expected a run that goes on, got {folder}, where nothing answers") from error
        self._stream = self._socket.makefile("rb")
        self._lock = Lock()
        """Held from a request until its answer, which would else be given to another thread."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()
        self._socket.close()

    def status(self) -> Status:
        """Return the run as it is now; of the second look on, rates are those since the last one."""
        return Status.model_validate(self._ask(Request(method="status")))

    def doctor(self) -> Diagnosis:
        """Return what is wrong with the run's actors; takes about a second."""
        return Diagnosis.model_validate(self._ask(Request(method="doctor")))

    def stop(self) -> None:
        """Ask the run to end as Ctrl-C would; it may end before it answers."""
        with suppress(NotRunningError):
            self._ask(Request(method="stop"))

    def kill(self, actor: str) -> tuple[Killed, ...]:
        """Kill an actor, or all replicas of a layer at once, which their supervisor restarts; return what was killed.

        Args:
            actor: the index of a layer, ``2:1`` for replica 1 of layer 2 alone, an id such as ``stage-1``, or a part of
                a label.

        Raises:
            ConfigError: there is no such actor, or more than one that are not the replicas of a layer.
        """
        return KilledActors.model_validate(self._ask(Request(method="kill", actor=actor))).actors

    def move(self, actor: str, worker: str | None = None) -> Moved:
        """Move an actor to another worker; its supervisor starts it there.

        Args:
            actor: a layer or the reader, as of `kill`.
            worker: ``thread`` or ``process``; None: the one where it does not live.

        Raises:
            ConfigError: there is no such actor, or more than one; it cannot be moved, or not there.
        """
        return Moved.model_validate(self._ask(Request(method="move", actor=actor, worker=worker)))

    def _ask(self, request: Request) -> Any:
        """Return the result of a request.

        Raises:
            NotRunningError: the run has ended.
            SilentError: it does not answer.
            ConfigError: it refuses; the message says why.
        """
        try:
            with self._lock:
                with suppress(BrokenPipeError):  # it has refused already, and its line says why
                    self._socket.sendall(request.model_dump_json(exclude_none=True).encode() + b"\n")
                line = self._stream.readline(_LONGEST)
        except TimeoutError as error:
            raise self._silent() from error
        except OSError as error:
            raise self._ended() from error
        if not line:
            raise self._ended()
        return self._result(line)

    def _result(self, line: bytes) -> Any:
        try:
            answer = Response.model_validate_json(line)
        except ValidationError as error:
            raise DataError(f"expected an answer of a run in {self._folder}, got something else") from error
        if answer.error is not None:
            raise ConfigError(answer.error)
        return answer.result

    def _ended(self) -> NotRunningError:
        return NotRunningError(f"expected a run that goes on, got {self._folder}, which has just ended")

    def _silent(self) -> SilentError:
        return SilentError(f"the process that works on {self._folder} does not answer within {TIMEOUT_S:g} s")
