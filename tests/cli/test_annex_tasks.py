"""``annex-actors train annex-xor`` and the others learn without any option."""

from __future__ import annotations

from pathlib import Path

import pytest

from annex_actors.data import catalog
from tests.cli.commands import printed


@pytest.mark.parametrize("name", [entry.name for entry in catalog() if entry.name.startswith("annex-")])
def test_a_task_of_annex_is_learned_from_the_command_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert printed(capsys, "train", name)["test_metrics"]["accuracy"] >= (0.95 if name == "annex-iris" else 1)
