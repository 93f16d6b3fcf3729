"""Pictures that are decoded when they are used give the numbers that they would have in memory."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annex_actors.base.errors import DataError
from annex_actors.data import read_images
from annex_actors.data.sources.stored import stored

Image: Any = pytest.importorskip("PIL.Image")


@pytest.fixture(params=["gray", "colour", "mixed"])
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Twelve pictures of two classes."""
    draw = np.random.default_rng(0)
    for number in range(12):
        is_gray = request.param == "gray" or (request.param == "mixed" and number % 2 == 0)
        path = tmp_path / "pictures" / "ab"[number % 2] / f"{number}{('.png', '.jpg')[number % 3 == 0]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = draw.integers(0, 256, (5, 4) if is_gray else (5, 4, 3))
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    return tmp_path / "pictures"


@pytest.mark.parametrize("size", [None, (3, 6)])
def test_pictures_are_the_same_in_memory_or_not(folder: Path, size: tuple[int, int] | None) -> None:
    kept, left = (read_images(folder, size=size, seed=1, in_memory=each) for each in (True, False))
    assert (left.name, left.classes, left.source, left.input_shape) == (
        kept.name,
        kept.classes,
        kept.source,
        kept.input_shape,
    )
    for mine, other in ((left.train, kept.train), (left.test, kept.test)):
        assert stored(mine.inputs) is not None
        assert mine.inputs[:].tobytes() == other.inputs.tobytes()
        assert np.array_equal(mine.targets, other.targets)
        assert pickle.loads(pickle.dumps(mine.inputs))[:2].tobytes() == other.inputs[:2].tobytes()


def test_what_is_no_picture_or_of_another_size_is_found_before_any_use(folder: Path) -> None:
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(folder / "a" / "large.png")
    with pytest.raises(DataError, match=r"expected pictures of one size, got .* in a/large.png"):
        read_images(folder, in_memory=False)
    (folder / "a" / "large.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"large.png: expected a picture, got: "):
        read_images(folder, in_memory=False)


def test_a_picture_that_has_changed_is_not_decoded(folder: Path) -> None:
    inputs = read_images(folder, in_memory=False, test_fraction=0).train.inputs
    changed = folder / "b" / "1.png"
    os.truncate(changed, 20)
    assert len(inputs[:6]) == 6, "the pictures of the first class are as they were"
    with pytest.raises(DataError, match=rf"{changed}: expected the file as it was when it was opened.*got 20 bytes"):
        inputs[6:]


def test_pictures_stay_in_their_files_if_they_would_take_more_than_a_quarter_of_the_memory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for memory, stays in ((2**30, False), (16 * 12 * 20 - 1, True)):
        monkeypatch.setattr("annex_actors.data.sources.stored.memory", lambda memory=memory: memory)
        assert (stored(read_images(folder).train.inputs) is not None) is stays
