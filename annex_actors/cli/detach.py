"""``--detach``: a run that goes on without the terminal.

The command starts itself again in a session of its own, where no terminal can end it: neither by closing, nor by
Ctrl-C, nor does the death of what has started it. Until the run has started, the first process passes on what the
second one prints, so that a mistake in the settings is reported as ever, with its exit code. From then on that goes to
a file in the run's folder.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import IO, TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from annex_actors.cli.output import print_json, print_result

if TYPE_CHECKING:
    from annex_actors.runs.recorded_run import AttendantIn
    from annex_actors.runtimes import Job, Program

_VARIABLE = "ANNEX_ACTORS_DETACHED"
"""Names, in the environment of the second process, the descriptor on which it says that the run has started."""

_HELP = "Go on without the terminal once the run has started; its output goes to output.txt in its folder."

Detach: TypeAlias = Annotated[bool, typer.Option("--detach", help=_HELP)]


def detached(arguments: Sequence[str], *, as_json: bool) -> int:
    """Start this command again without the terminal, and return once its run has started, or it has ended.

    Args:
        arguments: of the command, with ``--detach``.
        as_json: print the folder and the process as JSON.

    Returns:
        The exit code: that of the second process, if its run did not start.
    """
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [*_program(arguments), *(each for each in arguments if each != "--detach")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, _VARIABLE: str(writing)},
        pass_fds=[writing],
        start_new_session=True,
        text=True,
        errors="replace",
    )
    os.close(writing)
    relays = [_relay(process.stdout, sys.stdout), _relay(process.stderr, sys.stderr)]
    try:
        with open(reading, encoding="utf-8") as stream:
            started = stream.readline()
    except BaseException:  # Ctrl-C before the run has started ends it
        process.send_signal(signal.SIGTERM)
        process.wait()
        raise
    for relay in relays:  # its output goes elsewhere from now on, or it has ended
        relay.join(_RELAY_S)
    if not started:
        return process.wait()
    _show(json.loads(started), as_json=as_json)
    return 0


_RELAY_S = 1.0
"""Seconds to wait for the last of what the second process has printed: another process may have its streams open."""


def _program(arguments: Sequence[str]) -> list[str]:
    """Return how this program was called, without its arguments."""
    count = len(arguments)
    if sys.orig_argv[-count:] == list(arguments):
        return [sys.executable, *sys.orig_argv[1:-count]]
    return [sys.executable, "-m", "annex_actors"]


def _relay(source: IO[str] | None, target: IO[str]) -> Thread:
    """Pass on what comes, in a thread, until there is no more."""

    def run() -> None:
        with suppress(OSError, ValueError):
            for line in source or ():
                print(line, end="", file=target, flush=True)

    thread = Thread(target=run, daemon=True)
    thread.start()
    return thread


def _show(started: dict[str, Any], *, as_json: bool) -> None:
    run = started["run"]
    if as_json:
        print_json(json.dumps(started))
    else:
        print_result(f"{run} goes on in process {started['pid']}, and prints to {run}/{_output_name()}")
        print_result(f"look at it: annex-actors status {run}; follow it: logs -f {run}; end it: stop {run}")


def _output_name() -> str:
    from annex_actors.runs.run_directory import OUTPUT

    return OUTPUT


def departures() -> list[AttendantIn]:
    """Return what leaves the terminal once the run has started, if this is the second process; else nothing."""
    descriptor = os.environ.pop(_VARIABLE, "")
    if not descriptor.isdecimal():
        return []
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    return [lambda folder: _Departure(folder, int(descriptor))]


class _Departure:
    """An attendant that sends the output of this process to a file in the run's folder, and says that it has started.

    Args:
        folder: of the run.
        report: the descriptor on which to say so.
    """

    def __init__(self, folder: Path, report: int) -> None:
        self._folder = folder
        self._report = report

    @contextmanager
    def attend(self, job: Job, program: Program) -> Iterator[None]:
        """Leave, and stay away."""
        self._redirect()
        with suppress(OSError), open(self._report, "w", encoding="utf-8") as stream:  # the first process may have ended
            stream.write(json.dumps({"run": str(self._folder), "pid": os.getpid()}) + "\n")
        yield

    def _redirect(self) -> None:
        from annex_actors.base.files import open_in_place

        file = open_in_place(self._folder / _output_name(), os.O_WRONLY | os.O_APPEND)
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):  # what was to be passed on may have lost its reader
                stream.flush()
            os.dup2(file, stream.fileno())
        os.close(file)
