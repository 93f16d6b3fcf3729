"""The process that grades: ``python -m annex_actors.lessons.graded SECONDS BYTES FILE...``.

It prints a line of JSON for each file. It imports the course, finds out what solutions and listed mistakes result in,
and forks a process for each file, in which the course cannot be imported.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

from annex_actors.base.files import SMALL, read_file
from annex_actors.lessons.checking import COURSE, Kind, judge, prepare
from annex_actors.lessons.grading import ENDED, TOO_LARGE, TOO_LONG, UNKNOWN, Grade, Limits, step_of
from annex_actors.lessons.steps import Code

_FILE_BYTES = 2**20
"""Of each file that a submission writes."""


class _Refusing(MetaPathFinder):
    """Refuses the modules of the course."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> None:
        """Raise an error for a module of the course."""
        if name == COURSE or name.startswith(f"{COURSE}."):
            raise ImportError(f"{name} has the answer; write the part yourself", name=name)


def main(arguments: Sequence[str]) -> None:
    """Grade files, one after another."""
    limits = Limits(*map(int, arguments[:2]))
    for file in map(Path, arguments[2:]):
        sys.stdout.write(json.dumps(asdict(_graded(file, limits))) + "\n")
        sys.stdout.flush()


def _graded(file: Path, limits: Limits) -> Grade:
    code = step_of(file)
    if code is None:
        told = "expected a name with lesson and part, as that of the file that the course makes: lesson_01_handle.py"
        return Grade(str(file), UNKNOWN, told)
    prepare(code)
    ours, its = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(its, _verdict(code, file, limits))
        finally:
            os._exit(1)  # whatever threads and exit handlers the submission has left
    os.close(its)
    with open(ours, "rb", buffering=0) as pipe:
        said = pipe.readall() if select.select([pipe], [], [], limits.until)[0] else None
    with suppress(ProcessLookupError):  # the child, and all that it has started
        os.killpg(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if said:
        return Grade(str(file), **json.loads(said))
    if said is None or status in (-signal.SIGXCPU, -signal.SIGKILL):
        return Grade(str(file), TOO_LONG, f"still at work after {limits.seconds} s: is there an endless loop?")
    return Grade(str(file), ENDED, f"it ended the process with exit code {status}; leave that out")


def _verdict(code: Code, file: Path, limits: Limits) -> bytes:
    """Judge a file within limits, which this process has from here on; return the verdict as JSON."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    source = read_file(file, limit=SMALL).decode(errors="replace")
    _hide_the_course()
    _limit(limits)
    verdict = judge(code, source, str(file))
    kind, says = verdict.kind.value, verdict.says
    if verdict.kind is Kind.FAILS and "MemoryError" in says:
        kind, says = TOO_LARGE, f"it takes more than {limits.bytes / 2**20:,.0f} MB of memory"
    elif verdict.kind is Kind.FAILS and COURSE in says:
        kind = Kind.REFUSED.value
    return json.dumps({"verdict": kind, "says": says}).encode()


def _hide_the_course() -> None:
    """Forget the modules of the course, and refuse to import them again; what runs already has what it needs."""
    for name in [name for name in sys.modules if name == COURSE or name.startswith(f"{COURSE}.")]:
        del sys.modules[name]
    vars(sys.modules["annex_actors"]).pop("lessons", None)
    sys.meta_path.insert(0, _Refusing())


def _limit(limits: Limits) -> None:
    """Limit what this process may take from here on."""
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_CPU, (limits.seconds, limits.seconds + 1))  # a signal, and then SIGKILL
    for kind, limit in (
        (resource.RLIMIT_AS, taken + limits.bytes),
        (resource.RLIMIT_FSIZE, _FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))


if __name__ == "__main__":
    main(sys.argv[1:])
