"""The transforms compute what scikit-learn's do, from arrays alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import preprocessing
from sklearn.decomposition import PCA
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.impute import SimpleImputer

from annex_actors.data.transforms import Block, parse_transforms
from annex_actors.data.transforms.block import numbers
from tests.data.transforms.tables import number, text

CELLS = st.integers(-10_000, 10_000).map(lambda each: each / 8)
COLUMNS = st.lists(CELLS, min_size=3, max_size=40)
WORDS = st.lists(st.sampled_from(["a", "b", "c", "dd", "é", ""]), min_size=3, max_size=40)

SCALERS = [
    ("standardise", preprocessing.StandardScaler()),
    ("robust", preprocessing.RobustScaler()),
    ("minmax", preprocessing.MinMaxScaler()),
    ("minmax:clip=true", preprocessing.MinMaxScaler(clip=True)),
]


def values_of(spec: str, fitted_on: Block, applied_to: Block, targets: Any = None) -> Any:
    """Return what a transform makes of rows, fitted on others."""
    (transform,) = parse_transforms(spec)
    targets = np.zeros((len(fitted_on), 1)) if targets is None else targets
    return transform.apply(transform.fit(fitted_on, targets), applied_to).values


def of_numbers(cells: Any) -> Block:
    return Block.of(number("x", cells))


@pytest.mark.parametrize(("spec", "theirs"), SCALERS, ids=[spec for spec, _ in SCALERS])
@settings(derandomize=True, max_examples=50, deadline=None)
@given(COLUMNS, COLUMNS)
def test_scaled_numbers(spec: str, theirs: Any, train: list[float], other: list[float]) -> None:
    expected = theirs.fit(np.array(train)[:, None]).transform(np.array(other)[:, None])
    np.testing.assert_allclose(values_of(spec, of_numbers(train), of_numbers(other)), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("output", ["normal", "uniform"])
@settings(derandomize=True, max_examples=50, deadline=None)
@given(COLUMNS, COLUMNS)
def test_quantiles(output: Any, train: list[float], other: list[float]) -> None:
    theirs = preprocessing.QuantileTransformer(n_quantiles=len(train), output_distribution=output, subsample=None)
    expected = theirs.fit(np.array(train)[:, None]).transform(np.array(other)[:, None])
    ours = values_of(f"quantile:output={output}", of_numbers(train), of_numbers(other))
    np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("strategy", ["median", "mean", "most_frequent"])
@settings(derandomize=True, max_examples=50, deadline=None)
@given(COLUMNS, st.lists(st.booleans(), min_size=40, max_size=40), COLUMNS)
def test_imputed_numbers_with_indicator(
    strategy: str, train: list[float], gone: list[bool], other: list[float]
) -> None:
    cells = np.where([False, *gone[1 : len(train)]], np.nan, train)
    rows = np.array([*other, np.nan])
    theirs = SimpleImputer(strategy=strategy, add_indicator=bool(np.isnan(cells).any()))
    expected = theirs.fit(cells[:, None]).transform(rows[:, None])
    np.testing.assert_array_equal(values_of(f"impute:{strategy}", of_numbers(cells), of_numbers(rows)), expected)


@settings(derandomize=True, max_examples=50, deadline=None)
@given(WORDS, WORDS)
def test_categories(train: list[str], other: list[str]) -> None:
    ours = values_of("one_hot", Block.of(text("x", train)), Block.of(text("x", other)))
    theirs = preprocessing.OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    given_cells, rows = np.array(train, object)[:, None], np.array(other, object)[:, None]
    np.testing.assert_array_equal(ours, theirs.fit(given_cells).transform(rows))
    codes = values_of("ordinal", Block.of(text("x", train)), Block.of(text("x", other)))
    ordinal = preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    np.testing.assert_array_equal(codes, ordinal.fit(given_cells).transform(rows))


@settings(derandomize=True, max_examples=50, deadline=None)
@given(WORDS, WORDS, st.data())
def test_target_means(train: list[str], other: list[str], data: st.DataObject) -> None:
    drawn = data.draw(st.lists(CELLS, min_size=len(train), max_size=len(train), unique=True))
    targets = np.array(drawn)[:, None]
    ours = values_of("target_mean", Block.of(text("x", train)), Block.of(text("x", other)), targets)
    theirs = preprocessing.TargetEncoder(target_type="continuous").fit(np.array(train, object)[:, None], targets[:, 0])
    np.testing.assert_allclose(ours, theirs.transform(np.array(other, object)[:, None]), rtol=1e-12, atol=1e-12)


@settings(derandomize=True, max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=10))
def test_hashed_text(cells: list[str]) -> None:
    block = Block.of(text("x", cells))
    vectors = HashingVectorizer(n_features=64).transform(cells).toarray()
    np.testing.assert_array_equal(values_of("bag_of_words:64", block, block), vectors)
    hashed = FeatureHasher(8, input_type="string").transform([[cell] for cell in cells]).toarray()
    np.testing.assert_array_equal(values_of("hashing:8", block, block), hashed)


def test_principal_components() -> None:
    random = np.random.default_rng(0)
    train, other = random.normal(size=(30, 6)), random.normal(size=(9, 6))
    names = [f"x{index}" for index in range(6)]
    expected = PCA(3, svd_solver="full").fit(train).transform(other)
    ours = values_of("pca:3", numbers(names, train), numbers(names, other))
    np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-9)
