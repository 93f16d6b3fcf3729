from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annex_actors import Learner, parse_layers
from annex_actors.base.errors import ConfigError, DataError
from annex_actors.data import load, read_sequences
from annex_actors.data.tables.columns import Column, Kind, Table


def put(folder: Path, *records: Any, name: str = "mine.jsonl") -> Path:
    path = folder / name
    content = "\n".join(each if isinstance(each, str) else json.dumps(each) for each in records).encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


STEPS = [{"sequence": [[1, 2], [3, 4], [5, 6]], "label": "up"}, {"sequence": [[7.5, 8]], "label": "down"}]


@pytest.mark.parametrize("name", ["mine.jsonl", "mine.jsonl.gz"])
def test_short_sequences_end_in_zeros(name: str, tmp_path: Path) -> None:
    dataset = read_sequences(put(tmp_path, *STEPS, name=name), test_fraction=0)
    assert dataset.train.inputs.tolist() == [[[1, 2], [3, 4], [5, 6]], [[7.5, 8], [0, 0], [0, 0]]]
    assert (dataset.name, dataset.classes, dataset.train.targets.tolist()) == ("mine", ("down", "up"), [1, 0])
    assert "sequences of length 3" in dataset.source


@pytest.mark.parametrize(("length", "shape"), [(2, (2, 2)), (5, (5, 2))])
def test_a_length_cuts_sequences_or_fills_them_up(length: int, shape: tuple[int, int], tmp_path: Path) -> None:
    inputs = read_sequences(put(tmp_path, *STEPS), length=length, test_fraction=0).train.inputs
    assert inputs.shape == (2, *shape)
    assert inputs[:, :2].tolist() == [[[1, 2], [3, 4]], [[7.5, 8], [0, 0]]]
    assert not inputs[:, 3:].any()


def test_a_sequence_of_numbers_has_steps_of_one(tmp_path: Path) -> None:
    path = put(tmp_path, {"sequence": [1, 2.5], "label": 0.5}, "", {"sequence": [3], "label": 2})
    dataset = read_sequences(path, test_fraction=0)
    assert dataset.train.inputs.tolist() == [[[1], [2.5]], [[3], [0]]]
    assert (dataset.classes, dataset.train.targets.tolist()) == (None, [0.5, 2])


@given(
    sequences=st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=6), min_size=2, max_size=9),
    length=st.none() | st.integers(1, 8),
)
def test_tokens_are_the_first_ones_of_each_line(
    sequences: list[list[int]], length: int | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    records = [{"tokens": tokens, "label": index % 2} for index, tokens in enumerate(sequences)]
    path = put(tmp_path_factory.mktemp("tokens"), *records)
    inputs = read_sequences(path, length=length, test_fraction=0).train.inputs
    width = length or max(map(len, sequences))
    assert inputs.tolist() == [(tokens + [0] * width)[:width] for tokens in sequences]


def test_the_mask_finds_what_was_filled_up(tmp_path: Path) -> None:
    records = [{"tokens": [1 + row % 2] * (1 + row % 5), "label": "ab"[row % 2]} for row in range(40)]
    dataset = load(put(tmp_path, *records), test_fraction=0)
    learner = Learner(parse_layers("mask embedding:3:4 masked_avg_pool dense:2"), runtime="inline")
    learner.train(dataset, epochs=1, batch_size=8)
    once, five_times = learner.predict([[1, 0, 0, 0, 0], [1, 1, 1, 1, 1]])
    assert np.allclose(once, five_times)


def test_the_words_of_training_texts_become_tokens(tmp_path: Path) -> None:
    records = [{"text": f"Good, good dog {row}", "label": True} for row in range(5)]
    records += [{"text": "bad dog", "label": False} for _ in range(5)]
    dataset = read_sequences(put(tmp_path, *records), vocabulary=3, test_fraction=0)
    assert (dataset.input_shape, dataset.train.targets.tolist()) == ((4,), [1] * 5 + [0] * 5)
    assert dataset.train.inputs[[0, 9]].tolist() == [[3, 3, 2, 1], [4, 2, 0, 0]]
    assert dataset.preparation is not None
    others = Table((Column("text", Kind.TEXT, np.array(["dog!", "a cat"], object)),), "mine")
    assert dataset.preparation.inputs(others).tolist() == [[2, 0, 0, 0], [1, 1, 0, 0]]


GOOD = {"sequence": [[1, 2]], "label": "a"}
TOKENS = {"tokens": [1], "label": "a"}
TEXT = {"text": "a", "label": "a"}


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([], "expected at least 1 line with a sequence, got none"),
        ([GOOD, "{"], "expected one JSON object a line, got '{' in line 2"),
        ([GOOD, "[" * 100_000], "expected one JSON object a line, got .* in line 2"),
        ([GOOD, "[1]"], r"expected one JSON object a line, got '\[1\]' in line 2"),
        ([GOOD, {"label": "a"}], "expected `label` and one of .*, got label in line 2"),
        ([GOOD, {}], "expected `label` and one of .*, got no field in line 2"),
        ([GOOD, GOOD | TOKENS], "got sequence, label, tokens in line 2"),
        ([GOOD, "", TOKENS], "expected `sequence` as in line 1, got `tokens` in line 3"),
        ([GOOD, GOOD | {"sequence": [[1, 2], [3]]}], "expected a sequence of finite numbers.* in line 2"),
        ([GOOD, GOOD | {"sequence": [[1, 2, 3]]}], "expected steps of 2 numbers as in line 1, got 3 in line 2"),
        ([GOOD, GOOD | {"sequence": []}], r"got \[\] in line 2"),
        ([GOOD, GOOD | {"sequence": ["a"]}], r"got \['a'\] in line 2"),
        ([GOOD, GOOD | {"sequence": [[[1]]]}], "in line 2"),
        ([GOOD, GOOD | {"sequence": None}], "got None in line 2"),
        ([GOOD, '{"sequence": [1e999], "label": "a"}'], r"got \[inf\] in line 2"),
        ([GOOD, '{"sequence": [NaN, 1], "label": "a"}'], r"got \[nan, 1\] in line 2"),
        ([GOOD, GOOD | {"sequence": [10**400]}], "in line 2"),
        ([GOOD, GOOD | {"label": 1}], "expected labels that are all numbers, .* got 1 in line 2"),
        ([GOOD | {"label": 0.5}, GOOD], "expected labels that are all numbers, .* got 'a' in line 2"),
        ([GOOD | {"label": 1}, GOOD | {"label": True}], "got True in line 2"),
        ([GOOD, GOOD | {"label": None}], "expected a label that is a text or a number, got None in line 2"),
        ([GOOD, GOOD | {"label": 2**64}], "expected a label that is a text or a number"),
        ([GOOD, GOOD], "expected at least 2 classes, got 1"),
        ([TOKENS, TOKENS | {"tokens": [1, 0]}], "expected tokens from 1 to 16,777,215, .* got 0 in line 2"),
        ([TOKENS, TOKENS | {"tokens": [2**24]}], "got 16777216 in line 2"),
        ([TOKENS, TOKENS | {"tokens": [1.5]}], r"expected a list of whole numbers as tokens, got \[1.5\] in line 2"),
        ([TOKENS, TOKENS | {"tokens": []}], r"got \[\] in line 2"),
        ([TEXT, TEXT | {"text": 3}], "expected a text, got 3 in line 2"),
    ],
)
def test_what_is_no_sequence_is_said_with_its_line(records: list[Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_sequences(put(tmp_path, *records))
    assert "mine.jsonl" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("given", [{"length": 0}, {"vocabulary": 0}, {"length": 1.5}, {"test_fraction": 1}])
def test_a_setting_out_of_range_is_refused(given: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"expected `{next(iter(given))}`"):
        read_sequences(put(tmp_path, *STEPS), **given)


def test_sequences_that_no_memory_holds_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("annex_actors.data.sequences.memory", lambda: 47)
    with pytest.raises(DataError, match=r"expected sequences that fit into memory, got the shape \(2, 3, 2\)"):
        read_sequences(put(tmp_path, *STEPS))
