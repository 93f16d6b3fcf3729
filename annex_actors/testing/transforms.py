"""The checker of transforms."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annex_actors.base import checks
from annex_actors.base.errors import UserError, message_of
from annex_actors.base.shown import shown
from annex_actors.base.types import Array, Floats
from annex_actors.data.tables.columns import Form, Kind
from annex_actors.data.transforms import Block, Fitted, OutOfFold, State, Transform, files, parse_transforms
from annex_actors.testing.promises import random, read_only, require, require_kind, unwritten

_LEAST = 10
"""Training rows that a transform can learn from."""

_WORDS = ("red", "a green bird", "the blue fish, again", "red", "no", "Two words", "7", "ünï")
_NEW_WORDS = (*_WORDS, "never seen", "seven more words than there were before")
_KINDS = "biuf"


def check_transform(
    transform: Transform, *, kind: Kind = Kind.NUMBER, columns: int = 1, samples: int = 40, seed: int = 0
) -> None:
    """Check that a transform keeps the promises of the protocols `Transform` and `OutOfFold`.

    `parse_transforms` reads its spec back; it can be pickled; what it learns is arrays of numbers and tuples of text,
    which files hold to the last bit; `fit` and `apply` write to no argument, and the same call gives the same bits; a
    block of as many rows comes out, whose names are those of the fit; a row depends on no other row, and of a training
    row without a missing cell no cell is missing or infinite; what looks at the targets is `OutOfFold`, and a training
    row then does not know its own. All this is checked without missing cells, and with some unless they are refused;
    what it cannot take, it refuses with a `DataError`.

    Args:
        transform: the transform to check.
        kind: what the cells are that it is given, at random.
        columns: how many, >= 1.
        samples: training rows, >= 10.
        seed: of the random cells and targets.

    Raises:
        AssertionError: the first promise that is broken.
        ConfigError: another argument out of range.
    """
    require_kind(transform, Transform)
    kind = checks.member("kind", kind, Kind)
    checks.whole_number("columns", columns, at_least=1)
    checks.whole_number("samples", samples, at_least=_LEAST)
    checks.whole_number("seed", seed, at_least=0)
    _check_text(transform)
    targets = random(seed, (samples, 2), np.dtype(np.float64))
    trial = _Trial(
        transform,
        _block(kind, samples, columns, seed, _WORDS),
        _block(kind, samples, columns, seed + 1, _NEW_WORDS),
        targets,
    )
    trial.check()
    holed = replace(trial, block=_with_missing(trial.block, seed))
    if holed.is_taken():
        holed.check()
    for other in Kind:
        replace(trial, block=_block(other, samples, columns, seed, _WORDS)).is_taken()


@dataclass(frozen=True)
class _Trial:
    """A transform with training rows, and rows with cells that those have not; every array is read-only."""

    transform: Transform
    block: Block
    others: Block
    targets: Floats

    def check(self) -> None:
        """Check all promises for these rows."""
        state = self._state()
        self._check_files(state)
        self._check_rows(state)
        self._check_block("apply", self._twice("apply", lambda: self._applied(state, self.others)), len(self.others))
        self._check_targets(state)

    def is_taken(self) -> bool:
        """Return whether the transform takes the rows; require that it refuses others with a `DataError`."""
        try:
            self.transform.apply(self.transform.fit(self.block, self.targets), self.block)
        except UserError:
            return False
        except Exception as error:
            what = f"{type(error).__name__} with cells of kind {self.block.kind}"
            got = f"{self._label('fit')} fails by {what}: {message_of(error)}; raise DataError"
            raise AssertionError(got) from error
        return True

    def _state(self) -> State:
        """Return what the transform learns, which is of the kinds that files hold, and the same from call to call."""
        label = self._label("fit")
        with unwritten(label, self.block.values, self.targets):
            first, second = (self.transform.fit(self.block, self.targets) for _ in range(2))
        for name, value in first.items():
            is_text = isinstance(value, tuple) and all(isinstance(each, str) for each in value)
            is_array = isinstance(value, np.ndarray) and value.dtype.kind in _KINDS
            wanted = "an array of numbers or a tuple of text"
            require(is_text or is_array, f"expected {label} to return {wanted} as {name}, got {shown(value)}")
        require(_same_state(first, second), f"{label} differs from call to call")
        return {
            name: value if isinstance(value, tuple) else read_only(np.array(value, order="C"))
            for name, value in first.items()
        }

    def _check_files(self, state: State) -> None:
        """Check that the state comes back from JSON and safetensors as it was."""
        forms = (Form(self.block.kind),) * len(self.block.names)
        fitted = Fitted(self.block.names, forms, (self.transform,), (state,), (), "")
        again = files.read(*files.written(*fitted.state()), Fitted.from_state)
        require(_same_state(state, again.states[0]), f"{self._label('fit')} returns what changes in files")

    def _check_rows(self, state: State) -> None:
        """Check what becomes of the training rows, and that no row looks at another."""
        whole = self._twice("apply", lambda: self._applied(state, self.block))
        self._check_block("apply", whole, len(self.block))
        self._check_known("apply", whole)
        turned = np.arange(len(self.block))[::-1]
        for rows in (turned, turned[:1]):
            part = self._applied(state, self.block.rows(rows))
            same = f"{self._label('apply')} gives other columns for other rows: {shown(part.names)}"
            require(part.names == whole.names and part.kind is whole.kind, same)
            # Not to the bit: BLAS may round a single row and a row of many differently.
            require(_close(part.values, whole.values[rows]), f"{self._label('apply')} mixes rows")

    def _check_targets(self, state: State) -> None:
        """Check that a training row does not know its own target."""
        transform, label = self.transform, "apply_out_of_fold"
        if not isinstance(transform, OutOfFold):
            other = replace(self, targets=read_only(self.targets[::-1]))
            sees = not _same_state(state, other._state())
            require(not sees, f"{self._label('fit')} uses the targets; give the transform `apply_out_of_fold`")
            return
        made = self._twice(label, lambda: self._out_of_fold(transform, self.targets))
        self._check_block(label, made, len(self.block))
        self._check_known(label, made)
        require(
            made.names == self._applied(state, self.block).names,
            f"{self._label(label)} gives other columns than `apply`",
        )
        for row in range(0, len(self.block), _LEAST):
            changed = np.array(self.targets)
            changed[row] += 1
            after = self._out_of_fold(transform, read_only(changed)).values[row]
            require(_close(after, made.values[row]), f"{self._label(label)} gives row {row} its own target")

    def _applied(self, state: State, block: Block) -> Block:
        arrays = [each for each in state.values() if not isinstance(each, tuple)]
        with unwritten(self._label("apply"), block.values, *arrays):
            return self.transform.apply(state, block)

    def _out_of_fold(self, transform: OutOfFold, targets: Floats) -> Block:
        with unwritten(self._label("apply_out_of_fold"), self.block.values, targets):
            return transform.apply_out_of_fold(self.block, targets)

    def _twice(self, name: str, call: Callable[[], Block]) -> Block:
        first, second = call(), call()
        for made in (first, second):
            require(isinstance(made, Block), f"expected {self._label(name)} to return a Block, got {shown(made)}")
        same = first.names == second.names and _equal(first.values, second.values)
        require(same, f"{self._label(name)} differs from call to call")
        return first

    def _check_block(self, name: str, made: Block, rows: int) -> None:
        label, shape = self._label(name), (rows, len(made.names))
        require(
            made.values.shape == shape,
            f"expected {label} to return values of shape {shape}, a column for each name, got {made.values.shape}",
        )
        dtype = _block(made.kind, 1, 1, 0, _WORDS).values.dtype
        require(made.values.dtype == dtype, f"expected {label} of dtype {dtype}, got {made.values.dtype}")
        different = len(set(made.names)) == len(made.names) and all(isinstance(each, str) for each in made.names)
        require(different, f"expected {label} to name each column differently, got {shown(made.names)}")
        if made.values.dtype.kind == "f":
            require(not np.isinf(made.values).any(), f"{label} returns an infinite number")

    def _check_known(self, name: str, made: Block) -> None:
        """Check that no cell of a training row is missing afterwards if none was before."""
        whole = ~self.block.missing.any(axis=1)
        lost = np.flatnonzero(made.missing.any(axis=1) & whole)
        require(not len(lost), f"{self._label(name)} returns a missing cell in training row {[*lost, None][0]}")

    def _label(self, name: str) -> str:
        return f"{self.transform.spec()}.{name}"


def _check_text(transform: Transform) -> None:
    text = transform.spec()
    require(text.split() == [text], f"expected a spec without spaces, got {text!r}")
    require(
        text.partition(":")[0] == transform.name, f"expected a spec that begins with {transform.name!r}, got {text!r}"
    )
    try:
        (parsed,) = parse_transforms(text)
    except UserError as error:
        raise AssertionError(f"{text} is not read back by parse_transforms: {error}; register_transform it") from error
    same = type(parsed) is type(transform) and parsed == transform
    require(same, f"{text} is read back by parse_transforms as {shown(parsed)}, not as {shown(transform)}")
    require(pickle.loads(pickle.dumps(transform)).spec() == text, f"{text} changes when it is pickled")


def _block(kind: Kind, rows: int, columns: int, seed: int, words: tuple[str, ...]) -> Block:
    """Return random cells of a kind, read-only, of which none is missing."""
    generator, shape = np.random.default_rng(seed), (rows, columns)
    make: dict[Kind, Callable[[], Array]] = {
        Kind.NUMBER: lambda: generator.standard_normal(shape),
        Kind.INTEGER: lambda: generator.integers(0, 9, shape).astype(np.float64),
        Kind.BOOLEAN: lambda: generator.integers(0, 2, shape).astype(np.float64),
        Kind.DATE: lambda: generator.integers(-(10**15), 2 * 10**15, shape).astype("datetime64[us]"),
        Kind.TEXT: lambda: np.array(words, object)[generator.integers(0, len(words), shape)],
    }
    return Block(tuple(f"column{index}" for index in range(columns)), kind, read_only(make[kind]()))


def _with_missing(block: Block, seed: int) -> Block:
    values, holes = np.array(block.values), np.random.default_rng(seed).random(block.values.shape) < 0.2
    holes[0], holes[-1] = True, False  # in each column at least one, and not all
    values[holes] = {Kind.TEXT: None, Kind.DATE: np.datetime64("NaT")}.get(block.kind, np.nan)
    return Block(block.names, block.kind, read_only(values))


def _same_state(one: State, other: State) -> bool:
    return one.keys() == other.keys() and all(_same_value(one[name], other[name]) for name in one)


def _same_value(one: Any, other: Any) -> bool:
    if isinstance(one, tuple) or isinstance(other, tuple):
        return type(one) is type(other) and one == other
    return _equal(one, other)


def _equal(one: Array, other: Array) -> bool:
    if one.dtype == object:
        return bool(one.tolist() == other.tolist())
    return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


def _close(one: Array, other: NDArray[Any]) -> bool:
    if one.dtype.kind != "f":
        return _equal(np.asarray(one), np.ascontiguousarray(other))
    return one.shape == other.shape and np.allclose(one, other, rtol=1e-9, atol=1e-12, equal_nan=True)
