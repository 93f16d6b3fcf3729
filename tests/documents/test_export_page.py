"""The page on exports is true: its code runs, and its commands are commands."""

from __future__ import annotations

import shlex

import pytest

from annex_actors.cli.app import command as program
from annex_actors.cli.export import _LOGS, _NETWORKS
from tests.readmes import ROOT, blocks

PAGE = ROOT / "annex_actors" / "export" / "README.md"


def test_its_code_runs() -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    for code in blocks(PAGE, "python"):
        exec(code, {})


def test_it_names_every_form() -> None:
    (console,) = blocks(PAGE, "console")
    given = [shlex.split(line.removeprefix("$ annex-actors "), comments=True) for line in console.splitlines()]
    assert {words[0] for words in given} <= {*program.commands}
    assert [words[-1] for words in given if words[0] == "export"] == [*_NETWORKS, *_LOGS]
