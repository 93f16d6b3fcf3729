"""The examples print what they did when they were written."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"

GAVE_UP = "shutdown: 'root/branch' gave up on child 'reader' (incarnation 3): ConnectionError: stale connection"

PRINTED = {
    "supervised_counter": [
        "incarnation 1",
        "counter ended: RuntimeError: dropped 1",
        "incarnation 2",
        *(f"total {n}" for n in range(1, 8)),
        "counter ended: RuntimeError: dropped 1",
        "incarnation 3",
        "counter ended: RuntimeError: dropped 1",
        "incarnation 4",
        *(f"total {n}" for n in range(8, 11)),
        "counter ended: RuntimeError: dropped 1",
        "incarnation 5",
        "total 11",
        "total 12",
        "example  one_for_one, restarts 4 used and 16 left in 5 s",
        "└── counter  running - s, incarnation 5, mailbox 0",
        "counter ended: shutdown",
    ],
    "worker_pool": [
        "crashed: copy 1 cannot stomach 'poison'",
        "copy 0 {}",
        "copy 1 {'the': 2, 'shrimp': 1}",
        "copy 2 {'fish': 2, 'and': 1, 'ate': 1}",
        "the sum of a million numbers is 500000500000",
    ],
    "escalation": [
        *(f"root/branch: ChildExited reader {n}, ConnectionError: stale connection" for n in (1, 2, 3)),
        "root/branch: Escalated reader 3, ConnectionError: stale connection",
        "root/branch: ChildExited connection 1, shutdown",
        f"root: ChildExited branch 1, {GAVE_UP}",
        "root/branch: ChildExited reader 1, normal",
        "the reader has read all there was",
        "root/branch: ChildExited connection 1, shutdown",
        "root: ChildExited branch 2, shutdown",
    ],
    "strategies": [
        *("one_for_one:", "  filter RuntimeError: broken", "  filter is up again"),
        *("one_for_all:", "  filter RuntimeError: broken", "  sink shutdown", "  source shutdown"),
        *("  source is up again", "  filter is up again", "  sink is up again"),
        *("rest_for_one:", "  filter RuntimeError: broken", "  sink shutdown"),
        *("  filter is up again", "  sink is up again"),
    ],
    "sessions": [
        "ada, incarnation 1, has said: hello",
        "bob, incarnation 1, has said: hi",
        "bob crashed: ordinal not in range(128)",
        "bob, incarnation 2, has said: cafe",
        "eve, incarnation 1, has said: bye",
        "event: ChildExited, incarnation 1",
        "event: ChildReady, incarnation 2",
        "event: ChildExited, incarnation 1",
        "2 sessions are left; ada, incarnation 1, has said: hello, anything else?",
    ],
}


@pytest.mark.parametrize("name", PRINTED)
def test_an_example_prints_what_it_says(
    name: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL", "supervisors")  # and back again: the examples set it for good
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    printed = re.sub(r"running \d+\.\d s", "running - s", capsys.readouterr().out).splitlines()
    assert printed == PRINTED[name]


@pytest.mark.parametrize("name", PRINTED)
def test_an_example_is_short(name: str) -> None:
    assert len((EXAMPLES / f"{name}.py").read_text().splitlines()) <= 60
