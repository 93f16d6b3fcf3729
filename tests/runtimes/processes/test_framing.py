"""Frames: whole messages or none."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from threading import Thread

import numpy as np
import pytest

from annex_actors.protocol.messages import Envelope, Forward, Part
from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes.processes import framing

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


def content(frame: framing.Frame) -> bytes:
    return b"".join(frame)


@pytest.mark.parametrize("size", [0, 1, 1000, 3_000_000])
def test_an_envelope_arrives_as_it_was_sent_and_its_array_is_read_only(pair: Pair, size: int) -> None:
    one, other = pair
    sent = envelope(size)
    writer = Thread(target=lambda: framing.write(one, framing.pack(sent)))
    writer.start()
    with framing.reader(other) as stream:
        got = framing.read(stream)
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
            with framing.reader(other) as stream:
                assert isinstance(framing.read(stream), Envelope)
                assert framing.read(stream) is None, f"cut after {length} of {len(whole)} bytes"


def test_what_does_not_fit_at_once_is_returned_and_completes_the_frame_later(pair: Pair) -> None:
    one, other = pair
    frame = framing.pack(envelope(1_000_000))
    left = framing.write(one, frame, wait=False)
    assert 0 < sum(map(len, left)) < sum(map(len, frame))
    writer = Thread(target=lambda: framing.write(one, left))
    writer.start()
    with framing.reader(other) as stream:
        got = framing.read(stream)
    writer.join()
    assert isinstance(got, Envelope)


def test_many_buffers_are_written_in_their_order(pair: Pair) -> None:
    one, other = pair
    sent = [np.full(each, each, np.int64) for each in range(300)]
    writer = Thread(target=lambda: framing.write(one, framing.pack(sent)))
    writer.start()
    with framing.reader(other) as stream:
        got = framing.read(stream)
    writer.join()
    assert got is not None
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
