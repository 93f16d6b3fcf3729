"""Submissions graded: each in a process of its own, with limits of time and memory.

The limits keep mistakes and simple tricks from harming the machine or the other verdicts: endless loops, too much
memory, an exit, an import of the solution. They are no wall against malice: code of strangers belongs in a container.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from annex_actors.base.errors import ConfigError
from annex_actors.lessons.checking import Kind
from annex_actors.lessons.course import LESSONS
from annex_actors.lessons.steps import Code

NAME = re.compile(r"lesson_(\d+)_(\w+)")
"""What the name of a submission has in it, as that of the file that the course makes."""

READY = b"ready"
"""What a process says when the submission's time begins."""

TOO_LONG, TOO_LARGE, ENDED, UNKNOWN = "too long", "too much memory", "ended the process", "unknown name"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a submission may take.

    Args:
        seconds: of processor time, > 0; on a machine that has other work this may last six times as long.
        bytes: of memory, beside what Python and this package take.
    """

    seconds: int = 10
    bytes: int = 2**29

    @property
    def until(self) -> float:
        """Seconds after which a submission is ended, whatever it does, such as wait."""
        return 6.0 * self.seconds + 10


@dataclass(frozen=True, slots=True)
class Grade:
    """What a submission is.

    Args:
        file: its path.
        verdict: in a few words.
        says: what its writer is told.
    """

    file: str
    verdict: str
    says: str

    @property
    def passed(self) -> bool:
        """Whether it is right."""
        return self.verdict == Kind.RIGHT.value


def grade(paths: Sequence[Path], limits: Limits | None = None) -> Iterator[Grade]:
    """Grade files, and the Python files in folders; yield the grades in their order.

    Args:
        paths: each file is named like the one that the course makes, ``lesson_03_backward.py``, with anything before
            and behind, such as the name of its writer.
        limits: for each; by default those of `Limits`.

    Raises:
        ConfigError: a path that does not exist, or no file at all.
    """
    files = [file for path in paths for file in _files(path)]
    if not files:
        raise ConfigError("expected files or a folder with Python files to grade, got none")
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        yield from pool.map(partial(_graded, limits or Limits()), files)


def step_of(file: Path) -> Code | None:
    """Return the step that a file is for, by its name; None: there is none."""
    found = NAME.search(file.stem)
    steps = [] if found is None else [each.steps for each in LESSONS if each.number == int(found[1])]
    codes = [step for all_steps in steps for step in all_steps if isinstance(step, Code)]
    return next((code for code in codes if found and found[2].startswith(code.name)), None)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(path.rglob("*.py"))
    if not path.is_file():
        raise ConfigError(f"expected a file or a folder at {path}, got none; check the path")
    return [path]


def _graded(limits: Limits, file: Path) -> Grade:
    if step_of(file) is None:
        known = next(step.name for lesson in LESSONS for step in lesson.steps if isinstance(step, Code))
        return Grade(str(file), UNKNOWN, f"expected a name with lesson, number and part, such as lesson_01_{known}.py")
    ours, its = os.pipe()
    command = [sys.executable, "-m", "annex_actors.lessons.graded", str(file), str(its)]
    command += [str(limits.seconds), str(limits.bytes)]
    with open(ours, "rb") as answers:
        try:
            process = subprocess.Popen(
                command,
                pass_fds=[its],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        finally:
            os.close(its)
        answers.read(len(READY))  # what the course itself takes to be imported does not count
        code = _ended(process, limits)
        said = answers.read()
    return _grade_of(file, said, code, limits)


def _ended(process: subprocess.Popen[bytes], limits: Limits) -> int:
    """Wait for a process, end it and all that it has started, and return its exit code."""
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(limits.until)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return process.returncode


def _grade_of(file: Path, said: bytes, code: int, limits: Limits) -> Grade:
    if said:
        found = json.loads(said)
        return Grade(str(file), found["verdict"], found["says"])
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return Grade(str(file), TOO_LONG, f"it is still at work after {limits.seconds} s: is there an endless loop?")
    return Grade(str(file), ENDED, f"it ended the process with exit code {code}; leave that out")
