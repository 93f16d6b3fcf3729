from __future__ import annotations

from annex_actors.data import load


def test_xor_is_its_truth_table() -> None:
    samples = load("xor").train
    for (a, b), target in zip(samples.inputs, samples.targets, strict=True):
        assert target == (a != b)
    assert {tuple(row) for row in samples.inputs.tolist()} == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_xor_is_tested_on_its_training_samples() -> None:
    dataset = load("xor")
    assert dataset.test is dataset.train
    assert dataset.classes == ("false", "true")
