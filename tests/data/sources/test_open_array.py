"""Inputs that stay in an ``.npy`` or ``.npz`` file give the numbers that they would have in memory."""

from __future__ import annotations

import os
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError, DataError
from annex_actors.base.types import Array
from annex_actors.data import Dataset, Samples, load, open_array, read_npz
from annex_actors.data.sources import stored
from annex_actors.data.sources.stored import StoredInputs, as_inputs
from tests.trainings import ArraySource

DTYPES = ["<f4", ">f4", "<f8", ">f8", "<f2", "u1", "i1", "<i8", ">i2", "?"]

NUMBERS = np.random.default_rng(0).integers(0, 2, (31, 2, 3)) + np.arange(31).reshape(-1, 1, 1) % 2


def saved(path: Path, array: Array) -> Path:
    """Return a path at which an array was saved, as its suffix says."""
    if path.suffix == ".npy":
        np.save(path, array)
    else:
        np.savez(path, other=np.zeros(3), inputs=array, targets=np.zeros(len(array)))
    return path


def opened(path: Path) -> StoredInputs:
    return open_array(path, "inputs" if path.suffix == ".npz" else None)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_have_the_bits_that_samples_in_memory_have(tmp_path: Path, dtype: str, suffix: str) -> None:
    array = NUMBERS.astype(dtype)
    inputs, expected = opened(saved(tmp_path / f"x{suffix}", array)), Samples(array, np.zeros(31, int)).inputs
    assert inputs.shape == expected.shape
    rows = np.array([30, 3, 4, 5, 0, 3])
    for index in (slice(None), slice(4, 9), slice(25, 99), rows, rows[:0]):
        found = inputs[index]
        assert (found.dtype, found.tobytes()) == (expected.dtype, expected[index].tobytes())
        assert found.flags.c_contiguous
    assert replace(inputs, dtype=np.dtype(float))[rows].tobytes() == expected[rows].astype("float64").tobytes()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 30), min_size=1), st.data())
def test_rows_of_rows_are_those_of_an_array(rows: list[int], data: st.DataObject) -> None:
    array = NUMBERS.astype(np.float32)
    inputs = stored.selected(stored.as_inputs(StoredInputs(ArraySource(array))), np.array(rows))
    again = np.array(data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1)))
    assert np.array_equal(inputs[again], array[rows][again])
    assert np.array_equal(stored.selected(inputs, again)[:], array[rows][again])


def test_a_process_is_sent_where_the_rows_are_and_not_the_rows(tmp_path: Path) -> None:
    inputs = open_array(saved(tmp_path / "x.npy", np.ones((4000, 100))))
    pickled = pickle.dumps(inputs)
    assert len(pickled) < 2000
    assert pickle.loads(pickled)[:5].tobytes() == inputs[:5].tobytes()


def test_the_fingerprint_is_that_of_the_array_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from annex_actors.base.described import array_text

    monkeypatch.setattr(stored, "BLOCK", 100)  # a few rows in each block
    array = NUMBERS.astype(np.float64) / 3
    inputs = replace(open_array(saved(tmp_path / "x.npy", array)), rows=np.arange(1, 31, 2))
    assert len(list(inputs.blocks())) > 3
    assert inputs.text == array_text(Samples(array, np.zeros(31, int)).inputs[1::2])


def test_a_data_set_is_the_same_in_memory_or_not(tmp_path: Path) -> None:
    path, rows = tmp_path / "mine.npz", np.random.default_rng(0).standard_normal((40, 3))
    np.savez(path, x=rows, y=np.arange(40) % 3, sample_weight=np.arange(40.0))
    kept, left = read_npz(path), read_npz(path, in_memory=False)
    for ours, theirs in ((left, kept), (left.with_validation(0.25), kept.with_validation(0.25))):
        assert (ours.name, ours.classes, ours.source) == (theirs.name, theirs.classes, theirs.source)
        for part in ("train", "test", "validation"):
            mine, other = getattr(ours, part), getattr(theirs, part)
            if other is not None:
                assert mine.inputs[:].tobytes() == other.inputs.tobytes()
                assert np.array_equal(mine.targets, other.targets)
                assert np.array_equal(mine.sample_weight, other.sample_weight)
    assert left.train.randomize(seed=3).inputs[:].tobytes() == kept.train.randomize(seed=3).inputs.tobytes()


def test_a_file_that_is_split_already_may_stay_where_it_is(tmp_path: Path) -> None:
    path, rows = tmp_path / "mine.npz", np.random.default_rng(0).standard_normal((40, 3))
    np.savez(path, x_train=rows[:30], y_train=np.arange(30) % 2, x_test=rows[30:], y_test=np.arange(10) % 2)
    left = read_npz(path, in_memory=False)
    assert stored.stored(left.train.inputs) is not None
    assert np.array_equal(left.test.inputs[:], rows[30:].astype(np.float32))


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_a_number_that_is_not_finite_is_found_before_any_use(
    tmp_path: Path, bad: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "BLOCK", 100)
    array = np.zeros((50, 3))
    array[33, 2] = bad
    path = tmp_path / "mine.npz"
    np.savez(path, inputs=array, targets=np.arange(50) % 2)
    with pytest.raises(DataError) as in_memory:
        read_npz(path)
    with pytest.raises(DataError, match="in row 33, column 2; correct or remove that row") as in_file:
        read_npz(path, in_memory=False)
    assert str(in_file.value) == str(in_memory.value)


def test_nothing_reads_the_whole_by_mistake(tmp_path: Path) -> None:
    inputs = open_array(saved(tmp_path / "x.npy", np.ones((5, 2))))
    with pytest.raises(
        DataError, match=r"expected an array in memory, got inputs that stay in .*x.npy; take some rows"
    ):
        np.asarray(inputs)
    assert repr(inputs).startswith("StoredInputs((5, 2) in ")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (
            np.asfortranarray(NUMBERS.astype(float)),
            "expected rows one after the other, got an array in Fortran's order",
        ),
        (np.array([["a", "b"]]), "expected inputs to be numbers, got an array of <U1"),
        (np.zeros((2, 2), complex), "expected inputs to be numbers, got an array of complex128"),
        (np.zeros(3), r"expected inputs of shape \(samples, features, ...\), got \(3,\)"),
        (np.zeros((0, 3)), r"expected inputs of shape \(samples, features, ...\), got \(0, 3\)"),
    ],
)
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_what_cannot_be_read_by_rows_is_refused_by_name(
    tmp_path: Path, array: Array, message: str, suffix: str
) -> None:
    path = saved(tmp_path / f"x{suffix}", array)
    with pytest.raises(DataError, match=f"{path}: {message}"):
        opened(path)


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.array([["a", 1]], object), allow_pickle=True)
    with pytest.raises(DataError, match="expected inputs to be numbers, got an array of object"):
        open_array(path)


def test_a_compressed_file_has_to_be_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez_compressed(path, inputs=np.ones((4, 2)), targets=np.arange(4) % 2)
    with pytest.raises(DataError, match=r"expected arrays that are not compressed, .* write the file by numpy.savez"):
        read_npz(path, in_memory=False)
    np.savez(path, inputs=np.ones((4, 2)))
    with pytest.raises(DataError, match="expected an array named 'x', got inputs"):
        open_array(path, "x")


def test_damaged_files_are_refused_by_name(tmp_path: Path) -> None:
    npy, npz = saved(tmp_path / "x.npy", np.ones((9, 40))), saved(tmp_path / "x.npz", np.ones((9, 40)))
    damaged = bytearray(npz.read_bytes())
    damaged[damaged.index(np.ones(40).tobytes())] ^= 1
    npz.write_bytes(damaged)
    with pytest.raises(DataError, match=f"{npz}: expected an npz file, got: Bad CRC-32"):
        opened(npz)
    for content, message in (
        (npy.read_bytes()[:-1], "expected 2,880 bytes of numbers, got 2,879"),
        (npy.read_bytes()[:20], "expected an array in NumPy's format, got: "),
        (b"", "expected an array in NumPy's format, got: "),
        (npy.read_bytes().replace(b"(9, 40)", b"(-9, 4)"), r"expected inputs of shape .*, got \(-9, 4\)"),
        (npy.read_bytes().replace(b"(9, 40)", b"(9, 4[)"), "expected an array in NumPy's format, got: "),
        (b"PK\3\4" + b"0" * 90, "expected an array in NumPy's format, got: "),
    ):
        npy.write_bytes(content)
        with pytest.raises(DataError, match=f"{npy}: {message}"):
            open_array(npy)
    with pytest.raises(DataError, match=r"expected an npz file, got: File is not a zip file"):
        open_array(npy, "inputs")
    with pytest.raises(DataError, match=r"expected a file at .*none.npy, got none"):
        open_array(tmp_path / "none.npy")
    with pytest.raises(ConfigError, match="expected `path` to be a path"):
        open_array(3)  # type: ignore[arg-type]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_any_damage_gives_an_error_of_one_line_or_numbers_of_the_shape(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, data: st.DataObject
) -> None:
    path = saved(tmp_path_factory.mktemp("damaged") / f"x{suffix}", NUMBERS.astype(np.float32))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        # Mostly in what says how to read the rest, at the beginning and at the end of the file.
        at = data.draw(st.integers(0, 140) | st.integers(len(content) - 200, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.just(len(content)) | st.integers(0, len(content)))])
    message = str(path)
    try:
        inputs = opened(path)
        assert inputs[:5].shape == (min(5, len(inputs)), *inputs.shape[1:])
    except DataError as error:
        message = str(error)
    assert str(path) in message
    assert "\n" not in message


def test_a_file_that_has_changed_is_not_read(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.npy", np.ones((9, 40)))
    inputs, whole = open_array(path), path.read_bytes()
    os.truncate(path, len(whole) - 8)
    with pytest.raises(DataError, match=rf"{path}: expected the file as it was .* {len(whole):,} bytes, got 3,000 byt"):
        inputs[8:]
    path.write_bytes(whole[:-1] + b"\1")
    os.utime(path, ns=(0, 0))
    with pytest.raises(DataError, match="got another content; leave it alone while it is read"):
        inputs[:1]
    path.unlink()
    with pytest.raises(DataError, match=f"expected a file at {path}, got none"):
        inputs[:1]


def test_an_array_in_memory_passes_as_it_is() -> None:
    array = np.ones((2, 2), np.float32)
    assert as_inputs(array) is array
    assert Dataset.from_arrays(array, [0, 1], test_fraction=0).train.inputs.base is None


@pytest.mark.parametrize(("memory", "stays"), [(16 * 40 * 3 - 1, True), (16 * 40 * 3, False)])
def test_inputs_stay_in_the_file_if_they_would_take_more_than_a_quarter_of_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: int, stays: bool
) -> None:
    monkeypatch.setattr(stored, "memory", lambda: memory)
    path = tmp_path / "mine.npz"
    np.savez(path, x=np.ones((40, 3)), y=np.arange(40) % 2)
    assert (stored.stored(read_npz(path).train.inputs) is not None) is stays
    assert (stored.stored(load(path).train.inputs) is not None) is stays
    np.savez_compressed(path, x=np.ones((40, 3)), y=np.arange(40) % 2)
    assert stored.stored(read_npz(path).train.inputs) is None, "it cannot be read by rows"


@pytest.mark.parametrize("most", [1, 255])
@pytest.mark.parametrize("names", [("x", "y"), ("x_train", "y_train", "x_test", "y_test")])
def test_bytes_are_pixels_in_a_file_too(tmp_path: Path, most: int, names: tuple[str, ...]) -> None:
    bytes_ = np.random.default_rng(0).integers(0, most + 1, (40, 4, 3), np.uint8)
    path = tmp_path / "mine.npz"
    arrays: dict[str, Any] = dict(zip(names, [bytes_, np.arange(40) % 2, bytes_[:9], np.arange(9) % 2], strict=False))
    np.savez(path, **arrays)
    kept, left = (read_npz(path, in_memory=each) for each in (True, False))
    assert left.source == kept.source
    for mine, other in ((left.train, kept.train), (left.test, kept.test)):
        assert stored.stored(mine.inputs) is not None
        assert mine.inputs[:].tobytes() == other.inputs.tobytes()
