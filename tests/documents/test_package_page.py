"""The page of the package: its lines of Python run, with the results in their comments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.readmes import ROOT, blocks


def test_the_lines_of_python_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = blocks(ROOT / "annex_actors" / "README.md", "python")
    page: dict[str, Any] = {}
    exec(code, page)
    assert page["again"].classes == ("setosa", "versicolor", "virginica")
    assert page["again"].checkpoint.step == 300
    assert [path.name for path in tmp_path.iterdir()] == ["iris.safetensors"]
    assert page["learner"].evaluate(page["iris"])["accuracy"] > 0.8
