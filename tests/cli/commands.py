"""Commands as a test gives them, and what they print."""

from __future__ import annotations

import json
from typing import Any

import pytest

from annex_actors.cli import main

HASHES = ("weights_sha256", "state_sha256", "cost_log_sha256")


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    """Return what a command prints with ``--json``, which is one object on one line and nothing else."""
    assert main([*arguments, "--json"]) == code
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    result: dict[str, Any] = json.loads(out)
    return result
