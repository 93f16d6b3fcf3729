"""Torch modules from the command line: a text names a file, and a file runs only if the user has named it."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from annex_actors.base.user_files import run_user_file
from annex_actors.cli import main
from annex_actors.data import load
from annex_actors.layers import parse_layers
from annex_actors.training.learner import Learner
from tests.cli.commands import HASHES, printed

pytest.importorskip("torch")

NET = """
from pathlib import Path
from torch import nn

Path("ran").touch()

def Net():
    return nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.1), nn.Tanh())
"""

LAYERS = "torch_module:{}:Net dense:2"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a file in a folder below, and a home of its own; no such file has run before."""
    for name, module in list(sys.modules.items()):
        if "__sha256__" in vars(module):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "net.py").write_text(NET)
    return tmp_path


def train(*arguments: str) -> list[str]:
    return ["train", *arguments, "--runtime", "inline", "--microbatches", "2", "--quiet"]


def report(run: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(Path(run, "result.json").read_text())
    return {name: found[name] for name in HASHES}


def config(path: str, layers: str, load: str = "") -> None:
    Path(path).write_text(f'[data]\nname = "xor"\n[network]\nlayers = "{layers}"\n[training]\nepochs = 2\n{load}')


def test_a_file_that_an_option_names_runs_and_is_recorded() -> None:
    assert main(train("xor", "--layers", LAYERS.format("models/net.py"), "--epochs", "2", "--run-dir", "run")) == 0
    assert 'net.py"]' in Path("run/config.toml").read_text()
    assert "torch " in json.loads(Path("run/environment.json").read_text())["layers"]
    network = json.loads(Path("run/network.json").read_text())
    assert network["layers"][0]["spec"] == "torch_module:net.py:Net"


def test_a_setting_names_a_file_as_the_option_does() -> None:
    assert main(train("xor", "--set", f"network.layers={LAYERS.format('models/net.py')}", "--run-dir", "run")) == 0


def test_a_run_goes_on_from_any_folder_to_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    given = ["xor", "--layers", LAYERS.format("models/net.py")]
    assert main(train(*given, "--epochs", "6", "--run-dir", "whole")) == 0
    assert main(train(*given, "--epochs", "2", "--run-dir", "run")) == 0
    Path("other").mkdir()
    monkeypatch.chdir("other")
    assert main(["resume", "../run", "--epochs", "6", "--quiet"]) == 0
    assert report("../run") == report("../whole")


def test_a_crash_changes_no_bit() -> None:
    given = ["xor", "--layers", LAYERS.format("models/net.py"), "--epochs", "3"]
    assert main(train(*given, "--run-dir", "calm")) == 0
    for at in ("forward", "backward", "weight_gradient"):
        assert main(train(*given, "--crash", f"layer=0,step=1,at={at}", "--run-dir", at)) == 0
        assert report(at) == report("calm")


def test_a_moved_file_is_found_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(train("xor", "--layers", LAYERS.format("models/net.py"), "--epochs", "2", "--run-dir", "run")) == 0
    Path("elsewhere").mkdir()
    shutil.move("models/net.py", "elsewhere/net.py")
    np.save("samples.npy", load("xor").test.inputs)
    assert main(["predict", "run", "samples.npy"]) == 2
    assert "net.py" in capsys.readouterr().err
    assert len(printed(capsys, "predict", "run", "samples.npy", "--load", "elsewhere/net.py")["predictions"]) == 4
    assert main(["resume", "run", "--epochs", "4", "--load", "elsewhere/net.py", "--quiet"]) == 0


@pytest.mark.parametrize("load", ["", 'load = ["models/net.py"]'])
def test_a_file_that_a_config_names_does_not_run(load: str, capsys: pytest.CaptureFixture[str]) -> None:
    config("sent.toml", LAYERS.format("models/net.py"), load)
    assert main(train("sent.toml", "--run-dir", "run")) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not Path("ran").exists()
    assert not Path("run").exists()
    assert main(train("sent.toml", "--load", "models/net.py", "--run-dir", "run")) == 0
    assert Path("ran").exists()


def test_what_a_config_loads_is_not_named_by_an_option_that_names_another(capsys: pytest.CaptureFixture[str]) -> None:
    Path("evil.py").write_text("from pathlib import Path\nPath('evil').touch()\n")
    config("sent.toml", "dense:2", 'load = ["evil.py"]')
    assert main(train("sent.toml", "--layers", LAYERS.format("models/net.py"))) == 2
    assert "to be named by you" in capsys.readouterr().err
    assert not Path("evil").exists()


def test_the_folder_of_another_user_runs_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(train("xor", "--layers", LAYERS.format("models/net.py"), "--run-dir", "run")) == 0
    np.save("samples.npy", load("xor").test.inputs)
    monkeypatch.setenv("XDG_STATE_HOME", "nowhere")
    Path("ran").unlink()
    for command in (["predict", "run", "samples.npy"], ["resume", "run"], ["train", "run/config.toml"]):
        assert main(command) == 2
        assert "--load" in capsys.readouterr().err
    assert main(["inspect", "run"]) == 0
    assert not Path("ran").exists()


def test_a_text_calls_nothing_that_the_file_imports(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.py").write_text("from os import abort\nfrom torch.nn import ReLU\nimport torch\nabort_too = abort\n")
    for name in ("abort", "abort_too", "ReLU", "torch", "missing"):
        assert main(train("xor", "--layers", f"torch_module:mine.py:{name} dense:2")) == 2
        assert f"of its own that is called {name}, got" in capsys.readouterr().err


def test_files_of_one_name_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path("net.py").write_text(NET)
    both = f"torch_module:net.py:Net dense:2 {LAYERS.format('models/net.py')}"
    assert main(train("xor", "--layers", both)) == 2
    assert "expected layers to name files of different names, got net.py and models/net.py" in capsys.readouterr().err
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("torch_module", "expected layer 0 as torch_module:file:name[:device]"),
        ("torch_module:models/net.py", "expected layer 0 as torch_module:file:name[:device]"),
        ("torch_module:nothing.py:Net", "expected a Python file to load at nothing.py, got none"),
        ("torch_module:models/net.py:Net:device=tpu", "device"),
        ("dense:3 torch_module:models/net.py:Net", "layer 1 (torch_module:net.py:Net) does not fit layer 0 (dense:3)"),
    ],
)
def test_bad_input_gets_one_line(word: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(train("xor", "--layers", f"{word} dense:2", "--run-dir", "run")) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert message in err
    assert not Path("run").exists()


def test_a_saved_learner_is_loaded_with_the_file() -> None:
    run_user_file("models/net.py")
    learner = Learner(parse_layers(LAYERS.format("net.py")), runtime="inline", load=["models/net.py"])
    learner.train(load("xor"), epochs=2, batch_size=4)
    learner.save("model.safetensors")
    again = Learner.load("model.safetensors", runtime="inline", load=["models/net.py"])
    inputs = load("xor").test.inputs
    assert again.predict(inputs).tobytes() == learner.predict(inputs).tobytes()
