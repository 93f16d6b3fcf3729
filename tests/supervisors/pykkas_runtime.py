"""A plugin for pytest that has Pykka's own tests start the actors of `supervisors`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from supervisors import Actor


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: Any, request: Any) -> Any:
    """Put `Actor` into the fixture that says what to test."""
    if fixturedef.argname != "runtime":
        return None
    runtime = replace(request.param, actor_class=Actor)
    fixturedef.cached_result = (runtime, fixturedef.cache_key(request), None)
    return runtime
