"""The tables of names, which belong to the whole process: a test that adds to them leaves them as they were."""

from __future__ import annotations

import pytest

from annex_actors.costs import COSTS
from annex_actors.data import DATA
from annex_actors.data.transforms import TRANSFORMS
from annex_actors.layers import INITIALIZERS, LAYERS
from annex_actors.metrics import METRICS
from annex_actors.optimizers import OPTIMIZERS
from annex_actors.schedules.table import DISCIPLINES


def restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget at the end of the test what it registers."""
    monkeypatch.setattr(LAYERS, "_entries", dict(LAYERS))
    monkeypatch.setattr(INITIALIZERS, "_entries", dict(INITIALIZERS))
    monkeypatch.setattr(OPTIMIZERS, "_entries", dict(OPTIMIZERS))
    monkeypatch.setattr(COSTS, "_entries", dict(COSTS))
    monkeypatch.setattr(DATA, "_entries", dict(DATA))
    monkeypatch.setattr(TRANSFORMS, "_entries", dict(TRANSFORMS))
    monkeypatch.setattr(METRICS, "_entries", dict(METRICS))
    monkeypatch.setattr(DISCIPLINES, "_entries", dict(DISCIPLINES))
