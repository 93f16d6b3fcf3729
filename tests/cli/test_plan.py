from __future__ import annotations

from pathlib import Path

import pytest

from annex_actors.cli import main
from tests.cli.commands import printed

SHORT = ["--layers", "dense:4 relu dense:3", "--seconds", "0.05"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache, in a folder that is current."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def test_a_plan_is_shown_with_its_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "iris", *SHORT]) == 0
    out = capsys.readouterr().out
    assert "dense:4" in out
    assert "the bottleneck is stage " in out
    assert "second: " in out
    assert "train with --stages " in out


@pytest.mark.parametrize("file", ["plan.toml", "plan.json"])
def test_the_file_of_a_plan_is_one_that_train_takes(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--workers", "2", "--link", "1us,100GB/s", "--microbatches", "2", "--schedule", "gpipe"]
    assert main(["plan", "iris", *SHORT, *options, "--out", file]) == 0
    assert f"wrote {file}; train with --plan {file} --schedule gpipe --microbatches 2" in capsys.readouterr().out
    command = ["train", "iris", *SHORT[:2], "--plan", file, "--epochs", "1", "--quiet"]
    assert main([*command, "--schedule", "gpipe", "--microbatches", "2"]) == 0


def test_the_json_has_every_number(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--speeds", "1,0.5", "--memory", "1MB", "--objective", "time", "--microbatches", "1,2"]
    found = printed(capsys, "plan", "iris", *SHORT, *options)
    assert found["objective"] == "time"
    assert [layer for stage in found["best"]["stages"] for layer in stage["layers"]] == [0, 1, 2, 3]
    assert sum(found["best"]["terms"].values()) == pytest.approx(found["best"]["seconds"])
    assert found["second"] is not None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--workers", "none"], "expected `workers` to be an integer >= 1, got 'none'"),
        (["--workers", "0"], "expected `workers` to be an integer >= 1, got 0"),
        (["--speeds", "1,fast"], "expected `speeds` to be numbers > 0, such as 1,1,0.5, got 'fast'"),
        (["--speeds", "1,0"], "expected `speeds` to be a number > 0, got 0"),
        (["--speeds", "1,1", "--workers", "3"], "expected as many `speeds` as workers, 3, got 2; leave --workers out"),
        (["--memory", "much"], "expected `memory` to be bytes, such as 64MB or 1.5GiB, got 'much'"),
        (["--memory", "10B"], "expected workers with enough memory for some plan, got too little on all"),
        (
            ["--link", "soon"],
            "expected `link` to be a time and bytes a second, such as 1ms,100MB/s or 20us, got 'soon'",
        ),
        (["--link", "1ms,100MB"], "expected `link` to be a time and bytes a second"),
        (["--link", "1ms,fast/s"], "expected `link` to be bytes, such as 64MB"),
        (["--microbatches", "two"], "expected `microbatches` to be an integer >= 1, got 'two'"),
    ],
)
def test_a_mistake_is_one_line(options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "iris", *SHORT, *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {message}")
    assert error.count("\n") == 1


def test_a_plan_over_a_cluster_names_nodes_and_is_for_a_runtime_that_has_some(
    capsys: pytest.CaptureFixture[str],
) -> None:
    nodes = '[{name = "slow", speed = 0.1}, {name = "fast", speed = 10}, {name = "near", speed = 8}]'
    Path("cluster.toml").write_text(f'nodes = {nodes}\nlink = {{latency = 1e-9, bandwidth = "100GB"}}\n')
    options = ["--cluster", "cluster.toml", "--microbatches", "4", "--schedule", "1f1b"]
    assert main(["plan", "iris", *SHORT, *options, "--out", "plan.toml"]) == 0
    out = capsys.readouterr().out
    assert "node" in out
    assert "fast" in out
    written = Path("plan.toml").read_text()
    assert 'node = "fast"' in written
    assert "slow" not in written
    assert main(["train", "iris", *SHORT[:2], "--plan", "plan.toml", "--microbatches", "4"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: expected stage 0 without `node` and `labels` on the runtime schedulers, which has")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--workers", "2"], "expected --cluster without --workers, which the file says, got both; leave one out"),
        (["--link", "1ms"], "expected --cluster without --link, which the file says, got both; leave one out"),
        ([], "expected a cluster at nowhere.toml, got "),
    ],
)
def test_a_cluster_that_cannot_be_planned_for_is_refused(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "iris", *SHORT, "--cluster", "nowhere.toml", *options]) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--replicas", "0"], "expected `most_replicas` to be an integer >= 1, got 0"),
        (["--objective", "speed"], "expected `objective` to be one of time, memory, throughput, got 'speed'"),
        (["--schedule", "gpip"], "got 'gpip'; did you mean 'gpipe'?"),
        (["--schedule", "interleaved"], "expected `schedules` that give each stage a worker of its own, got inter"),
    ],
)
def test_what_cannot_be_planned_is_refused_before_anything_is_measured(
    option: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("annex_actors.training.profiles.profile", lambda *_, **__: pytest.fail("it is measured"))
    assert main(["plan", "iris", *option]) == 2
    assert message in capsys.readouterr().err
