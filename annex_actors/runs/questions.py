"""What a trained network is asked about: rows of a table, arrays, or pictures, from a file, piece by piece."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from annex_actors.base.errors import DataError, UserError, message_of
from annex_actors.base.files import reading, user_path
from annex_actors.base.types import Array, Shape
from annex_actors.base.words import counted
from annex_actors.data import load
from annex_actors.data.images import pictures_for
from annex_actors.data.npz import read_npy
from annex_actors.data.sequences import holds_sequences
from annex_actors.data.tables import Table, read_table
from annex_actors.data.tables.read import is_table
from annex_actors.data.transforms import Preparation
from annex_actors.data.transforms.block import NUMBERS
from annex_actors.training.learner import Learner

PIECE = 16 * 256
"""Samples that are prepared and predicted at once: a multiple of those in a message, so that bits are the same."""


@dataclass(frozen=True, eq=False)
class Question:
    """What a network is asked about.

    Args:
        table: rows as they are in the file; None: there are arrays.
        inputs: samples as in training; None: the preparation makes them of the table.
        targets: what is right, as the network learns it; None: it is not known.
        problem: one line: why it is not known, although a label is there.
        path: the table's file, for errors.
    """

    table: Table | None
    inputs: Array | None
    targets: Array | None
    problem: str | None = None
    path: Path | None = None

    @classmethod
    def read(cls, path: Path, learner: Learner, *, header: bool | None = None) -> Question:
        """Return what is in a file: an array, a table of rows or of paths of pictures, sequences, or in a folder.

        Args:
            path: the file.
            learner: what is to be asked.
            header: see `read_table`.

        Raises:
            UserError: the file cannot be read, or what is in it does not fit.
        """
        path = user_path(path)
        if os.path.isdir(path):
            return _of_pictures(path, learner)
        if holds_sequences(path) or path.suffix == ".npz":
            return _of_samples(path, learner)
        if is_table(str(path)):
            is_picture = learner.preparation is None and len(_shape(learner)) == 3
            return _of_pictures(path, learner) if is_picture else _of_table(path, learner, header)
        return cls(None, read_npy(path), None)

    def __len__(self) -> int:
        if self.inputs is not None:
            return len(self.inputs) if self.inputs.ndim else 0
        return 0 if self.table is None else len(self.table)

    def pieces(self, preparation: Preparation | None) -> Iterator[tuple[Array, Table | None]]:
        """Yield samples piece by piece, in order, and their rows of the table.

        Raises:
            DataError: a cell that the preparation cannot take.
        """
        if self.inputs is not None and len(self) <= PIECE:
            yield self.inputs, self.table
            return
        for start in range(0, len(self), PIECE):
            rows = np.arange(start, min(start + PIECE, len(self)))
            table = None if self.table is None else self.table.rows(rows)
            if self.inputs is not None:
                yield self.inputs[rows], table
            elif table is not None and preparation is not None and self.path is not None:
                with reading(self.path):
                    inputs = preparation.inputs(table)
                yield inputs, table


def _of_table(path: Path, learner: Learner, header: bool | None) -> Question:
    preparation = learner.preparation
    table = read_table(path, header=header, forms=None if preparation is None else preparation.forms)
    with reading(path):
        if preparation is None:
            return Question(table, _numbers(table, learner), None, path=path)
        preparation.inputs(table.rows(np.arange(1)))  # fails before anything is written
        if not all(label in table for label in preparation.target.labels):
            return Question(table, None, None, path=path)
    try:
        return Question(table, None, preparation.targets(table), path=path)
    except UserError as error:
        return Question(table, None, None, message_of(error), path)


def _numbers(table: Table, learner: Learner) -> Array:
    """Return a table of numbers as it is, for a network that was not trained on a table's rows."""
    shape = _shape(learner)
    odd = next((column for column in table if column.kind not in NUMBERS), None)
    if odd is not None or (len(table.names),) != shape:
        got = counted(len(table.names), "column") if odd is None else f"a {odd.kind} in column {odd.name}"
        raise DataError(
            f"expected numbers of shape {shape}, scaled as in training, since this network was not trained on a "
            f"table's rows, got {got}; give an .npy file"
        )
    return np.stack([column.values for column in table], axis=1)


def _of_samples(path: Path, learner: Learner) -> Question:
    dataset = load(path, test_fraction=0)
    samples, own, classes = dataset.train, dataset.classes, learner.classes
    if own is None or classes is None:
        fits = own is classes
        problem = None if fits else "the targets in the file are of another kind than in training"
        return Question(None, samples.inputs, samples.targets if fits else None, problem)
    return _labelled(samples.inputs, [own[label] for label in samples.targets], classes)


def _of_pictures(path: Path, learner: Learner) -> Question:
    shape = _shape(learner)
    if len(shape) != 3:
        raise DataError(f"expected samples of shape {shape}, as in training, got pictures in {path}; give another file")
    inputs, names = pictures_for(path, shape)
    return Question(None, inputs, None) if names is None else _labelled(inputs, names, learner.classes or ())


def _labelled(inputs: Array, names: Sequence[str], classes: Sequence[str]) -> Question:
    unknown = sorted({*names} - {*classes})
    if unknown:
        return Question(None, inputs, None, f"there was no class {unknown[0]} in training")
    number = {name: index for index, name in enumerate(classes)}
    return Question(None, inputs, np.array([number[name] for name in names]))


def _shape(learner: Learner) -> Shape:
    assert learner.checkpoint is not None
    return learner.checkpoint.input_shape
