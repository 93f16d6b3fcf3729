from __future__ import annotations

import builtins
import doctest
import inspect
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any, get_args, get_origin, get_type_hints

import pytest

import annex_actors
from annex_actors import public


def test_the_package_has_every_public_name() -> None:
    for name in public.__all__:
        assert getattr(annex_actors, name) is getattr(public, name)


def test_an_import_of_all_names_replaces_nothing_of_pythons() -> None:
    assert [name for name in public.__all__ if hasattr(builtins, name)] == []


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


VALUES_TO_READ = {"LearnerSpec", "Planned", "RunDirectory", "SavedRun", "Trace", "Tracer"}
"""A learner, the planner or a run makes them: checked settings, the best plan and the reasons, a folder and its records
(`annex_actors.runs.records`), and a trace and its figures and pieces."""

BETWEEN_ACTORS = {
    *("Learner.carry_out", "Checkpoint", "Checkpoints.newest", "Checkpoints.at", "StageTally.add"),
    *("Preparation", "DelayedLinks.seconds", "SlowedLayers.instrument"),
}
"""What a training and its runtime tell each other; they alone make a `Checkpoint`, and `fit` makes a `Preparation`."""


def annotated() -> Iterator[tuple[str, Any]]:
    """Yield each public function, constructor and method by name."""
    for name in public.__all__:
        value = getattr(public, name)
        if inspect.isfunction(value):
            yield name, value
        elif inspect.isclass(value) and name not in VALUES_TO_READ:
            yield name, value.__init__
            for member, method in vars(value).items():
                function = getattr(method, "__func__", getattr(method, "fget", method))
                if inspect.isfunction(function) and not member.startswith("_") and member != "start":
                    yield f"{name}.{member}", function


def named_in(annotation: Any) -> Iterator[type[Any]]:
    """Yield the classes of this package in an annotation."""
    for part in get_args(annotation):
        yield from (each for one in (part if isinstance(part, list) else [part]) for each in named_in(one))
    kind = get_origin(annotation) or annotation
    if isinstance(kind, type) and kind.__module__.startswith("annex_actors"):
        yield kind


def is_public(kind: type[Any]) -> bool:
    """Return whether users can name a class, or a public protocol that it satisfies, such as a layer's."""
    if getattr(public, kind.__name__, None) is kind:
        return True
    return all(hasattr(kind, name) for name in ("name", "spec", "output_shape", "forward", "backward"))


@pytest.mark.parametrize(("place", "function"), list(annotated()), ids=[place for place, _ in annotated()])
def test_every_type_in_a_public_signature_is_public(place: str, function: Any) -> None:
    if not {place, place.partition(".")[0]} & BETWEEN_ACTORS:
        for name, annotation in get_type_hints(function).items():
            for kind in named_in(annotation):
                assert is_public(kind), f"{place}: `{name}` is a {kind.__name__}, which is not public"
