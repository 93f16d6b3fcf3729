"""Text to numbers: hashing, bag_of_words, tokens."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np

from annex_actors.base import checks
from annex_actors.base.calls import written
from annex_actors.base.types import Floats
from annex_actors.data.transforms.block import Block, numbers
from annex_actors.data.transforms.transform import State

_WORD = re.compile(r"\w+")
_PADDING, _UNKNOWN, _FIRST = 0, 1, 2


@dataclass(frozen=True)
class Hashing:
    """Give a category 1 or -1 in the column that its hash says: any number of categories, known or not.

    A missing cell is a row of 0.

    Args:
        columns: how many, >= 1; the fewer, the more categories share one.

    Source:
        Weinberger et al. (2009), Feature hashing for large scale multitask learning.
    """

    columns: int = 32

    def __post_init__(self) -> None:
        checks.keep(self, columns=checks.whole_number("columns", self.columns, at_least=1, limit=2**20))

    @property
    def name(self) -> str:
        """The transform's name."""
        return "hashing"

    def spec(self) -> str:
        """Return the transform's text."""
        return written("hashing", self)

    def fit(self, block: Block, targets: Floats) -> State:
        """Return nothing: nothing is to be known."""
        return {}

    def apply(self, state: State, block: Block) -> Block:
        """Return the columns of -1, 0 and 1."""
        from sklearn.feature_extraction import FeatureHasher

        cells = [[] if word is None else [word] for word in block.words("hashing")]
        hashed = FeatureHasher(self.columns, input_type="string").transform(cells)
        return numbers(_numbered(block, "hash", self.columns), hashed.toarray())


@dataclass(frozen=True)
class BagOfWords:
    """Count the words of a text, each in the column that its hash says, with a sign; rows have length 1.

    Words have two letters or more, of either case; their order does not matter. A missing cell is a row of 0.

    Args:
        columns: how many, >= 1; the fewer, the more words share one.
    """

    columns: int = 256

    def __post_init__(self) -> None:
        checks.keep(self, columns=checks.whole_number("columns", self.columns, at_least=1, limit=2**20))

    @property
    def name(self) -> str:
        """The transform's name."""
        return "bag_of_words"

    def spec(self) -> str:
        """Return the transform's text."""
        return written("bag_of_words", self)

    def fit(self, block: Block, targets: Floats) -> State:
        """Return nothing: nothing is to be known."""
        return {}

    def apply(self, state: State, block: Block) -> Block:
        """Return the counts, each row divided by its Euclidean length."""
        from sklearn.feature_extraction.text import HashingVectorizer

        texts = [word or "" for word in block.words("bag_of_words")]
        counts = HashingVectorizer(n_features=self.columns).transform(texts)
        return numbers(_numbered(block, "words", self.columns), counts.toarray())


@dataclass(frozen=True)
class Tokens:
    """Number the words of a text, for the layer `embedding`: 0 is padding, 1 an unknown word.

    Args:
        length: how many words of each text are kept, the first ones, >= 1.
        vocabulary: how many words have a number of their own, the most frequent in training rows, >= 1; the embedding
            needs two more.
    """

    length: int = 64
    vocabulary: int = 10_000

    def __post_init__(self) -> None:
        checks.keep(
            self,
            length=checks.whole_number("length", self.length, at_least=1, limit=2**20),
            vocabulary=checks.whole_number("vocabulary", self.vocabulary, at_least=1, limit=2**24 - _FIRST),
        )

    @property
    def name(self) -> str:
        """The transform's name."""
        return "tokens"

    def spec(self) -> str:
        """Return the transform's text."""
        return written("tokens", self)

    def fit(self, block: Block, targets: Floats) -> State:
        """Return the vocabulary, the most frequent word first."""
        counts = Counter(word for text in block.words("tokens") for word in words_of(text))
        return {"vocabulary": tuple(sorted(counts, key=lambda word: (-counts[word], word))[: self.vocabulary])}

    def apply(self, state: State, block: Block) -> Block:
        """Return the numbers of the words, shape ``(rows, length)``."""
        number = {word: index for index, word in enumerate(state["vocabulary"], start=_FIRST)}
        ids = np.full((len(block), self.length), _PADDING, np.float64)
        for row, text in enumerate(block.words("tokens")):
            found = [number.get(word, _UNKNOWN) for word in words_of(text)[: self.length]]
            ids[row, : len(found)] = found
        return numbers(_numbered(block, "token", self.length), ids)


def words_of(text: str | None) -> list[str]:
    """Return the words of a text, in small letters."""
    return _WORD.findall((text or "").lower())


def _numbered(block: Block, what: str, count: int) -> list[str]:
    return [f"{block.names[0]} {what}{index}" for index in range(count)]
