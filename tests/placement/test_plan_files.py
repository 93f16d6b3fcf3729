"""A plan in a TOML file is checked against the network, and what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError
from annex_actors.placement import Plan
from annex_actors.placement.plan_files import plan_text, read_plan
from tests.placement.test_plan import PLANS

LAYERS = "dense:8", "relu", "dropout:0.1", "relu", "dense:3"


def read(text: str, folder: Path) -> Plan:
    path = folder / "plan.toml"
    path.write_text(text)
    return read_plan(path, LAYERS)


@given(plan=PLANS, data=st.data())
def test_a_plan_is_read_back(plan: Plan, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    count = plan.layers - 1
    layers = data.draw(st.lists(st.sampled_from(["relu", 'dense:"2"', "é"]), min_size=count, max_size=count))
    path = tmp_path_factory.mktemp("plan") / "plan.toml"
    path.write_text(plan_text(path, plan, layers))
    assert read_plan(path, layers) == plan


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2", "3"),
        ("2", "4"),
        ("[0, 1]", "[2, 3, 4]"),
        ("[0, 1]", '["dropout:0.1", "relu", "dense:3", "cost"]'),
        ('["dense:8", "relu"]', "[2, 3, 4, 5]"),
        ('["dense:8", 1]', "3"),
    ],
)
def test_layers_are_a_number_indices_or_texts(first: str, second: str, tmp_path: Path) -> None:
    text = f'[[stages]]\nlayers = {first}\nmemory = "64MB"\n\n[[stages]]\nlayers = {second}\nblas_threads = 2\n'
    assert str(read(text, tmp_path)) == "2:memory=64MB,3:blas_threads=2"


def test_a_file_says_where_on_a_cluster(tmp_path: Path) -> None:
    text = """
strategy = "pack"
wait_seconds = 30

[[stages]]
layers = 2
node = "a"
cpus = 2

[[stages]]
layers = 3
replicas = 2
node = ["b", ""]
labels = {zone = "east"}
memory = "2GB"
resources = {nvme = 0.5}
"""
    wanted = "2:node=a:cpus=2,3x2:memory=2GB:node=b|:labels=zone=east:resources=nvme=0.5;strategy=pack;wait_seconds=30"
    assert str(read(text, tmp_path)) == wanted


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "[[stages]]\nlayers = 5\nnode = 3",
            "stage 0: expected `node` to be the name of a node, or a list of one",
        ),
        (
            '[[stages]]\nlayers = 5\nnode = ["a", "b"]',
            "stage 0: expected `node` to be one for each of 1 ",
        ),
        ('[[stages]]\nlayers = 5\nlabels = "east"', "stage 0: expected `labels` to be a table such as {zone ="),
        ("[[stages]]\nlayers = 5\nlabels = {zone = 1}", "stage 0: expected `labels` to be text, got 1"),
        (
            "[[stages]]\nlayers = 5\nresources = {nvme = 0}",
            "stage 0: expected `resources[nvme]` to be a number > 0",
        ),
        ('strategy = "near"\n[[stages]]\nlayers = 5', "expected `strategy` to be one of spread, pack, strict_spread,"),
        ("[[stages]]\nlayers = [0, 2]", "got 2 in stage 0, which leaves out layer 1 (relu); add it before"),
        (
            '[[stages]]\nlayers = ["dense:8"]\n[[stages]]\nlayers = ["dropout:0.1"]',
            "got 'dropout:0.1' in stage 1, which leaves out layer 1 (relu); add it before",
        ),
        ("[[stages]]\nlayers = [0, 1]\n[[stages]]\nlayers = [1, 2]", "got layer 1 (relu) a second time, in stage 1"),
        (
            '[[stages]]\nlayers = ["dense:8", "dense:8"]',
            "got layer 0 (dense:8) a second time, in stage 0; take it away",
        ),
        ('[[stages]]\nlayers = ["dense:9"]', "or indices of the network's layers, 0 to 4, or 'cost', got 'dense:9'"),
        ("[[stages]]\nlayers = [6]", "got 6"),
        ("[[stages]]\nlayers = [true]", "got True"),
        ("[[stages]]\nlayers = 4", "got '4', which leaves out layer 4 (dense:3); add to a stage, or add a stage"),
        (
            "[[stages]]\nlayers = 9",
            "got '9': 3 more than there are after layer 4 (dense:3) and the cost; take them away",
        ),
        ("[[stages]]\nreplicas = 2", "stage 0: expected settings of a stage with `layers`, got none"),
        ("[[stages]]\nlayers = 5\nthreads = 2", "stage 0: expected settings of a stage to be among layers, replicas, "),
        ("[[stages]]\nlayers = 0", "stage 0: expected `layers` to be an integer >= 1, got 0"),
        ("stages = []", "expected `stages` to be at least one"),
        ("stages = [3]", "`strategy` and `wait_seconds` alone, got 3"),
        ("stages = 3", "`strategy` and `wait_seconds` alone, got ['stages']"),
        ("", "`strategy` and `wait_seconds` alone, got []"),
        ("[[stages", "expected TOML in "),
    ],
)
def test_a_file_that_is_no_plan_for_the_network_is_refused(text: str, error: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text, tmp_path)
    assert error in str(caught.value)
    assert str(tmp_path / "plan.toml") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected a plan at .*nowhere.toml, got "):
        read_plan(tmp_path / "nowhere.toml", LAYERS)
