"""The page on estimators is true: its code runs, and what it saves predicts."""

from __future__ import annotations

from pathlib import Path

import pytest

from annex_actors import Learner
from annex_actors.estimators import ActorClassifier
from tests.readmes import ROOT, blocks

PAGE = ROOT / "annex_actors" / "estimators" / "README.md"


def test_its_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec("\n".join(blocks(PAGE, "python")), {})
    assert Learner.load("wine.safetensors").classes == ("0", "1", "2")


def test_it_names_every_setting() -> None:
    assert not [name for name in ActorClassifier().get_params() if f"`{name}`" not in PAGE.read_text()]
