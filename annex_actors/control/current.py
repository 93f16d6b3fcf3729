"""A run as it is now, whether a process works on it or not: then its files show how far it came."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import psutil

from annex_actors.base.errors import ConfigError, message_of
from annex_actors.control.client import Client, NotRunningError, SilentError
from annex_actors.control.findings import Diagnosis
from annex_actors.control.requests import Killed, Moved
from annex_actors.control.status import ActorStatus, RunState, Status
from annex_actors.runs.run_lock import holder_of


def status_of(run: Path) -> Status:
    """Return a run as it is now.

    Raises:
        SilentError: a process works on it, and does not answer.
        UserError: its files are missing or damaged.
    """
    with suppress(NotRunningError), Client(run) as client:
        return client.status()
    # Imported here: to read a saved run takes longer to import than to ask a run that goes on.
    from annex_actors.control.from_files import status_from_files

    return status_from_files(run, holder_of(run))


def diagnosis_of(run: Path) -> Diagnosis:
    """Return what is wrong with a run, also where that is its own process.

    Raises:
        ConfigError: it has ended, and so nothing of it is left to examine.
    """
    pid = holder_of(run)
    if pid is not None and _is_stopped(pid):
        return _ill(run, f"process {pid}, which works on it, is stopped; kill -CONT {pid} lets it go on")
    try:
        with Client(run) as client:
            return client.doctor()
    except SilentError as error:
        return _ill(run, f"{message_of(error)}: a layer holds the interpreter, or the machine is too busy")
    except NotRunningError as error:
        now = status_of(run)
        if now.state == "dead":
            return _ill(run, f"its process was killed; annex-actors resume {run} goes on", state="dead")
        raise ConfigError(f"expected a run that goes on, got {run}, which is {now.state}") from error


def await_end(run: Path) -> None:
    """Wait until no process works on a run."""
    while holder_of(run) is not None:
        time.sleep(_POLL_S)


def await_restart(client: Client, ended: Killed | Moved) -> ActorStatus | None:
    """Wait until an actor that was killed or moved is up again, and return it; None if it takes too long."""
    until = time.monotonic() + RESTART_S
    with suppress(NotRunningError):
        while time.monotonic() < until:
            actor = next(each for each in client.status().actors if each.id == ended.id)
            if actor.incarnation > ended.incarnation and actor.state != "restarting":
                return actor
            time.sleep(_POLL_S)
    return None


RESTART_S = 10.0
"""Seconds to wait for a restart: a process may have to be started first."""

_POLL_S = 0.05


def _ill(run: Path, text: str, state: RunState = "running") -> Diagnosis:
    return Diagnosis(run=str(run), state=state, fine=False, text=text)


def _is_stopped(pid: int) -> bool:
    with suppress(psutil.Error):
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    return False
