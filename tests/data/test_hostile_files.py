"""No file hurts: of one hundred that lie, are damaged or would run something, each is refused in one line or harmless.

One process reads them all with little memory. If one of them ends it, those after it have no end, and the last that was
begun is the culprit.
"""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hostile_files import CANARY, EITHER, HARMLESS, HOSTILE, MEMORY, PICKLE, written

pytest.importorskip("PIL.Image")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are set as on Linux")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str]]:
    """Return how the reading of each file ended: ``read``, ``refused`` or ``broken``, and the message."""
    folder = tmp_path_factory.mktemp("hostile")
    for path in written(folder):
        assert path.suffix
    command = [sys.executable, "-m", "tests.hostile_files", str(folder)]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250, check=False)
    found = {}
    for line in child.stdout.splitlines():
        what, how, message = json.loads(line)
        found[what] = how, message
    assert child.returncode == 0, (list(found.items())[-1:], child.stderr[-1000:])
    assert not [*folder.rglob(CANARY)], "a file ran"
    return found


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_file_is_refused_in_one_line_or_harmless(ends: dict[str, tuple[str, str]], what: str) -> None:
    expected = HOSTILE[what][2]
    how, message = ends[what]
    if expected == EITHER:
        assert how in ("read", "refused"), message
    else:
        assert how == ("read" if expected == HARMLESS else "refused"), message
    assert re.search(expected, message)
    assert "\n" not in message
    assert len(message) < 1500


def test_the_canary_would_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pickle.loads(PICKLE).close()
    assert (tmp_path / CANARY).exists()


def test_there_are_a_hundred_of_them() -> None:
    assert len(HOSTILE) >= 100
    assert MEMORY <= 2**29
