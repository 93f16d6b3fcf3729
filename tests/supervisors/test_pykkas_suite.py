"""Pykka's own tests, run on `supervisors.Actor`: each passes, or the page says why not.

They are in Pykka's source distribution: ``pip download --no-binary :all: --no-deps pykka``, unpacked, and its folder in
the variable ``PYKKA_SOURCES``. They need pytest-mock.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import supervisors

PAGE = Path(supervisors.__file__).with_name("COMING_FROM_PYKKA.md")
SOURCES = os.environ.get("PYKKA_SOURCES", "")


def documented() -> dict[str, str]:
    """Return the tests that the page says fail, with their reasons."""
    section = PAGE.read_text().partition("## Pykka's own tests")[2]
    rows = [line.split("|")[1:3] for line in section.splitlines() if line.startswith("| `")]
    return {test: reason for tests, reason in rows for test in re.findall(r"`(test_\w+)`", tests)}


def test_every_difference_has_its_reason() -> None:
    assert len(documented()) == 26
    assert all(len(reason) > 10 for reason in documented().values())


@pytest.mark.skipif(not SOURCES or find_spec("pytest_mock") is None, reason="needs PYKKA_SOURCES and pytest-mock")
def test_pykkas_own_tests_pass_or_their_difference_is_documented() -> None:
    home = Path(supervisors.__file__).parents[1]
    plugin = Path(__file__).with_name("pykkas_runtime.py")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "tests",
        "-p",
        plugin.stem,
        "-q",
        "-rf",
        "--timeout=60",
        "-c",
        os.devnull,
    ]
    paths = os.pathsep.join([str(plugin.parent), str(home)])
    # Without the columns of a traceback, since Python parses the line to find them, and two threads that parse at once
    # (an actor's log, pytest's report) may end Python 3.11 in "AST constructor recursion depth mismatch".
    run = subprocess.run(
        [*command, "--rootdir=.", "-p", "no:cacheprovider"],
        cwd=SOURCES,
        env={**os.environ, "PYTHONPATH": paths, "PYTHONNODEBUGRANGES": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    failed = set(re.findall(r"^FAILED .*::(test_\w+)", run.stdout, re.MULTILINE))
    sometimes = {test for test, reason in documented().items() if "passes sometimes" in reason}
    assert failed | sometimes == set(documented()), run.stdout[-2000:]
    assert re.search(r"12[678] passed", run.stdout), run.stdout[-200:]
