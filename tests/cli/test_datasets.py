from __future__ import annotations

import json
import math

import pytest

from annex_actors.cli import main
from annex_actors.data import catalog, load


def test_every_data_set_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["datasets"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0][:5] == ["name", "task", "samples", "features", "available"]
    assert any(line[-1:] == ["from"] for line in lines)
    assert lines[1][:5] == ["digits", "classification", "1,797", "64", "yes"]
    assert [line[0] for line in lines[1:] if line[1:2] in (["classification"], ["regression"])] == [
        entry.name for entry in catalog()
    ]


def test_json_is_one_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["datasets", "--json"]) == 0
    out = capsys.readouterr().out
    listed = json.loads(out)
    assert out.count("\n") == 1
    assert [each["name"] for each in listed] == [entry.name for entry in catalog()]
    assert {"task", "samples", "features", "where", "available", "suggested"} <= listed[0].keys()


@pytest.mark.parametrize("entry", [entry for entry in catalog() if entry.available and entry.name != "fashion-mnist"])
def test_a_data_set_has_the_listed_size(entry: object) -> None:
    name, samples, features = (getattr(entry, field) for field in ("name", "samples", "features"))
    dataset = load(name)
    halves = {id(half): len(half) for half in (dataset.train, dataset.test)}
    assert sum(halves.values()) == samples
    assert math.prod(dataset.input_shape) == features
