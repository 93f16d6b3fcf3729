"""How a learner's code is judged: its results are compared, bit by bit, with those of the solution."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cache

import numpy as np

from annex_actors.lessons.steps import Code, Found, WrongCode
from annex_actors.lessons.submission import Unusable, changed, imported_by, module_of, unusable

COURSE = "annex_actors.lessons"


class Kind(Enum):
    """What an answer or code is."""

    RIGHT = "right"
    WRONG = "wrong"
    LISTED = "wrong, explained"
    """One of the wrong ones that have an explanation of their own."""
    UNWRITTEN = "not written yet"
    FAILS = "fails"
    REFUSED = "has the answer from elsewhere"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a learner is told of an answer or of code.

    Args:
        kind: what it is.
        says: why, or what is wrong.
    """

    kind: Kind
    says: str

    @property
    def passed(self) -> bool:
        """Whether it is right."""
        return self.kind is Kind.RIGHT

    @property
    def is_listed(self) -> bool:
        """Whether it is one of the wrong ones that have an explanation of their own."""
        return self.kind is Kind.LISTED


@dataclass(frozen=True, eq=False)
class Outcome:
    """The results of a file.

    Args:
        found: in order; up to the first that is far from what it has to be near.
        failed: the error that ended it; None: there was none.
    """

    found: tuple[Found, ...]
    failed: Unusable | None = None

    def is_same(self, other: Outcome) -> bool:
        """Return whether both are the same to the last bit, errors included."""
        reasons = [each.failed.reason if each.failed else None for each in (self, other)]
        return (
            reasons[0] == reasons[1]
            and len(self.found) == len(other.found)
            and all(_difference(*pair) is None for pair in zip(self.found, other.found, strict=True))
        )


def judge(code: Code, source: str, file: str) -> Verdict:
    """Run what a learner wrote, and say whether it is right.

    Args:
        code: the step.
        source: the content of the learner's file.
        file: its path, for messages.
    """
    if gives_away := _gives_away(code, source):
        return Verdict(Kind.REFUSED, f"it uses {gives_away}, which has the answer; write the part yourself")
    mine = outcome_of(code, source, file)
    if mine.failed and mine.failed.is_unwritten:
        return Verdict(Kind.UNWRITTEN, f"{mine.failed}. {code.hint}")
    problem = _problem(mine, _expected(code))
    if problem is None:
        return Verdict(Kind.RIGHT, code.then)
    for wrong in code.wrong:
        if mine.is_same(_outcome_of_wrong(code, wrong)):
            return Verdict(Kind.LISTED, f"{problem}\n{wrong.says}")
    return Verdict(Kind.FAILS if problem == str(mine.failed) else Kind.WRONG, problem)


def outcome_of(code: Code, source: str, file: str) -> Outcome:
    """Return the results of a file; it is run here and now."""
    found: list[Found] = []
    try:
        for each in code.outcome(module_of(source, file)):
            if each.value is None:
                raise Unusable(f"{each.what} is None", is_unwritten=True)
            found.append(each)
            if _far(each) is not None:
                break
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a learner's code raises is an outcome
        return Outcome(tuple(found), unusable(error, file))
    return Outcome(tuple(found))


def prepare(code: Code) -> None:
    """Find out the results of the solution and of all wrong ones that are listed, which `judge` needs."""
    _expected(code)
    for wrong in code.wrong:
        _outcome_of_wrong(code, wrong)


@cache
def _expected(code: Code) -> Outcome:
    return outcome_of(code, code.solution, "solution.py")


@cache
def _outcome_of_wrong(code: Code, wrong: WrongCode) -> Outcome:
    return outcome_of(code, changed(code.solution, wrong), "wrong.py")


def _problem(mine: Outcome, expected: Outcome) -> str | None:
    """Return the first thing that differs, or is far from what it has to be near; None if nothing does."""
    for got, wanted in zip(mine.found, expected.found, strict=False):
        if problem := _far(got) or _difference(got, wanted):
            return problem
    return str(mine.failed) if mine.failed else None


def _far(found: Found) -> str | None:
    """Return what is far from what it has to be near."""
    if found.near is None:
        return None
    array, near = found.array, found.near
    if array.dtype.kind not in "iufb" or array.shape != near.shape:
        return f"{found.what}: expected numbers of shape {near.shape}, got {_kind(found)}"
    close = np.abs(array - near) <= found.within * max(1e-30, float(np.abs(near).max(initial=0)))
    if close.all():  # False for NaN
        return None
    at = _first(~close)
    return f"{found.what}{_place(at)}: expected {near[at]:.6g}, by {found.by}, got {array[at]:.6g}"


def _difference(got: Found, wanted: Found) -> str | None:
    """Return how one thing differs from the solution's."""
    if isinstance(wanted.value, str) or isinstance(got.value, str):
        told = [each.value if isinstance(each.value, str) else _kind(each) for each in (wanted, got)]
        return None if told[0] == told[1] else f"{wanted.what}: expected {told[0]}, got {told[1]}"
    mine, other = got.array, wanted.array
    if mine.dtype.kind not in "iufb" or mine.shape != other.shape or mine.dtype != other.dtype:
        return f"{wanted.what}: expected {_kind(wanted)}, got {_kind(got)}"
    if mine.tobytes() == other.tobytes():
        return None
    at = _first(_bits(mine) != _bits(other))
    return f"{wanted.what}{_place(at)}: expected {_number(other[at])}, got {_number(mine[at])}"


def _bits(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}").reshape(array.shape)


def _number(value: np.generic) -> str:
    """Return a number with as many digits as tell it from all others."""
    return f"{value:,}" if isinstance(value, np.integer) else str(value)


def _kind(found: Found) -> str:
    array = found.array
    if array.dtype.kind not in "iufb":
        return f"{type(found.value).__name__}"
    return f"{array.dtype} of shape {array.shape}" if array.shape else f"{array.dtype}"


def _first(differs: np.ndarray) -> tuple[int, ...]:
    return tuple(map(int, np.argwhere(differs)[0]))


def _place(at: tuple[int, ...]) -> str:
    return f", element {at if len(at) > 1 else at[0]}" if at else ""


def _gives_away(code: Code, source: str) -> str | None:
    """Return what a file imports that would give the answer away."""
    try:
        names = list(imported_by(source))
    except SyntaxError:
        return None  # found again where the file is run, which says so
    refused = (COURSE, *code.forbidden)
    return next((name for name in names if any(f"{name}.".startswith(f"{each}.") for each in refused)), None)
