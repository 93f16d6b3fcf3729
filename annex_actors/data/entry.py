"""What the catalogue says of a data set: its size, where it comes from, and settings that train it well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Suggestion:
    """Settings that train a data set well: a starting point.

    Args:
        layers: the network as text; see `parse_layers`.
        cost: the cost's name.
        optimizer: the optimizer's name.
        learning_rate: its step size, or the text of a rule for it, such as ``inverse_time:0.0015:0.002``.
        batch_size: samples in a batch.
        epochs: passes over the training set.
    """

    layers: str
    cost: str
    optimizer: str
    learning_rate: float | str
    batch_size: int
    epochs: int


@dataclass(frozen=True)
class Entry:
    """A data set of the catalogue.

    Args:
        name: its name, for `load`.
        description: one line.
        task: classification or regression.
        samples: how many there are, for training and testing together.
        features: how many numbers a sample has.
        where: where `load` would find it on this machine now.
        available: whether `load` needs no network connection.
        suggested: settings that train it well.
    """

    name: str
    description: str
    task: Literal["classification", "regression"]
    samples: int
    features: int
    where: str
    available: bool
    suggested: Suggestion
