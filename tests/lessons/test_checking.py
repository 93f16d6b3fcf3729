"""The checker of learners' code, by a step of its own: a function that doubles an array."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest

from annex_actors.lessons.checking import judge
from annex_actors.lessons.steps import Code, Found, WrongCode
from annex_actors.lessons.submission import new_lines, stub_of

SOLUTION = '''\
"""A file."""


def double(array):
    """Return twice the array."""
    return 2 * array
'''


def outcome(made: ModuleType) -> Iterator[Found]:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    yield Found("twice the array of layer 0 at step 3", made.double(array), near=2 * array, by="counting")


CODE = Code(
    "double",
    "Write it.",
    ("double",),
    SOLUTION,
    outcome,
    "Use *.",
    "Well done.",
    (WrongCode("2 * array", "3 * array", "That is three times."),),
    forbidden=("annex_actors.layers",),
)


def written(body: str) -> str:
    return f"def double(array):\n    {body}\n"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("return array + array", "Well done."),
        ("return 2 * array.astype(float)", "expected float32 of shape (2, 3), got float64 of shape (2, 3)"),
        ("return 2 * array[0]", "expected numbers of shape (2, 3), got float32 of shape (3,)"),
        ("return 2 * array + 1", "at step 3, element (0, 0): expected 0, by counting, got 1"),
        ("return array * np.float32('nan')", "NameError: name 'np' is not defined"),
        ("return array * float('nan')", "element (0, 0): expected 0, by counting, got nan"),
        ("return np.nextafter(2 * array, 9).astype(array.dtype)", "NameError"),
        ("return array + array * type(array.item(0))(1 + 1e-7)", "element (1, 0): expected 6.0, got 6.0000005"),
        ("return 'text'", "expected numbers of shape (2, 3), got str"),
        ("return 3 * array", "That is three times."),
        ("pass", "is None. Use *."),
        ("...", "is None. Use *."),
        ("raise NotImplementedError", "a part is not written yet. Use *."),
        ("return array[7]", "line 2: IndexError: index 7 is out of bounds"),
        ("return exit()", "it ends the program; leave out exit()"),
        ("raise SystemExit", "it ends the program; leave out exit()"),
        ("return array @", "line 2: this is no Python: invalid syntax"),
        ("import annex_actors.layers", "it uses annex_actors.layers, which has the answer"),
        ("from annex_actors.layers.dense import Dense", "it uses annex_actors.layers.dense.Dense"),
        ("from annex_actors.lessons import course", "it uses annex_actors.lessons.course"),
        ("return __import__('annex_actors.lessons.course')", "it uses annex_actors.lessons.course"),
        ("return double(array)", "RecursionError"),
    ],
)
def test_what_a_learner_is_told(body: str, says: str) -> None:
    verdict = judge(CODE, written(body), "mine.py")
    assert says in verdict.says
    assert verdict.passed == (says == "Well done.")
    assert "Traceback" not in verdict.says


def test_a_file_without_the_function_says_which_is_missing() -> None:
    assert "has no attribute 'double'" in judge(CODE, "x = 1\n", "mine.py").says
    assert "has no attribute 'double'" in judge(CODE, "", "mine.py").says


def test_only_the_bodies_are_left_out_of_the_file() -> None:
    assert stub_of(CODE) == SOLUTION.replace("return 2 * array", "raise NotImplementedError  # write this part")
    assert new_lines(CODE) == 1


def test_a_file_with_an_error_at_its_top_names_the_line() -> None:
    assert judge(CODE, "x = 1\ny = x / 0\n", "mine.py").says == "line 2: ZeroDivisionError: division by zero"
