"""Submissions graded: each in a process of its own, with limits of time and memory.

The limits keep mistakes and simple tricks from harming the machine or the other verdicts: endless loops, too much
memory, an exit, an import of the solution. They are no wall against malice: code of strangers belongs in a container.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from annex_actors.base.errors import AnnexError, ConfigError
from annex_actors.base.words import counted
from annex_actors.lessons.checking import Kind
from annex_actors.lessons.course import LESSONS
from annex_actors.lessons.steps import Code

NAME = re.compile(r"lesson_(\d+)_(\w+)")
"""What the name of a submission has in it, as that of the file that the course makes."""

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
        return 6.0 * self.seconds


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
    """Grade files, and the Python files in folders; yield the grades in their order, as soon as they are known.

    Args:
        paths: each file is named like the one that the course makes, ``lesson_03_backward.py``, with anything before
            and behind, such as the name of its writer.
        limits: for each; by default those of `Limits`.

    Raises:
        ConfigError: a path that does not exist, or no file at all.
        AnnexError: the process that grades has ended too early.
    """
    limits = limits or Limits()
    files = [file for path in paths for file in _files(path)]
    if not files:
        raise ConfigError("expected files or a folder with Python files to grade, got none")
    command = [sys.executable, "-m", "annex_actors.lessons.graded", str(limits.seconds), str(limits.bytes)]
    # It forks a process for each file, so it has one thread only.
    with subprocess.Popen(
        [*command, *map(str, files)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            yield Grade(**json.loads(line))
    if process.returncode:
        raise AnnexError(
            f"expected a process that grades {counted(len(files), 'file')}, got exit code {process.returncode}"
        )


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
