"""Slabs: arrays in memory that two processes share, each there for as long as its receiver looks at it."""

from __future__ import annotations

import gc
import os
import pickle
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from annex_actors.base.types import Array
from annex_actors.runtimes.processes import slab
from annex_actors.runtimes.processes.slab import SlabReader, SlabWriter, new_slab

PAGE = os.sysconf("SC_PAGE_SIZE")


@contextmanager
def a_slab() -> Iterator[tuple[SlabWriter, SlabReader]]:
    fd = new_slab()
    writer, reader = SlabWriter(os.dup(fd)), SlabReader(fd)
    yield writer, reader
    writer.close()
    reader.close()


def content(size: int, number: int) -> memoryview:
    return np.full(size, number % 256, np.uint8).data


def sent(writer: SlabWriter, reader: SlabReader, size: int, number: int) -> Array:
    place = writer.put(content(size, number))
    assert place is not None
    return reader.view(size, place)


def test_an_array_arrives_as_it_was_and_cannot_be_written_to() -> None:
    with a_slab() as (writer, reader):
        array = sent(writer, reader, 100_000, 7)
        np.testing.assert_array_equal(array, np.full(100_000, 7, np.uint8))
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.flags.writeable = True


def test_blocks_are_aligned_for_every_kind_of_number() -> None:
    with a_slab() as (writer, reader):
        arrays = [sent(writer, reader, size, size) for size in (1, 63, 64, 65, 4097)]
        assert all(array.ctypes.data % 64 == 0 for array in arrays)


def test_a_block_is_used_again_once_its_last_view_is_gone() -> None:
    with a_slab() as (writer, reader):
        first = writer.put(content(5000, 1))
        assert first is not None
        pickled = pickle.dumps(np.zeros((50, 25), np.float32), 5, buffer_callback=lambda _: None)
        array = pickle.loads(pickled, buffers=[reader.view(5000, first)])
        view = array[3:, 2:].T
        del array
        gc.collect()
        reader.free()
        second = writer.put(content(5000, 2))
        assert second is not None
        assert second[0] != first[0]
        assert (view == np.full(4, 1, np.uint8).view(np.float32)).all()
        del view
        reader.free()
        third = writer.put(content(5000, 3))
        assert third is not None
        assert third[0] == first[0]


def test_without_room_there_is_no_place_and_room_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slab, "MOST_BYTES", PAGE + 10_000)
    with a_slab() as (writer, reader):
        kept = sent(writer, reader, 8000, 1)
        assert writer.put(content(8000, 2)) is None
        assert writer.put(content(1000, 2)) is not None
        del kept
        reader.free()
        assert writer.put(content(8000, 2)) is not None


def test_more_arrays_than_blocks_find_no_place() -> None:
    with a_slab() as (writer, reader):
        kept = [sent(writer, reader, 1, number) for number in range(PAGE)]
        assert writer.put(content(1, 0)) is None
        del kept[5]
        reader.free()
        assert writer.put(content(1, 0)) is not None
        assert writer.put(content(1, 0)) is None


def test_where_there_is_no_memory_left_there_is_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    with a_slab() as (writer, _):
        monkeypatch.setattr(os, "posix_fallocate", fail)
        assert writer.put(content(5000, 1)) is None


@pytest.mark.parametrize("seed", range(5))
def test_no_view_ever_changes_whatever_is_sent_kept_and_dropped(seed: int) -> None:
    numbers, kept = random.Random(seed), list[tuple[Array, int]]()
    with a_slab() as (writer, reader):
        for number in range(2000):
            kept.append((sent(writer, reader, numbers.randint(1, 20_000), number), number % 256))
            while kept and numbers.random() < 0.5:
                array, wanted = kept.pop(numbers.randrange(len(kept)))
                assert (array == wanted).all()
                del array
            if numbers.random() < 0.3:
                reader.free()
        assert all((array == wanted).all() for array, wanted in kept)


def test_views_outlive_both_ends() -> None:
    """As where the sender was killed, and its array was saved for backward."""
    with a_slab() as (writer, reader):
        array = sent(writer, reader, 100_000, 9)
    assert (array == 9).all()
