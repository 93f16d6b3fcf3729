"""Scripted children of dynamic supervisors."""

from __future__ import annotations

from typing import Any

from supervisors import (
    ChildExited,
    ChildSpec,
)
from supervisors.testing import ScriptedStart
from tests.supervisors.stubs import (
    Recorder,
)


def scripted(*outcomes: Any, **options: Any) -> tuple[ScriptedStart, ChildSpec]:
    start = ScriptedStart(outcomes)
    return start, ChildSpec("s", start, **options)


def gone(recorder: Recorder, count: int = 1) -> None:
    recorder.wait_count(ChildExited, count)
