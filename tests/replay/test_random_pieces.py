"""Any piece of any run, done again alone in one process, comes to the bits that the run recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands import printed
from tests.matrix import matrix
from tests.replay.recipes import RECIPES, Recipe, pieces

PIECES = 10


@pytest.mark.parametrize("recipe", matrix(RECIPES, sample=10, id=lambda recipe: recipe.name))
def test_random_pieces_are_replayed_to_the_recorded_hashes(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run = recipe.train(tmp_path)
    capsys.readouterr()
    for options in pieces(run, PIECES, seed=RECIPES.index(recipe)):
        report = printed(capsys, "replay", str(run), *options)
        assert (report["difference"], report["failure"]) == (None, None), options
        assert report["costs_equal"] > 0, options
        (piece,) = report["pieces"]
        assert piece["recorded"] == piece["fingerprint"] is not None, options
