from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from annex_actors.base.errors import DataError
from annex_actors.base.types import Array
from annex_actors.data import load, read_npz
from annex_actors.data.npz import read_npy, scaled_pixels

INPUTS = np.arange(40.0).reshape(20, 2)
LABELS = np.arange(20) % 2


def saved(folder: Path, **arrays: Array) -> Path:
    """Return the path of an npz file with these arrays."""
    path = folder / "mine.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]  # no array here is called allow_pickle
    return path


@pytest.mark.parametrize(("inputs", "targets"), [("inputs", "targets"), ("x", "y")])
def test_an_unsplit_file_is_split(tmp_path: Path, inputs: str, targets: str) -> None:
    dataset = read_npz(saved(tmp_path, **{inputs: INPUTS, targets: LABELS}))
    assert (len(dataset.train), len(dataset.test), dataset.classes) == (16, 4, ("0", "1"))
    assert dataset.name == "mine"


def test_a_split_file_stays_as_it_is(tmp_path: Path) -> None:
    path = saved(tmp_path, x_train=INPUTS[:15], y_train=LABELS[:15], x_test=INPUTS[15:], y_test=LABELS[15:])
    dataset = read_npz(path)
    assert np.array_equal(dataset.train.inputs, INPUTS[:15])
    assert np.array_equal(dataset.test.targets, LABELS[15:])


def test_weights_are_found_beside_the_samples(tmp_path: Path) -> None:
    weights = np.arange(20.0)
    unsplit = read_npz(saved(tmp_path, x=weights[:, np.newaxis], y=LABELS, sample_weight=weights))
    for part in (unsplit.train, unsplit.test):
        assert part.sample_weight is not None
        assert part.sample_weight.tolist() == part.inputs[:, 0].tolist()
    parts = {"x_train": INPUTS, "y_train": LABELS, "x_test": INPUTS[:2], "y_test": LABELS[:2]}
    split = read_npz(saved(tmp_path, **parts, sample_weight_train=weights))
    assert split.train.sample_weight is not None
    assert split.train.sample_weight.tolist() == weights.tolist()
    assert split.test.sample_weight is None
    with pytest.raises(DataError, match="x_test, y_test: expected sample_weight to be numbers of shape"):
        read_npz(saved(tmp_path, **parts, sample_weight_test=weights))


def test_training_and_test_labels_have_the_same_classes(tmp_path: Path) -> None:
    train, test = np.array(["b", "c"]), np.array(["a", "bb"])
    dataset = read_npz(saved(tmp_path, x_train=INPUTS[:2], y_train=train, x_test=INPUTS[:2], y_test=test))
    assert dataset.classes == ("a", "b", "bb", "c")
    assert (dataset.train.targets.tolist(), dataset.test.targets.tolist()) == ([1, 3], [0, 2])


def test_floating_point_targets_are_regression(tmp_path: Path) -> None:
    dataset = read_npz(saved(tmp_path, x=INPUTS, y=INPUTS))
    assert dataset.classes is None
    assert dataset.train.targets.shape == (16, 2)


def test_inputs_may_be_pictures(tmp_path: Path) -> None:
    assert read_npz(saved(tmp_path, x=np.ones((20, 4, 4)), y=LABELS)).input_shape == (4, 4)


PIXELS = np.arange(20 * 16, dtype=np.uint8).reshape(20, 4, 4)


def test_pixels_are_numbers_up_to_one(tmp_path: Path) -> None:
    path = saved(tmp_path, x=PIXELS, y=LABELS)
    dataset = read_npz(path, test_fraction=0)
    assert np.array_equal(dataset.train.inputs, PIXELS / np.float32(255))
    assert dataset.source == f"{path}, pixels / 255, split seed 0"
    np.save(tmp_path / "few.npy", PIXELS)
    assert np.array_equal(read_npy(tmp_path / "few.npy"), dataset.train.inputs)


def test_pixels_of_both_parts_are_scaled_if_one_holds_more_than_one(tmp_path: Path) -> None:
    dark = np.ones((20, 4, 4), np.uint8)
    path = saved(tmp_path, x_train=dark, y_train=LABELS, x_test=PIXELS, y_test=LABELS)
    dataset = read_npz(path)
    assert (dataset.train.inputs == np.float32(1) / np.float32(255)).all()
    assert np.array_equal(dataset.test.inputs, PIXELS / np.float32(255))
    assert dataset.source == f"{path}, pixels / 255"


@pytest.mark.parametrize(
    "inputs",
    [PIXELS.reshape(20, 16), PIXELS.astype(np.int16), PIXELS.astype(np.float32), PIXELS % 2, PIXELS[:, :, :0]],
    ids=["no height", "more than a byte", "floats", "truth values", "no pixel"],
)
def test_what_is_no_picture_in_bytes_stays_as_it_is(inputs: Array) -> None:
    assert scaled_pixels(inputs)[0] is inputs


def test_the_seed_and_the_fraction_of_the_split_can_be_chosen(tmp_path: Path) -> None:
    path = saved(tmp_path, x=INPUTS, y=LABELS)
    first, second = (load(str(path), seed=seed, test_fraction=0.5).test.inputs for seed in (1, 2))
    assert len(first) == len(second) == 10
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"a": INPUTS, "b": LABELS},
            r"expected arrays named inputs and targets, .*, got a, b; write it by numpy\.savez",
        ),
        ({}, "got none"),
        ({"x": INPUTS, "y": LABELS[:9]}, "expected a target for each of 20 inputs, got 9"),
        ({"x": INPUTS[:0], "y": LABELS[:0]}, "expected at least 1 sample, got 0"),
        ({"x": LABELS, "y": LABELS}, r"expected inputs of shape \(samples, features, \.\.\.\), got \(20,\)"),
        ({"x": INPUTS, "y": LABELS * 0}, r"expected at least 2 classes, got 1 \(0\)"),
        (
            {"x": INPUTS, "y": np.stack([LABELS, LABELS], 1)},
            r"expected labels of shape \(samples,\), or one-hot rows, got int64 of shape \(20, 2\)",
        ),
        ({"x": np.where(INPUTS == 7, np.nan, INPUTS), "y": LABELS}, "got nan in row 3, column 1"),
        ({"x": INPUTS, "y": np.array([{}] * 20)}, "expected arrays of numbers or text, got: Object arrays cannot be"),
        (
            {"x_train": INPUTS, "y_train": LABELS, "x_test": INPUTS, "y_test": LABELS[1:]},
            "x_test, y_test: expected a target for each of 20 inputs, got 19",
        ),
        (
            {"x_train": INPUTS, "y_train": LABELS, "x_test": INPUTS[:, :1], "y_test": LABELS},
            r"expected training and test inputs of one shape .* got \(20, 2\) and \(20, 1\)",
        ),
        (
            {"x_train": INPUTS, "y_train": LABELS, "x_test": INPUTS, "y_test": LABELS * 0.5},
            "expected train targets to be numbers with decimals",
        ),
    ],
)
def test_arrays_that_do_not_fit_are_refused_in_one_line_that_names_the_file(
    tmp_path: Path, arrays: dict[str, Array], message: str
) -> None:
    path = saved(tmp_path, **arrays)
    with pytest.raises(DataError, match=f"^{path}: .*{message}") as caught:
        read_npz(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04 cut short"])
def test_a_file_that_is_not_an_npz_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"^{path}: expected an npz file, got something else; write it by"):
        read_npz(path)


def test_an_npz_whose_bytes_were_changed_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, x=INPUTS, y=LABELS)
    content = bytearray(path.read_bytes())
    content[content.index(INPUTS.tobytes())] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="expected arrays of numbers or text, got: Bad CRC-32") as caught:
        read_npz(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "folder.npz"
    folder.mkdir()
    with pytest.raises(DataError, match=r"expected a file at .*none\.npz, got none; check the path"):
        read_npz(tmp_path / "none.npz")
    with pytest.raises(DataError, match=r"expected a readable file at .*folder\.npz, got a folder"):
        read_npz(folder)
