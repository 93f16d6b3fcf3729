"""The page of the package: its lines of Python run, with the results in their comments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annex_actors import Dataset
from tests.readmes import ROOT, blocks


def test_the_lines_of_python_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _, code = blocks(ROOT / "annex_actors" / "README.md", "python")
    page: dict[str, Any] = {}
    exec(code, page)
    assert page["again"].classes == ("setosa", "versicolor", "virginica")
    assert page["again"].checkpoint.step == 300
    assert [path.name for path in tmp_path.iterdir()] == ["iris.safetensors"]
    assert page["learner"].evaluate(page["iris"])["accuracy"] > 0.8


def test_the_lines_about_data_larger_than_memory_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    inputs, labels = np.random.default_rng(0).standard_normal((200, 5)), np.arange(200) % 10
    np.save("x.npy", inputs)
    code, _ = blocks(ROOT / "annex_actors" / "README.md", "python")
    page: dict[str, Any] = {"labels": labels}
    exec(code, page)
    assert np.array_equal(page["data"].test.inputs[:], Dataset.from_arrays(inputs, labels).test.inputs)
