"""A profile is measured once, and then kept by all that its times depend on."""

from __future__ import annotations

from pathlib import Path

import pytest

from annex_actors import Learner, parse_layers
from annex_actors.base.errors import ConfigError, UserError
from annex_actors.placement.profile import Hop, Profile
from annex_actors.runtimes import Runtime
from annex_actors.training import profiles
from tests.profiling.programs import dataset


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "annex-actors" / "profiles"


@pytest.fixture(autouse=True)
def hops(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runtimes whose hops were measured; each measurement of one takes a microsecond more than the one before."""
    measured: list[str] = []

    def measure(runtime: Runtime, *, seconds: float) -> Hop:
        measured.append(runtime.name)
        return Hop(0.0, 0.0, 1e-6 * len(measured))

    monkeypatch.setattr(profiles, "measure_hop", measure)
    return measured


def profiled(layers: str = "dense:5 relu dense:3", **options: object) -> Profile:
    learner = Learner(parse_layers(layers))
    given = {"batch_size": 12, "runtimes": ("schedulers",), "seconds": 0.05, **options}
    return profiles.profile(learner.spec, dataset(), **given)  # type: ignore[arg-type]


def test_a_profile_has_each_layer_the_cost_and_the_hops() -> None:
    found = profiled(microbatches=[2, 1, 3])
    assert [each.name for each in found.layers] == ["dense:5", "relu", "dense:3", "softmax_cross_entropy"]
    assert found.rows == 6
    assert found.measured.keys() == {4, 6, 12}
    assert found.hops.keys() == {"inline", "schedulers"}
    assert found.overhead("schedulers") > 0
    assert found.layers[0].output_bytes == 6 * 5 * 4
    assert found.measured[12][0].output_bytes == 12 * 5 * 4


def test_it_is_found_again_and_measured_again_only_if_asked(cache: Path, hops: list[str]) -> None:
    found = profiled()
    assert profiled() == found
    assert hops == ["inline", "schedulers"]
    assert profiled(fresh=True) != found
    assert hops == ["inline", "schedulers"] * 2
    assert len(list(cache.iterdir())) == 2  # the layers, and the hops of the machine


@pytest.mark.parametrize(
    "changes", [{"layers": "dense:6 relu dense:3"}, {"batch_size": 24}, {"microbatches": [3]}, {"microbatches": [2, 1]}]
)
def test_other_work_has_a_profile_of_its_own_and_the_hops_of_the_same_machine(
    changes: dict[str, object], cache: Path
) -> None:
    found = profiled()
    other = profiled(**changes)  # type: ignore[arg-type]
    assert other.layers != found.layers
    assert other.hops == found.hops
    assert len(list(cache.iterdir())) == 3


def test_the_hops_of_another_runtime_are_measured_beside_those_that_are_known(hops: list[str]) -> None:
    found = profiled()
    assert profiled(runtimes=("threads",)).hops.keys() == {"inline", "threads"}
    assert profiled(runtimes=("threads", "schedulers")).hops["schedulers"] == found.hops["schedulers"]
    assert hops == ["inline", "schedulers", "threads"]


def test_what_is_damaged_is_measured_again(cache: Path) -> None:
    found = profiled()
    for path in cache.iterdir():
        path.write_text("{")
    again = profiled()
    assert again != found
    assert profiled() == again


def test_without_a_home_that_can_be_written_nothing_is_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.parent.parent.joinpath("file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache.parent.parent / "file"))
    assert profiled() != profiled()


def test_all_batches_are_whole_however_many_samples_there_are() -> None:
    assert profiled(batch_size=7, microbatches=[2]).rows == 3
    assert profiled(batch_size=1000, microbatches=[5]).rows == 4  # of 24 samples


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"microbatches": [0]}, "`microbatches` to be an integer >= 1, got 0"),
        ({"microbatches": []}, "`microbatches` from 1 to 12"),
        ({"microbatches": [13]}, "`microbatches` from 1 to 12"),
        ({"microbatches": 2}, r"`microbatches` to be a list of numbers.*got 2"),
        ({"runtimes": ["rocket"]}, "`runtime` to be one of"),
        ({"runtimes": "threads"}, "`runtimes` to be a list"),
        ({"seconds": 0}, "`seconds` to be a number > 0"),
        ({"batch_size": 0}, "`batch_size` to be an integer >= 1"),
        ({"fresh": 1}, "`fresh` to be true or false"),
        ({"layers": "dense:5"}, "give the last layer 3 outputs"),
    ],
)
def test_a_mistake_is_found_before_anything_is_measured(options: dict[str, object], message: str, cache: Path) -> None:
    with pytest.raises(UserError, match=message):
        profiled(**options)  # type: ignore[arg-type]
    assert not cache.exists()


def test_a_network_that_cannot_be_trained_is_refused_in_one_line() -> None:
    from annex_actors import Sgd

    learner = Learner(parse_layers("dense:5 dense:5 dense:3"), optimizer=Sgd(learning_rate=1e30))
    with pytest.raises(ConfigError, match="expected a network that can be trained to be profiled, but"):
        profiles.profile(learner.spec, dataset(), runtimes=("schedulers",), seconds=0.05)
