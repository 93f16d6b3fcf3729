"""A checker is worth what it refuses: each transform here breaks one promise, and the message says which."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.base.types import Floats
from annex_actors.data.tables import Kind
from annex_actors.data.transforms import TRANSFORMS, Block, State, parse_transforms, register_transform
from annex_actors.testing import check_transform

CALLS = count()


@dataclass(frozen=True)
class Centre:
    """Subtract the mean: a transform that keeps all promises."""

    weight: float = 1.0

    @property
    def name(self) -> str:
        return "mine"

    def spec(self) -> str:
        return f"mine:{self.weight}"

    def fit(self, block: Block, targets: Floats) -> State:
        return {"mean": np.nan_to_num(block.numbers("mine")).mean(axis=0), "words": ("a", "b")}

    def apply(self, state: State, block: Block) -> Block:
        values: Any = block.numbers("mine") - np.asarray(state["mean"])
        return Block(block.names, Kind.NUMBER, values)

    def changed(self, state: State, block: Block, values: Any) -> Block:
        return replace(Centre.apply(self, state, block), values=values)


class WritesToTheCells(Centre):
    def fit(self, block: Block, targets: Floats) -> State:
        block.values[0] = 0
        return super().fit(block, targets)


class WritesToTheState(Centre):
    def apply(self, state: State, block: Block) -> Block:
        np.asarray(state["mean"])[:] = 0
        return super().apply(state, block)


class LearnsOtherwiseEachTime(Centre):
    def fit(self, block: Block, targets: Floats) -> State:
        return {"mean": np.array([float(next(CALLS))])}


class GivesOtherNumbersEachTime(Centre):
    def apply(self, state: State, block: Block) -> Block:
        return self.changed(state, block, np.full(block.values.shape, float(next(CALLS))))


class LearnsAList(Centre):
    def fit(self, block: Block, targets: Floats) -> State:
        return {"mean": [0.0]}  # type: ignore[dict-item]


class LearnsObjects(Centre):
    def fit(self, block: Block, targets: Floats) -> State:
        return {"mean": np.array([None])}


class GivesAnArray(Centre):
    def apply(self, state: State, block: Block) -> Block:
        return block.values  # type: ignore[return-value]


class LosesARow(Centre):
    def apply(self, state: State, block: Block) -> Block:
        return self.changed(state, block, block.values[1:])


class NamesTooFew(Centre):
    def apply(self, state: State, block: Block) -> Block:
        return replace(super().apply(state, block), names=())


class NamesTwoAlike(Centre):
    def apply(self, state: State, block: Block) -> Block:
        return Block(("a", "a"), Kind.NUMBER, np.hstack([block.values, block.values]))


class GivesFloat32(Centre):
    def apply(self, state: State, block: Block) -> Block:
        return self.changed(state, block, block.numbers("mine").astype(np.float32))


class MixesRows(Centre):
    def apply(self, state: State, block: Block) -> Block:
        return self.changed(state, block, block.values - block.values.mean(axis=0))


class NamesByTheRows(Centre):
    def apply(self, state: State, block: Block) -> Block:
        return replace(super().apply(state, block), names=(f"{len(block)} rows",))


class LosesCells(Centre):
    def apply(self, state: State, block: Block) -> Block:
        values = block.numbers("mine")
        return self.changed(state, block, np.where(values > 1, np.nan, values))


class GivesInfiniteNumbers(Centre):
    def apply(self, state: State, block: Block) -> Block:
        values = block.numbers("mine")
        return self.changed(state, block, np.where(values > 1, np.inf, values))


class LooksAtTheTargets(Centre):
    def fit(self, block: Block, targets: Floats) -> State:
        return {"mean": targets[:1, 0].copy()}


class TellsARowItsOwnTarget(LooksAtTheTargets):
    def apply_out_of_fold(self, block: Block, targets: Floats) -> Block:
        return self.changed({"mean": np.zeros(1)}, block, targets[:, :1].copy())


class NamesOthersOutOfFold(Centre):
    def apply_out_of_fold(self, block: Block, targets: Floats) -> Block:
        return Block(("other",), Kind.NUMBER, block.numbers("mine"))


class RaisesAnything(Centre):
    def fit(self, block: Block, targets: Floats) -> State:
        if block.kind is Kind.TEXT:
            raise ValueError("could not convert string to float")
        return super().fit(block, targets)


class ForgetsItsSetting(Centre):
    def spec(self) -> str:
        return "mine"


class HasSpaces(Centre):
    def spec(self) -> str:
        return f"mine: {self.weight}"


class HasAnotherName(Centre):
    def spec(self) -> str:
        return f"yours:{self.weight}"


@pytest.fixture(autouse=True)
def table_of_transforms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore the table of transforms after each test."""
    monkeypatch.setattr(TRANSFORMS, "_entries", dict(TRANSFORMS))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (WritesToTheCells, r"mine:2.0.fit writes to an array that it was given; make a new one"),
        (WritesToTheState, r"mine:2.0.apply writes to an array that it was given; make a new one"),
        (LearnsOtherwiseEachTime, r"mine:2.0.fit differs from call to call"),
        (GivesOtherNumbersEachTime, r"mine:2.0.apply differs from call to call"),
        (LearnsAList, r"expected mine:2.0.fit to return an array of numbers or a tuple of text as mean, got \[0.0\]"),
        (
            LearnsObjects,
            r"expected mine:2.0.fit to return an array of numbers .*, got an array of shape \(1,\), object",
        ),
        (GivesAnArray, r"expected mine:2.0.apply to return a Block, got an array"),
        (LosesARow, r"expected mine:2.0.apply to return values of shape \(40, 1\), .*, got \(39, 1\)"),
        (NamesTooFew, r"expected mine:2.0.apply to return values of shape \(40, 0\), .*, got \(40, 1\)"),
        (NamesTwoAlike, r"expected mine:2.0.apply to name each column differently, got \('a', 'a'\)"),
        (GivesFloat32, r"expected mine:2.0.apply of dtype float64, got float32"),
        (MixesRows, r"mine:2.0.apply mixes rows"),
        (NamesByTheRows, r"mine:2.0.apply gives other columns for other rows: \('1 rows',\)"),
        (LosesCells, r"mine:2.0.apply returns a missing cell in training row \d+"),
        (GivesInfiniteNumbers, r"mine:2.0.apply returns an infinite number"),
        (LooksAtTheTargets, r"mine:2.0.fit uses the targets; give the transform `apply_out_of_fold`"),
        (TellsARowItsOwnTarget, r"mine:2.0.apply_out_of_fold gives row 0 its own target"),
        (NamesOthersOutOfFold, r"mine:2.0.apply_out_of_fold gives other columns than `apply`"),
        (
            RaisesAnything,
            r"mine:2.0.fit fails by ValueError with cells of kind text: could not convert .*; raise DataError",
        ),
        (ForgetsItsSetting, r"mine is read back by parse_transforms as ForgetsItsSetting\(weight=1.0\), not as"),
        (HasSpaces, r"expected a spec without spaces, got 'mine: 2.0'"),
        (HasAnotherName, r"expected a spec that begins with 'mine', got 'yours:2.0'"),
    ],
)
def test_a_broken_promise_is_named(broken: type[Centre], message: str) -> None:
    register_transform("mine", broken)
    with pytest.raises(AssertionError, match=message) as caught:
        check_transform(broken(2.0))
    assert "\n" not in str(caught.value)


def test_a_transform_that_keeps_its_promises_passes() -> None:
    register_transform("mine", Centre)
    check_transform(Centre(2.0), columns=3, samples=11, seed=5)
    check_transform(Centre(), kind="integer")  # type: ignore[arg-type]


def test_a_transform_without_a_name_is_refused() -> None:
    with pytest.raises(AssertionError, match=r"is not read back by parse_transforms: .*; register_transform it"):
        check_transform(Centre())


@pytest.mark.parametrize(
    ("spec", "kinds", "columns"),
    [
        *((spec, "number integer boolean", 3) for spec in ("standardise", "robust", "minmax", "minmax:clip=true")),
        *((spec, "number integer", 3) for spec in ("quantile", "quantile:5:uniform", "log", "passthrough", "pca:2")),
        *((spec, "number integer boolean", 3) for spec in ("impute", "impute:mean:false")),
        *((spec, "number integer boolean date text", 1) for spec in ("one_hot", "one_hot:2", "ordinal", "target_mean")),
        *((spec, "text number date", 1) for spec in ("hashing:8", "bag_of_words:16", "tokens:5:4", "drop")),
        ("impute:most_frequent", "text", 1),
        ("date_parts", "date", 1),
        ("drop", "text", 3),
    ],
)
def test_our_transforms_pass(spec: str, kinds: str, columns: int) -> None:
    (transform,) = parse_transforms(spec)
    for kind in kinds.split():
        check_transform(transform, kind=Kind(kind), columns=columns)


@pytest.mark.parametrize("options", [{"columns": 0}, {"samples": 9}, {"seed": -1}, {"kind": "word"}])
def test_another_argument_out_of_range_is_refused_by_name(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"^expected `\w+` to be "):
        check_transform(parse_transforms("log")[0], **options)
