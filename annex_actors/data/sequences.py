"""The user's own sequences, one on each line of a file: numbers step by step, tokens, or a text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from annex_actors.base import checks
from annex_actors.base.errors import DataError
from annex_actors.base.files import memory, open_file, reading, user_path
from annex_actors.base.shown import shown
from annex_actors.base.texts import listed
from annex_actors.base.types import Array, Floats
from annex_actors.base.words import counted
from annex_actors.data.dataset import Dataset
from annex_actors.data.idx import unpacked
from annex_actors.data.labels import check_classes
from annex_actors.data.tables.columns import Column, Kind, Table
from annex_actors.data.transforms.texts import words_of

ENDINGS = (".jsonl", ".jsonl.gz")
"""How the names of files with sequences end."""

_FIRST = 2**26
"""The most bytes of a first line that is looked at."""

_MOST_TOKENS = 2**24
"""Tokens are kept as float32, which has all whole numbers up to here."""


def read_sequences(
    path: str | Path,
    *,
    length: int | None = None,
    vocabulary: int = 10_000,
    test_fraction: float = 0.2,
    seed: int = 0,
) -> Dataset:
    """Return the sequences in a file of JSON lines, with zeros after the last step of those that are shorter.

    Each line is an object with a label and one of three fields, the same on all lines; other fields are left out:

        {"sequence": [[0.5, 2.0], [0.25, 1.5]], "label": "a"}
        {"tokens": [5, 2, 8], "label": "b"}
        {"text": "the keys of the cabinet", "label": "c"}

    Inputs have shape ``(length, width)`` for a sequence of steps, ``(length, 1)`` for one of numbers, and ``(length,)``
    for tokens, which are whole numbers from 1. The words of a text become tokens by the transform ``tokens``, whose
    vocabulary is that of the training samples: 1 is an unknown word. The layer ``mask`` finds the zeros: it leaves out
    steps that hold nothing else. Labels that are text, whole numbers or truth values are classes, numbers with decimals
    are amounts.

    Args:
        path: the file, in UTF-8; packed by gzip if its name ends in ``.gz``.
        length: how many steps each sequence has, >= 1; of longer ones the first are kept. None: the longest one's.
        vocabulary: how many words of texts have a token of their own, the most frequent ones, >= 1.
        test_fraction: the fraction to test on, in [0, 1), stratified by class; 0 tests on the training samples.
        seed: of the split, >= 0.

    Raises:
        DataError: a file that cannot be read, a line of another form, steps of several widths, numbers that are not
            finite, or more than this machine's memory holds; the message names the file and the line.
        ConfigError: an argument of another kind or out of range.
    """
    path = user_path(checks.path("path", path))
    if length is not None:
        checks.whole_number("length", length, at_least=1, limit=2**20)
    checks.whole_number("vocabulary", vocabulary, at_least=1, limit=_MOST_TOKENS - 2)
    split: dict[str, Any] = {
        "test_fraction": test_fraction,
        "seed": seed,
        "name": path.name.partition(".")[0] or path.name,
    }
    with reading(path):
        records = list(_records(path))
        labels = _labels(records)
        if records[0].field == "text":
            dataset = _of_texts(records, labels, length, vocabulary, str(path), split)
        else:
            inputs = _padded(records, _STEPS[records[0].field], length)
            source = f"{path}, {_described(records[0].field, inputs)}, split seed {seed}"
            dataset = Dataset.from_arrays(inputs, labels, source=source, **split)
        check_classes(dataset.classes)
        return dataset


def holds_sequences(path: str | Path) -> bool:
    """Return whether a file of JSON lines begins with a sequence of numbers or tokens, and is no table of cells."""
    path = user_path(Path(path))
    if not path.name.lower().endswith(ENDINGS) or not path.is_file():
        return False
    try:
        with open_file(path) as file:
            content = BytesIO(unpacked(file)) if path.suffix == ".gz" else file
            record = json.loads(content.readline(_FIRST))
    except (OSError, ValueError, RecursionError, DataError):  # said where the whole is read
        return False
    return isinstance(record, dict) and any(isinstance(record.get(name), list) for name in _STEPS)


@dataclass(frozen=True)
class _Record:
    """A line of the file: its number, which field it has, what is in it, and its label."""

    line: int
    field: str
    value: Any
    label: Any


def _records(path: Path) -> Iterator[_Record]:
    with open_file(path) as file:
        lines = (unpacked(file) if path.suffix == ".gz" else file.read()).removeprefix(b"\xef\xbb\xbf").split(b"\n")
    first: _Record | None = None
    for number, line in enumerate(lines, start=1):
        if line.strip():
            record = _record(number, line)
            first = first or record
            if record.field != first.field:
                raise DataError(
                    f"expected `{first.field}` as in line {first.line}, got `{record.field}` in line {number}"
                )
            yield record
    if first is None:
        raise DataError("expected at least 1 line with a sequence, got none; write one JSON object a line")


def _record(number: int, line: bytes) -> _Record:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise DataError(f"expected one JSON object a line, got {shown(line.decode(errors='replace'))} in line {number}")
    found = [field for field in ("text", *_STEPS) if field in fields]
    if len(found) != 1 or "label" not in fields:
        raise DataError(
            f"expected `label` and one of `sequence`, `tokens` and `text`, got {listed(fields) or 'no field'} "
            f"in line {number}"
        )
    return _Record(number, found[0], fields[found[0]], fields["label"])


def _labels(records: Sequence[_Record]) -> Array:
    """Return text, whole numbers, truth values or amounts, shape ``(samples,)``."""
    kinds = [_kind(record) for record in records]
    kind = float if set(kinds) == {int, float} else kinds[0]
    for record, each in zip(records, kinds, strict=True):
        if each is not kind and (each, kind) != (int, float):
            raise DataError(
                f"expected labels that are all numbers, all truth values or all text, got {shown(record.label)} "
                f"in line {record.line}; correct it"
            )
    return np.array([record.label for record in records], kind)


def _kind(record: _Record) -> type:
    kind = type(record.label)
    if kind in (str, bool, float) or (kind is int and abs(record.label) < 2**63):
        return kind
    raise DataError(f"expected a label that is a text or a number, got {shown(record.label)} in line {record.line}")


def _steps_of_numbers(record: _Record) -> Floats:
    """Return a sequence, shape ``(steps, width)``."""
    try:
        steps = np.array(record.value)
    except (ValueError, OverflowError):  # steps of several widths
        steps = np.array(None)
    fits = steps.dtype.kind in "iuf" and steps.ndim in (1, 2) and steps.size > 0
    if not fits or not (np.abs(steps) <= np.finfo(np.float32).max).all():
        raise DataError(
            f"expected a sequence of finite numbers, or of steps with as many numbers each, got {shown(record.value)} "
            f"in line {record.line}"
        )
    numbers: Floats = steps.reshape(len(steps), -1).astype(np.float32)
    return numbers


def _tokens(record: _Record) -> Floats:
    """Return tokens, shape ``(steps,)``."""
    given = record.value
    if not isinstance(given, list) or not given or not all(type(token) is int for token in given):
        raise DataError(f"expected a list of whole numbers as tokens, got {shown(given)} in line {record.line}")
    for token in given:
        if not 1 <= token < _MOST_TOKENS:
            raise DataError(
                f"expected tokens from 1 to {_MOST_TOKENS - 1:,}, since 0 fills up short sequences, got {token} "
                f"in line {record.line}"
            )
    return np.array(given, np.float32)


_STEPS: Mapping[str, Callable[[_Record], Floats]] = MappingProxyType({"sequence": _steps_of_numbers, "tokens": _tokens})


def _padded(records: Sequence[_Record], steps_of: Callable[[_Record], Floats], length: int | None) -> Floats:
    """Return the sequences with zeros at their ends, shape ``(samples, length, ...)``."""
    sequences = [steps_of(record) for record in records]
    width = sequences[0].shape[1:]
    for record, steps in zip(records, sequences, strict=True):
        if steps.shape[1:] != width:
            raise DataError(
                f"expected steps of {counted(width[0], 'number')} as in line {records[0].line}, "
                f"got {steps.shape[1]} in line {record.line}"
            )
    shape = (len(sequences), length or max(map(len, sequences)), *width)
    if 4 * int(np.prod(shape, dtype=object)) > memory():
        raise DataError(f"expected sequences that fit into memory, got the shape {shape}; give a shorter length")
    inputs = np.zeros(shape, np.float32)
    for row, steps in enumerate(sequences):
        kept = steps[: shape[1]]
        inputs[row, : len(kept)] = kept
    return inputs


def _described(field: str, inputs: Floats) -> str:
    what = f"tokens up to {inputs.max():.0f}" if field == "tokens" else "sequences"
    return f"{what} of length {inputs.shape[1]}"


def _of_texts(
    records: Sequence[_Record], labels: Array, length: int | None, vocabulary: int, source: str, split: dict[str, Any]
) -> Dataset:
    """Return the tokens of texts; their preparation takes other texts."""
    for record in records:
        if not isinstance(record.value, str):
            raise DataError(f"expected a text, got {shown(record.value)} in line {record.line}")
    texts = [record.value for record in records]
    kept = length or max(1, *(len(words_of(text)) for text in texts))
    columns = (Column("text", Kind.TEXT, np.array(texts, object)), _label_column(labels))
    table = Table(columns, source, lambda row: f"line {records[row].line}")
    task = "regression" if labels.dtype.kind == "f" else "classification"
    transforms = {"text": f"tokens:{kept}:{vocabulary}"}
    return Dataset.from_table(table, label="label", task=task, transforms=transforms, **split)


def _label_column(labels: Array) -> Column:
    if labels.dtype.kind == "U":
        return Column("label", Kind.TEXT, labels.astype(object))
    kind = {"b": Kind.BOOLEAN, "i": Kind.INTEGER}.get(labels.dtype.kind, Kind.NUMBER)
    return Column("label", kind, labels.astype(np.float64))
