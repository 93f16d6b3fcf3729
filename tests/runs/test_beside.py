"""A config file and its data can be moved together: a path to data is looked for beside the file that names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from annex_actors.runs.toml_settings import beside


def test_data_beside_the_config_are_found_from_any_folder(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").touch()
    (tmp_path / "clothes").mkdir()
    found = beside(tmp_path / "run.toml", {"cost": "huber", "data": {"name": "mine.csv", "data_dir": "clothes"}})
    assert found == {"cost": "huber", "data": {"name": f"{tmp_path}/mine.csv", "data_dir": f"{tmp_path}/clothes"}}


@pytest.mark.parametrize("data", [{"name": "digits"}, {"name": "other.csv"}, {"name": 3}, {"name": "\0.csv"}, {}, "x"])
def test_what_is_not_beside_the_config_stays_as_it_is(tmp_path: Path, data: object) -> None:
    (tmp_path / "digits").mkdir()
    assert beside(tmp_path / "run.toml", {"data": data}) == {"data": data}


def test_a_whole_path_stays(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").touch()
    settings = {"data": {"name": str(tmp_path / "mine.csv")}}
    assert beside(Path("elsewhere/run.toml"), settings) == settings
