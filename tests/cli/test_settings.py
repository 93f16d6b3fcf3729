"""Every setting of a config is listed with its type, default and meaning, which are made from the code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from annex_actors.cli import main
from annex_actors.cli.options import _SETTING_OF
from annex_actors.optimizers import OPTIMIZERS
from annex_actors.runs.config import RunConfig
from annex_actors.runs.reference import settings
from annex_actors.runtimes import RUNTIMES
from tests import tables

ALL = settings()


@pytest.mark.parametrize("setting", ALL, ids=lambda each: f"{each.key} {each.of or ''}")
def test_every_setting_has_a_type_and_a_meaning(setting: object) -> None:
    assert getattr(setting, "meaning", "").endswith(".")
    assert not getattr(setting, "meaning", "").startswith((">", "<", "None"))
    words = str(getattr(setting, "type", "")).replace(" or ", "/").split("/")
    lists = {"list of text", "list of integer", "text by name"}
    assert set(words) <= {"integer", "number", "text", "true", "false", "rule", *lists}


def test_every_key_of_a_config_is_a_setting_and_every_class_that_can_be_chosen_has_its_own() -> None:
    keys = {each.key for each in ALL}
    for name, field in RunConfig.model_fields.items():
        inner = getattr(field.annotation, "model_fields", {})
        assert {f"{name}.{key}" for key in inner} <= keys if inner else name in keys
    assert {each.of for each in ALL} - {None} <= {*OPTIMIZERS, *RUNTIMES}
    assert ("optimizer.momentum", "sgd") in {(each.key, each.of) for each in ALL}


def test_every_option_that_is_a_setting_is_a_setting() -> None:
    assert set(_SETTING_OF.values()) <= {each.key for each in ALL}


def test_the_help_of_train_has_the_key_and_the_default_of_each_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "[supervision.max_restarts; by default 100]" in shown
    assert "[training.epochs; suggested by the data set, for digits 20]" in shown
    assert "annex-actors settings" in shown
    assert all(f"[{key};" in shown for key in _SETTING_OF.values())


def test_all_settings_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings"]) == 0
    shown = capsys.readouterr().out
    assert "\n[training]\n" in shown
    assert '\n[optimizer], with name = "sgd":\n' in shown
    assert all(each.key.rpartition(".")[2] in shown for each in ALL)


def test_one_setting_is_shown_with_the_names_that_it_can_have(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", "training.schedule"]) == 0
    shown = capsys.readouterr().out
    assert 'text, by default "1f1b"' in shown
    assert "all microbatches forward, then all back" in " ".join(shown.split())
    assert "epochs" not in shown


def test_json_is_one_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", "checkpoints", "--json"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert [(each["key"], each["type"], each["default"]) for each in json.loads(out)] == [
        ("checkpoints.every", "integer", 10),
        ("checkpoints.keep", "integer or text", 2),
    ]


def test_an_unknown_key_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", "training.epoch"]) == 2
    assert "did you mean 'training.epochs'?" in capsys.readouterr().err


MINE = '''
from dataclasses import dataclass
from annex_actors import register_optimizer


@dataclass(frozen=True)
class Mine:
    """Does nothing.

    Args:
        boldness: how bold it is.
    """

    boldness: float = 0.5
    name = "mine"

    def initial_state(self, parameters): ...

    def update(self, step, parameters, gradients, state): ...


register_optimizer("mine", Mine)
'''


def test_what_a_user_registers_is_listed_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tables.restored(monkeypatch)
    (tmp_path / "mine.py").write_text(MINE)
    assert main(["settings", "optimizer", "--load", str(tmp_path / "mine.py")]) == 0
    shown = capsys.readouterr().out
    assert '[optimizer], with name = "mine":\nboldness  number, by default 0.5. How bold it is.\n' in shown
