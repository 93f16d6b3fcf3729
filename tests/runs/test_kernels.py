"""The kernels of a run: recorded, and used again for its predictions."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.layers import NUMPY, TorchKernels
from annex_actors.runs.config import resolve
from annex_actors.runs.environment import environment
from annex_actors.runs.recorded_run import RecordedRun, train_recorded
from annex_actors.runs.saved_run import SavedRun
from annex_actors.runs.toml_settings import merged, parse_setting


def recorded(path: Path, *settings: str) -> RecordedRun:
    config = merged(*map(parse_setting, ["data.name=xor", "training.epochs=3", *settings]))
    return train_recorded(*resolve(config), run_dir=path)


@pytest.fixture
def torch_run(tmp_path: Path) -> SavedRun:
    """A run with torch's kernels, as it was left."""
    pytest.importorskip("torch")
    return SavedRun.open(recorded(tmp_path / "torch", "training.kernels=torch").directory.path)


def test_a_run_records_its_kernels(torch_run: SavedRun) -> None:
    assert torch_run.config.training.kernels == "torch"
    assert torch_run.environment == environment(TorchKernels())
    assert torch_run.environment["kernels"].startswith("torch ")


def test_a_run_with_numpys_kernels_says_so(tmp_path: Path) -> None:
    run = SavedRun.open(recorded(tmp_path / "run").directory.path)
    assert run.config.training.kernels == "numpy"
    assert run.environment["kernels"] == f"numpy {np.__version__}"


def test_the_predictions_of_a_run_are_computed_by_its_kernels(
    torch_run: SavedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = torch_run.learner().predict(np.ones((5, 2)))
    monkeypatch.setattr(TorchKernels, "product", lambda _, left, right: 2 * NUMPY.product(left, right))
    assert not np.allclose(torch_run.learner().predict(np.ones((5, 2))), expected)


@pytest.mark.parametrize("use", [SavedRun.learner, SavedRun.checkpoint])
def test_where_torch_is_missing_a_run_that_needs_it_says_so(
    torch_run: SavedRun, use: Callable[[SavedRun], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ConfigError, match=r"expected torch for kernels 'torch', got none; pip install 'annex-actors\["):
        use(torch_run)
