from __future__ import annotations

import tomllib
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError, DataError, UserError
from annex_actors.data import Dataset, catalog
from annex_actors.layers import NUMPY, TorchKernels, parse_layers, sequence
from annex_actors.optimizers import Adam, Cosine, Sgd, optimizer
from annex_actors.runs.config import RunConfig, resolve
from annex_actors.runs.suggested import suggested_for
from annex_actors.runs.toml_settings import merged, parse_setting
from annex_actors.runtimes import (
    InlineRuntime,
    ProcessesRuntime,
    Runtime,
    SchedulersRuntime,
    Supervision,
    ThreadsRuntime,
)
from annex_actors.training.checkpoint_files import Checkpoints
from annex_actors.training.learner import Learner
from supervisors import Strategy

XOR = parse_setting("data.name=xor")


def message(*settings: str) -> str:
    """Return the error message for these settings."""
    with pytest.raises(UserError) as caught:
        resolve(merged(*map(parse_setting, settings)))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_any_setting_the_digits_are_learned_as_the_catalogue_suggests() -> None:
    config, learner, dataset = resolve({})
    suggested = catalog()[0].suggested
    assert dataset.name == "digits"
    assert (config.network.layers, config.cost) == (suggested.layers, suggested.cost)
    assert (config.training.epochs, config.training.batch_size) == (suggested.epochs, suggested.batch_size)
    assert learner.spec.optimizer == optimizer(suggested.optimizer, learning_rate=suggested.learning_rate)


def test_defaults_are_those_of_the_learner() -> None:
    _, learner, _ = resolve(XOR)
    default = Learner(learner.spec.network)
    assert (learner.spec.microbatches, learner.spec.seed) == (default.spec.microbatches, default.spec.seed)
    assert learner.spec.schedule == default.spec.schedule
    assert learner.spec.runtime.name == default.spec.runtime.name
    assert (
        (learner.spec.stages, learner.spec.kernels) == (default.spec.stages, default.spec.kernels) == ("layer", NUMPY)
    )
    assert learner.spec.supervision == default.spec.supervision == Supervision()


def test_settings_win_over_suggestions() -> None:
    config, learner, _ = resolve(
        merged(XOR, parse_setting("network.layers=dense:3 tanh dense:2"), parse_setting("training.seed=5"))
    )
    assert learner.spec.network.spec() == "dense:3 tanh dense:2"
    assert learner.spec.seed == 5
    assert config.training.epochs == 200


def test_a_learning_rate_suggested_for_adam_is_not_given_to_sgd() -> None:
    _, learner, _ = resolve(merged(XOR, parse_setting("optimizer.name=sgd")))
    assert learner.spec.optimizer == Sgd()


def test_the_settings_of_an_optimizer_reach_it() -> None:
    _, learner, _ = resolve(merged(XOR, parse_setting("optimizer.name=sgd"), parse_setting("optimizer.momentum=0.9")))
    assert learner.spec.optimizer == Sgd(momentum=0.9)


def test_supervision_reaches_the_learner() -> None:
    given = [parse_setting("supervision.strategy=one_for_all"), parse_setting("supervision.max_seconds=3")]
    _, learner, _ = resolve(merged(XOR, *given))
    assert learner.spec.supervision == Supervision(strategy=Strategy.ONE_FOR_ALL, max_seconds=3.0)


@pytest.mark.parametrize(("text", "stages"), [("layer", "layer"), ("2", 2)])
def test_stages_are_a_word_or_a_number(text: str, stages: str | int) -> None:
    config, learner, _ = resolve(merged(XOR, parse_setting(f"training.stages={text}")))
    assert config.training.stages == learner.spec.stages == stages
    assert resolve(tomllib.loads(config.to_toml()))[0] == config


@pytest.mark.parametrize(
    ("settings", "runtime"),
    [
        ([], SchedulersRuntime()),
        (["runtime.threads=3"], SchedulersRuntime(threads=3)),
        (["runtime.name=threads"], ThreadsRuntime()),
        (
            ["runtime.name=processes", "runtime.affinity=true", "runtime.spares=0", "runtime.commit_every=2"],
            ProcessesRuntime(affinity=True, spares=0, commit_every=2),
        ),
        (["runtime.name=inline", "runtime.commit_every=3"], InlineRuntime(commit_every=3)),
    ],
)
def test_the_settings_of_a_runtime_reach_it_and_are_recorded(settings: list[str], runtime: Runtime) -> None:
    config, learner, _ = resolve(merged(XOR, *map(parse_setting, settings)))
    assert learner.spec.runtime == runtime
    assert resolve(tomllib.loads(config.to_toml()))[0] == config
    assert config.learner().spec.runtime == runtime


def test_a_run_on_another_runtime_has_that_runtimes_default_settings() -> None:
    config, _, _ = resolve(merged(XOR, parse_setting("runtime.name=processes"), parse_setting("runtime.affinity=true")))
    assert config.on_runtime("threads").learner().spec.runtime == ThreadsRuntime()
    assert config.on_runtime("processes").learner().spec.runtime == ProcessesRuntime()


def test_a_learning_rate_that_varies_is_recorded_as_its_text() -> None:
    config, learner, _ = resolve(merged(XOR, parse_setting("optimizer.learning_rate=cosine:0.05:200")))
    assert learner.spec.optimizer == Adam(learning_rate=Cosine(0.05, 200))
    assert config.optimizer.model_dump()["learning_rate"] == "cosine:0.05:200"
    assert resolve(tomllib.loads(config.to_toml()))[0] == config


def test_sections_have_the_settings_and_defaults_of_their_classes() -> None:
    config, _, _ = resolve(XOR)
    assert config.supervision.model_dump() == {**asdict(Supervision()), "strategy": "one_for_one"}
    assert config.checkpoints.model_dump() == {"every": Checkpoints(Path()).every, "keep": Checkpoints(Path()).keep}


def test_kernels_reach_the_learner_and_its_layers() -> None:
    pytest.importorskip("torch")
    config, learner, _ = resolve(merged(XOR, parse_setting("training.kernels=torch")))
    assert learner.spec.kernels == TorchKernels()
    assert learner.spec.network == sequence(parse_layers(config.network.layers)).with_kernels(TorchKernels())


def test_a_resolved_config_written_as_toml_gives_the_same_config_again() -> None:
    config, _, _ = resolve(
        merged(XOR, parse_setting("optimizer.name=sgd"), parse_setting("training.seed=18446744073709551615"))
    )
    again, _, _ = resolve(tomllib.loads(config.to_toml()))
    assert again == config


def test_a_resolved_config_has_every_setting_of_the_optimizer() -> None:
    config, _, _ = resolve(XOR)
    assert config.optimizer.model_dump() == {"name": "adam", **asdict(Adam(learning_rate=0.05))}


def test_a_resolved_config_finds_its_file_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pets.csv").write_text("size,weight,kind\n1,2,cat\n2,1,dog\n3,4,cat\n4,3,dog\n")
    monkeypatch.chdir(tmp_path)
    config, _, _ = resolve(merged(parse_setting("data.name=pets.csv"), parse_setting("data.label=kind")))
    assert config.data.name == str(tmp_path / "pets.csv")


def test_the_network_for_own_classes_has_an_output_for_each(tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", inputs=np.eye(9), targets=np.arange(9) % 3)
    config, learner, dataset = resolve({"data": {"name": str(tmp_path / "own.npz")}})
    assert config.network.layers == "dense:64 relu dropout:0.5 dense:3"
    assert config.cost == "softmax_cross_entropy"
    learner.check(dataset, epochs=1)


def test_the_network_for_own_amounts_is_for_regression(tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", inputs=np.eye(9), targets=np.ones((9, 2)) * 0.5)
    config, learner, dataset = resolve({"data": {"name": str(tmp_path / "own.npz")}})
    assert config.network.layers == "dense:64 relu dropout:0.5 dense:2"
    assert config.cost == "mean_squared_error"
    learner.check(dataset, epochs=1)


@pytest.mark.parametrize(
    ("shape", "layers"),
    [
        ((4,), "dense:64 relu dropout:0.5 dense:2"),
        ((4, 4), "flatten dense:64 relu dropout:0.5 dense:2"),
        ((9, 8, 3), "layer_norm:3 flatten dense:128 relu dropout:0.3 dense:2"),
        ((112, 92, 1), "avg_pool2d:3 layer_norm:3 flatten dense:128 relu dropout:0.3 dense:2"),
    ],
)
def test_what_is_suggested_fits_the_shape_of_a_sample(shape: tuple[int, ...], layers: str) -> None:
    dataset = Dataset.from_arrays(np.zeros((10, *shape)), np.arange(10) % 2)
    assert suggested_for(dataset).layers == layers
    assert sequence(parse_layers(layers)).shapes(shape)[-1] == (2,)


@pytest.mark.parametrize(
    ("samples", "layers", "batch_size", "epochs"),
    [
        (10, "dense:64 relu dropout:0.5 dense:2", 32, 150),
        (500, "dense:64 relu dropout:0.5 dense:2", 32, 80),
        (999, "dense:64 relu dropout:0.5 dense:2", 32, 40),
        (1000, "dense:128 relu dropout:0.3 dense:2", 32, 30),
        (10_000, "dense:256 relu dropout:0.1 dense:2", 64, 20),
        (200_000, "dense:256 relu dropout:0.1 dense:2", 256, 20),
    ],
)
def test_what_is_suggested_depends_on_the_number_of_samples(
    samples: int, layers: str, batch_size: int, epochs: int
) -> None:
    dataset = Dataset.from_arrays(np.zeros((samples, 4)), np.arange(samples) % 2, test_fraction=0)
    suggested = suggested_for(dataset)
    assert (suggested.layers, suggested.batch_size, suggested.epochs) == (layers, batch_size, epochs)


def test_the_test_fraction_of_own_data_can_be_set(tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", inputs=np.eye(10), targets=np.arange(10) % 2)
    _, _, dataset = resolve({"data": {"name": str(tmp_path / "own.npz"), "test_fraction": 0.5}})
    assert len(dataset.test) == 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("training.microbatches=x", "expected `training.microbatches` to be an integer, got 'x'"),
        ("training.epochs=1.5", "expected `training.epochs` to be an integer, got 1.5"),
        ("training.seed=true", "expected `training.seed` to be an integer, got True"),
        ("training.schedule=1", "expected `training.schedule` to be text, got 1"),
        ("supervision.max_seconds=long", "expected `supervision.max_seconds` to be a number, got 'long'"),
        ("training.stages=1.5", "expected `training.stages` to be text or an integer, got 1.5"),
        ("training.kernels=1", "expected `training.kernels` to be text, got 1"),
        ("data.label=1.5", "expected `data.label` to be text or an integer, got 1.5"),
        ("data.name=3", "expected `data.name` to be text, got 3"),
        ("training=3", "expected `training` to be a section of settings, got 3"),
        ("cost.name=mse", "expected `cost` to be text, got {'name': 'mse'}"),
    ],
)
def test_a_value_of_the_wrong_type_is_named_with_its_key(text: str, expected: str) -> None:
    assert message(text) == expected


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("training.microbatch=3", ["keys of `training`", "microbatches, schedule", "did you mean 'microbatches'?"]),
        ("trainin.epochs=3", ["sections and keys", "cost, data, network", "did you mean 'training'?"]),
        ("data.path=x", ["keys of `data`", "name, label, task, drop", "got 'path'"]),
        ("optimizer.momentum=0.9", ["settings of adam", "beta1", "got 'momentum'"]),
        ("runtime.afinity=true", ["settings of schedulers", "among threads", "got 'afinity'"]),
        (
            "supervision.max_restart=1",
            ["keys of `supervision`", "max_restarts", "did you mean 'max_restarts'?"],
        ),
        ("checkpoints.path=x", ["keys of `checkpoints` to be among every, keep, got 'path'"]),
        ("optimizer.learning_rte=0.9", ["settings of adam", "did you mean 'learning_rate'?"]),
    ],
)
def test_an_unknown_key_lists_the_known_ones_and_the_likely_one(text: str, names: list[str]) -> None:
    for part in names:
        assert part in message(text)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("training.microbatches=0", "`microbatches` to be an integer >= 1, got 0"),
        ("training.schedule=gpip", "did you mean 'gpipe'?"),
        ("runtime.name=fibers", "threads, processes, ray, inline"),
        ("runtime.threads=0", "`threads` to be an integer >= 1, got 0"),
        ("runtime.threads=many", "`threads` to be an integer >= 1, got 'many'"),
        ("training.stages=0", "`stages` to be an integer >= 1, got 0"),
        ("training.stages=99", "`stages` to be at most 5, an actor for each of 4 layers and one for the cost"),
        ("training.kernels=mkl", "`kernels` to be one of numpy, torch, got 'mkl'"),
        ("training.seed=-1", "`seed`"),
        ("optimizer.name=adma", "did you mean 'adam'?"),
        ("optimizer.learning_rate=x", "`learning_rate` to be a number > 0, got 'x'"),
        ("optimizer.beta1=1", "`beta1`"),
        ("supervision.strategy=one_for_al", "did you mean 'one_for_all'?"),
        ("supervision.max_restarts=-1", "`max_restarts` to be an integer >= 0, got -1"),
        ("supervision.max_seconds=0", "`max_seconds` to be a number > 0"),
        ("supervision.max_attempts=0", "`max_attempts` to be an integer >= 1, got 0"),
        ("cost=squared", "mean_squared_error"),
        ("network.layers=dens:3", "did you mean 'dense'?"),
        ("data.name=digit", "did you mean digits?"),
        ("data.data_dir=/no/such/folder", "`data.data_dir` to be a folder"),
        ("data.label=x", "`label` with a table only"),
    ],
)
def test_a_value_out_of_range_is_refused(text: str, part: str) -> None:
    assert part in message(text)


def test_a_mistake_in_the_settings_is_found_before_the_data_is_read() -> None:
    assert "training.seed" in message("data.name=/no/such/file.npz", "training.seed=x")


def test_a_missing_data_file_is_a_data_error() -> None:
    with pytest.raises(DataError, match=r"/no/such/file\.npz"):
        resolve(parse_setting("data.name=/no/such/file.npz"))


def test_a_config_is_a_value() -> None:
    config, _, _ = resolve(XOR)
    with pytest.raises(ValueError, match="frozen"):
        config.cost = "mean_squared_error"


def test_the_example_in_the_documentation_is_a_config() -> None:
    from annex_actors.runs import config

    assert config.__doc__ is not None
    text = config.__doc__.partition("```toml")[2].partition("```")[0]
    resolved, _, _ = resolve(tomllib.loads(text))
    assert resolved == resolve({})[0]


def test_an_incomplete_config_is_completed_by_the_suggestion() -> None:
    suggestion = suggested_for(Dataset.from_arrays(np.zeros((10, 4)), np.arange(10) % 2))
    config = RunConfig.of({"training": {"epochs": 3}}, suggestion)
    assert config.training.epochs == 3
    assert config.training.batch_size == suggestion.batch_size


def test_settings_that_are_not_a_table_are_refused() -> None:
    suggestion = suggested_for(Dataset.from_arrays(np.zeros((10, 4)), np.arange(10) % 2))
    with pytest.raises(ConfigError, match="`optimizer` to be a section"):
        RunConfig.of({"optimizer": "adam"}, suggestion)
