"""An extra brings all that its part of the package imports; an error names the extra that brings what is missing."""

from __future__ import annotations

import re
import sys
import tomllib

import pytest

from tests.test_architecture import ANNEX, ROOT, SUPERVISORS, roots

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

LISTED = PROJECT["optional-dependencies"]

MODULES = {"pillow": "PIL", "scikit-learn": "sklearn"}
"""The name that a package is imported by, where it is another one."""

PARTS = {
    "torch": {"layers/native/", "layers/torch_library.py"},
    "images": {"data/pictures.py"},
    "plots": {"runs/curves.py", "experiments/sweep.py", "tracing/pictures.py", "tracing/gantt.py"},
    "serve": {"service/"},
    "observe": {"page/"},
    "onnx": {"export/graph.py"},
    "tensorboard": {"observe/tensorboard_log.py"},
    "top": {"cli/top.py", "cli/live_table.py", "cli/step.py", "cli/step_view.py"},
    "lessons": {"lessons/", "cli/learn.py", "tracing/pictures.py", "tracing/gantt.py"},
    "ray": {"runtimes/ray/", "training/cluster_profiles.py"},
}
"""What each extra is for: modules, and folders of modules, of `annex_actors`."""


def brought(requirements: list[str]) -> set[str]:
    """Return the names by which packages are imported that are given as ``package>=version``."""
    names = [re.split(r"[<>=\[]", each, maxsplit=1)[0] for each in requirements]
    return {MODULES.get(name, name) for name in names}


def part(extra: str) -> dict[str, str]:
    """Return the modules that an extra is for, by their paths."""
    return {path: source for path, source in ANNEX.items() if any(path.startswith(each) for each in PARTS[extra])}


ALWAYS = {"annex_actors", "supervisors", *sys.stdlib_module_names} | brought(PROJECT["dependencies"])


@pytest.mark.parametrize("extra", PARTS)
def test_an_extra_brings_what_its_part_imports(extra: str) -> None:
    found = set[str]().union(*(roots(source) for source in part(extra).values()))
    assert found - ALWAYS == brought(LISTED[extra])


def test_without_extras_nothing_is_imported_that_only_an_extra_brings() -> None:
    of_extras = {path for extra in PARTS for path in part(extra)}
    light = {path: source for path, source in ANNEX.items() if path not in of_extras} | SUPERVISORS
    assert {path: found for path, source in light.items() if (found := roots(source) - ALWAYS)} == {}


@pytest.mark.parametrize("path", [path for path, source in ANNEX.items() if "annex-actors[" in source])
def test_an_error_names_an_extra_that_its_module_is_part_of(path: str) -> None:
    named = set(re.findall(r"annex-actors\[(\w+)\]", ANNEX[path]))
    assert named <= {extra for extra in PARTS if path in part(extra)}


def test_all_is_each_extra_for_users() -> None:
    (everything,) = LISTED["all"]
    assert set(re.split(r"[\[\],]", everything)) - {"annex-actors", ""} == {*LISTED} - {"all", "dev"} == {*PARTS}
