from __future__ import annotations

import dataclasses
import doctest
import inspect
import logging
import re
from pathlib import Path

import pytest

import supervisors
from supervisors import Backoff, ChildSpec, DynamicSupervisor, Scheduler, Supervisor
from supervisors.root import TreeOptions

PACKAGE = Path(supervisors.__file__).parent
README = PACKAGE / "README.md"
PAGES = [README, PACKAGE / "COMING_FROM_PYKKA.md"]


def fields(kind: type) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)}


def options_of(supervisor: type) -> set[str]:
    """Return what the ``start`` of a supervisor takes: the arguments of its class, and those of a root."""
    return set(inspect.signature(supervisor).parameters) | {"name", *TreeOptions.__annotations__}


def test_the_worked_examples_print_what_they_say(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "supervisors")
    pages = [doctest.testfile(str(page), module_relative=False) for page in PAGES]
    outcomes = [doctest.testmod(supervisors), *pages]
    assert sum(outcome.attempted for outcome in outcomes) > 25
    assert [outcome.failed for outcome in outcomes] == [0] * len(outcomes)


@pytest.mark.parametrize("page", PAGES)
def test_every_code_block_of_a_page_is_tested_or_a_command(page: Path) -> None:
    blocks = re.findall(r"```(.*?)\n(.*?)```", page.read_text(), re.DOTALL)
    assert all(text.startswith(">>>" if language == "python" else "pip install") for language, text in blocks)


def test_every_option_is_in_the_package_documentation() -> None:
    text = supervisors.__doc__ or ""
    options = fields(ChildSpec) | fields(Backoff) | set(inspect.signature(Scheduler).parameters)
    options |= options_of(Supervisor) | options_of(DynamicSupervisor)
    assert {option for option in options if option not in text} == set()


def test_every_option_is_in_the_readme() -> None:
    text = README.read_text()
    options = (fields(ChildSpec) | options_of(Supervisor)) - {"id", "start", "children", "name"}
    assert {option for option in options if f"`{option}`" not in text} == set()


def test_the_readme_is_read_in_one_sitting_and_names_every_wing() -> None:
    text = README.read_text()
    assert len(text.splitlines()) <= 200
    assert all(f"`{path.parent.name}/`" in text for path in PACKAGE.glob("*/__init__.py"))


def test_every_file_of_a_wing_is_in_the_order_to_read_it() -> None:
    for wing in ("rules", "threads", "lifecycle", "children"):
        text = (PACKAGE / wing / "__init__.py").read_text()
        files = {path.stem for path in (PACKAGE / wing).glob("*.py")} - {"__init__"}
        assert {name for name in files if f"`{name}`" not in text} == set(), wing


def test_every_public_name_has_a_docstring_that_says_what_it_is() -> None:
    undocumented = [
        name
        for name in supervisors.__all__
        if inspect.isroutine(value := getattr(supervisors, name)) or inspect.isclass(value)
        if not inspect.getdoc(value)
    ]
    assert undocumented == []
