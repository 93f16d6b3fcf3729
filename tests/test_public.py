from __future__ import annotations

import doctest
import subprocess
import sys
from importlib.metadata import version

import pytest

import annex_actors
from annex_actors import public


def test_the_package_has_every_public_name() -> None:
    for name in public.__all__:
        assert getattr(annex_actors, name) is getattr(public, name)


def test_the_example_of_the_package_is_true() -> None:
    failed, tried = doctest.testmod(annex_actors)
    assert (failed, tried) == (0, 4)


def test_a_name_that_is_none_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = annex_actors.nothing_of_the_kind


def test_the_version_is_that_of_the_distribution() -> None:
    assert annex_actors.__version__ == version("annex-actors")


@pytest.mark.parametrize(
    "code",
    [
        "from annex_actors import *; Learner(sequence(dense(3)))",
        "from annex_actors import layers; layers.dense(3)",
        "import annex_actors.base.checks; annex_actors.base.checks.whole_number('seed', 3, at_least=0)",
        "from annex_actors.layers import dense; dense(3)",
    ],
)
def test_whatever_is_imported_first_works(code: str) -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
