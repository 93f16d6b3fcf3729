from __future__ import annotations

import dataclasses
import doctest
import inspect
import logging

import pytest

import supervisors
from supervisors import Backoff, ChildSpec, DynamicSupervisor, Supervisor


def test_the_worked_example_prints_what_it_says(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "supervisors")
    outcome = doctest.testmod(supervisors)
    assert outcome.attempted > 8
    assert outcome.failed == 0


def test_every_option_is_in_the_package_documentation() -> None:
    text = supervisors.__doc__ or ""
    options = {field.name for kind in (ChildSpec, Backoff) for field in dataclasses.fields(kind)}
    options |= set(inspect.signature(Supervisor.start).parameters)
    options |= set(inspect.signature(DynamicSupervisor.start).parameters)
    assert {option for option in options if option not in text} == set()


def test_every_public_name_has_a_docstring_that_says_what_it_is() -> None:
    undocumented = [
        name
        for name in supervisors.__all__
        if inspect.isroutine(value := getattr(supervisors, name)) or inspect.isclass(value)
        if not inspect.getdoc(value)
    ]
    assert undocumented == []
