"""The data sets on which Annex's own tests train: small truth tables, tested on what they train on.

Source:
    Goldberger (2019), Annex, revision 6f472a3: the folder ``test``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from annex_actors.data.dataset import Dataset
from annex_actors.data.generated import xor
from annex_actors.data.samples import Samples
from annex_actors.data.shipped import iris

_TABLE = "a truth table of Annex's tests; tested on what it learns"


def annex_xor(name: str) -> Dataset:
    """Return exclusive or."""
    return replace(xor(), name=name)


def annex_and(name: str) -> Dataset:
    """Return seven of the eight rows of "a and b and c": Annex leaves out (1, 1, 0)."""
    rows = [[1, 1, 1], [1, 0, 1], [0, 0, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 1]]
    return _table(name, rows, [1, 0, 0, 0, 0, 0, 0], ("false", "true"), ("a", "b", "c"))


def annex_people(name: str) -> Dataset:
    """Return Alice, Bob, Charlie and Diana: weight and height, less those of an average person."""
    rows = [[-2, -1], [25, 6], [17, 4], [-15, -6]]
    return _table(name, rows, [1, 0, 0, 1], ("male", "female"), ("weight", "height"))


def annex_left_true(name: str) -> Dataset:
    """Return the four rows of "a", whatever b is."""
    return _table(name, [[1, 0], [0, 0], [1, 1], [0, 1]], [1, 0, 1, 0], ("false", "true"), ("a", "b"))


def annex_iris(name: str) -> Dataset:
    """Return the iris flowers."""
    return replace(iris(), name=name)


def _table(
    name: str, rows: ArrayLike, labels: list[int], classes: tuple[str, ...], features: tuple[str, ...]
) -> Dataset:
    samples = Samples(np.asarray(rows), np.array(labels))
    return Dataset(name, samples, samples, classes, features, _TABLE)
