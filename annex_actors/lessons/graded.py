"""The process that grades one submission: ``python -m annex_actors.lessons.graded FILE DESCRIPTOR SECONDS BYTES``.

It says to the descriptor that it is ready, and then the verdict; nothing more if it ends before. While the submission
runs, the course cannot be imported.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

from annex_actors.base.files import SMALL, read_file
from annex_actors.lessons.checking import COURSE, Kind, judge
from annex_actors.lessons.grading import READY, TOO_LARGE, step_of
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
    """Grade a submission."""
    file, descriptor, seconds, size = Path(arguments[0]), *map(int, arguments[1:])
    code = step_of(file)
    assert code is not None
    verdict = _verdict(code, file, descriptor, seconds, size)
    os.write(descriptor, json.dumps(verdict).encode())
    os._exit(0)  # whatever threads the submission has left


def _verdict(code: Code, file: Path, descriptor: int, seconds: int, size: int) -> dict[str, str]:
    source = read_file(file, limit=SMALL).decode(errors="replace")
    judge(code, code.solution, "solution.py")  # what it is compared with, before anything is refused or limited
    _hide_the_course()
    _limit(seconds, size)
    os.write(descriptor, READY)
    verdict = judge(code, source, str(file))
    if "MemoryError" in verdict.says and not verdict.passed:
        return {"verdict": TOO_LARGE, "says": f"it takes more than {size / 2**20:,.0f} MB of memory"}
    if COURSE in verdict.says and "ImportError" in verdict.says:
        return {"verdict": Kind.REFUSED.value, "says": verdict.says}
    return {"verdict": verdict.kind.value, "says": verdict.says}


def _hide_the_course() -> None:
    """Forget the modules of the course, and refuse to import them again; what runs already has what it needs."""
    for name in [name for name in sys.modules if name == COURSE or name.startswith(f"{COURSE}.")]:
        del sys.modules[name]
    vars(sys.modules["annex_actors"]).pop("lessons", None)
    sys.meta_path.insert(0, _Refusing())


def _limit(seconds: int, size: int) -> None:
    """Limit what this process may take from here on."""
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    for kind, limit in (
        (resource.RLIMIT_CPU, int(used) + 1 + seconds),
        (resource.RLIMIT_AS, taken + size),
        (resource.RLIMIT_FSIZE, _FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))


if __name__ == "__main__":
    main(sys.argv[1:])
