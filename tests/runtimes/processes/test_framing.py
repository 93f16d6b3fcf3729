"""Frames: whole messages or none."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from threading import Thread
from typing import Any

import numpy as np
import pytest

from annex_actors.protocol.messages import Envelope, Forward, Part
from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes.processes import framing
from annex_actors.runtimes.processes.slab import SlabReader, SlabWriter, new_slab

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    one, other = socket.socketpair()
    with closing(one), closing(other):
        yield one, other


def envelope(size: int) -> Envelope:
    array = np.arange(size, dtype=np.float32)
    array.flags.writeable = False
    return Envelope(stage_address(0), 3, 7, Forward("run", 7, 1, 2, array, Part(4, 32)))


def next_message(reader: framing.Reader) -> object:
    """Return the next message, which comes alone; None where the stream ends before it."""
    while (messages := reader.read()) is not None:
        whole: list[object] = list(messages)
        if whole:
            (message,) = whole
            return message
    return None


def content(frame: framing.Frame) -> bytes:
    return b"".join(frame)


@pytest.mark.parametrize("size", [0, 1, 1000, 3_000_000])
def test_an_envelope_arrives_as_it_was_sent_and_its_array_is_read_only(pair: Pair, size: int) -> None:
    one, other = pair
    sent = envelope(size)
    writer = Thread(target=lambda: framing.write(one, framing.pack(sent)))
    writer.start()
    got = next_message(framing.Reader(other))
    writer.join()
    assert isinstance(got, Envelope)
    assert (got.sender, got.incarnation, got.committed) == (stage_address(0), 3, 7)
    assert isinstance(got.message, Forward)
    assert got.message.part == Part(4, 32)
    np.testing.assert_array_equal(got.message.array, sent.message.array)  # type: ignore[attr-defined]
    assert not got.message.array.flags.writeable


def test_arrays_travel_out_of_band_and_are_not_copied() -> None:
    sent = envelope(1000)
    frame = framing.pack(sent)
    assert isinstance(sent.message, Forward)
    assert any(np.shares_memory(np.asarray(piece), sent.message.array.view(np.uint8)) for piece in frame[1:])
    assert len(frame[0]) < 1000


def test_wherever_a_frame_is_cut_nothing_of_it_is_delivered() -> None:
    whole = content(framing.pack(envelope(20)))
    for length in range(len(whole)):
        one, other = socket.socketpair()
        with closing(other):
            with closing(one):
                one.sendall(whole + whole[:length])
            reader = framing.Reader(other)
            assert isinstance(next_message(reader), Envelope)
            assert next_message(reader) is None, f"cut after {length} of {len(whole)} bytes"


def test_however_a_stream_is_divided_each_message_arrives_once_and_in_order() -> None:
    sent = [np.full(size, size % 251, np.uint8) for size in (0, 1, 5000, 70_000, 3, 200_000, 0, 12)]
    stream = b"".join(content(framing.pack(each)) for each in sent)
    numbers = random.Random(4)
    for _ in range(20):
        one, other = socket.socketpair()
        with closing(one), closing(other):
            one.setblocking(False)
            other.setblocking(False)
            reader, got, at = framing.Reader(other), list[np.ndarray[Any, Any]](), 0
            while len(got) < len(sent):
                with suppress(BlockingIOError):
                    at += one.send(stream[at : at + numbers.choice((1, 15, 100, 1000, 65536, 100_000))])
                got += reader.read() or ()
            assert list(reader.read() or ()) == []
        for before, after in zip(sent, got, strict=True):
            np.testing.assert_array_equal(before, after)


def test_a_message_that_is_larger_than_the_read_ahead_arrives_without_an_array_too(pair: Pair) -> None:
    one, other = pair
    sent = "x" * 1_000_000
    writer = Thread(target=lambda: framing.write(one, framing.pack(sent)))
    writer.start()
    assert next_message(framing.Reader(other)) == sent
    writer.join()


def test_large_arrays_travel_in_the_slab_and_small_ones_in_the_frame(pair: Pair) -> None:
    one, other = pair
    fd = new_slab()
    writer, reader = SlabWriter(os.dup(fd)), SlabReader(fd)
    large, small = np.arange(framing.SMALL, dtype=np.float32), np.arange(3)
    frame = framing.pack((large, small), writer)
    assert sum(map(len, frame)) < 1000
    framing.write(one, frame)
    got = next_message(framing.Reader(other, reader))
    assert isinstance(got, tuple)
    for before, after in zip((large, small), got, strict=True):
        np.testing.assert_array_equal(before, after)
        assert not after.flags.writeable
    writer.close()
    reader.close()


def test_what_does_not_fit_at_once_is_returned_and_completes_the_frame_later(pair: Pair) -> None:
    one, other = pair
    frame = framing.pack(envelope(1_000_000))
    left = framing.write(one, frame, wait=False)
    assert 0 < sum(map(len, left)) < sum(map(len, frame))
    writer = Thread(target=lambda: framing.write(one, left))
    writer.start()
    got = next_message(framing.Reader(other))
    writer.join()
    assert isinstance(got, Envelope)


def test_many_buffers_are_written_in_their_order(pair: Pair) -> None:
    one, other = pair
    sent = [np.full(each, each, np.int64) for each in range(300)]
    writer = Thread(target=lambda: framing.write(one, framing.pack(sent)))
    writer.start()
    got = next_message(framing.Reader(other))
    writer.join()
    assert isinstance(got, list)
    for before, after in zip(sent, got, strict=True):
        np.testing.assert_array_equal(before, after)


def test_writing_to_a_closed_end_is_an_error(pair: Pair) -> None:
    one, other = pair
    other.close()
    with pytest.raises(OSError, match="Broken pipe"):
        framing.write(one, framing.pack(envelope(1)))


def test_files_that_do_not_arrive_are_an_error(pair: Pair) -> None:
    one, other = pair
    one.close()
    with pytest.raises(EOFError, match="expected open files"):
        framing.receive_fds(other, 1)
