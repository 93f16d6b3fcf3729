"""A reader by itself, and a trainer whose inputs it reads, with a test in place of the other peers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from annex_actors.base.errors import DataError
from annex_actors.base.types import Array, Floats
from annex_actors.data.sources.stored import StoredInputs
from annex_actors.peers.prediction_feed import CHUNK
from annex_actors.peers.read_ahead import AHEAD
from annex_actors.peers.reader import ReaderSpec
from annex_actors.protocol.effects import Send
from annex_actors.protocol.messages import OWNER, WHOLE_STEP, Envelope, Forward, Predict
from annex_actors.protocol.reading import Read, Rows
from annex_actors.protocol.routing import READER, TRAINER
from tests.peers.trainers import HALT, Hosted
from tests.peers.trainers import TRAINING as IN_MEMORY
from tests.protocol.messages import resume
from tests.trainings import ArraySource, Training, samples

TRAINING = replace(IN_MEMORY, in_files=True)
"""Three steps an epoch: of 5, 5 and 3 samples."""

EDGE = TRAINING.trainer_spec().routing.rows


def read(step: int, chunk: int = WHOLE_STEP) -> Read:
    return Read("run", step, chunk, EDGE)


def reader(training: Training = TRAINING) -> ReaderSpec:
    spec = ReaderSpec.of(training.trainer_spec())
    assert spec is not None
    return spec


def answers(spec: ReaderSpec, *reads: Read) -> list[Rows]:
    """Return what a new reader sends for these messages."""
    node, found = spec.node(None, 1), list[Rows]()
    node.start()
    for message in reads:
        node.receive(Envelope(TRAINER, 1, 0, message))
    while (effects := node.work()) is not None:
        for each in effects:
            if isinstance(each, Send) and isinstance(each.envelope.message, Rows):
                assert each.to == TRAINER
                found.append(each.envelope.message)
    return found


class WithReader(Hosted):
    """A trainer whose reader answers only when the test says so."""

    def __init__(self, **given: object) -> None:
        super().__init__(TRAINING.trainer_spec(), **given)  # type: ignore[arg-type]

    def read(self, step: int, chunk: int = WHOLE_STEP, incarnation: int = 1) -> None:
        """Bring it what it asked for."""
        (rows,) = answers(reader(), read(step, chunk))
        self.tell(rows, READER, incarnation)

    @property
    def asked(self) -> list[int]:
        return [message.step for message in self.messages(Read)]


def test_without_inputs_in_files_there_is_no_reader() -> None:
    assert ReaderSpec.of(IN_MEMORY.trainer_spec()) is None


def test_what_is_read_is_a_function_of_the_step_alone() -> None:
    inputs, batches = samples(13, "softmax_cross_entropy").inputs, TRAINING.trainer_spec().batches
    first = answers(reader(), *(read(step) for step in range(6)))
    again = answers(reader(), *(read(step) for step in reversed(range(6))))
    assert [rows.array.tobytes() for rows in first] == [rows.array.tobytes() for rows in reversed(again)]
    for rows in first:
        assert rows.array.tobytes() == inputs[batches.indices(rows.step)].tobytes()
        assert not rows.array.flags.writeable


def test_a_message_of_an_evaluation_has_the_rows_that_one_in_memory_has() -> None:
    test = np.arange(4.0 * (2 * CHUNK + 3), dtype=np.float32).reshape(-1, 4)
    spec = replace(reader(), test=StoredInputs(ArraySource(test)))
    parts = answers(spec, *(read(3, chunk) for chunk in range(3)))
    assert [len(rows.array) for rows in parts] == [CHUNK, CHUNK, 3]
    assert np.array_equal(np.concatenate([rows.array for rows in parts]), test)


def test_what_is_asked_twice_before_it_is_read_is_read_once() -> None:
    assert len(answers(reader(), read(1), read(2), read(1))) == 2


def test_the_reader_names_itself_and_the_step_where_it_cannot_read() -> None:
    class Gone(ArraySource):
        def read(self, rows: Array) -> Array:
            raise DataError("/data/x.npy: expected the file as it was")

    spec = replace(reader(), train=StoredInputs(Gone(np.ones((13, 4), np.float32))))
    with pytest.raises(DataError, match=r"^reader: step 4: /data/x.npy: expected the file as it was$"):
        answers(spec, read(4))


def test_the_trainer_asks_a_bounded_number_of_steps_ahead_and_feeds_what_has_come() -> None:
    hosted = WithReader()
    may_be_fed = TRAINING.overlap + 1
    assert hosted.asked == list(range(may_be_fed + AHEAD))
    assert hosted.fed == []
    assert hosted.node.waits_for() == "the inputs of step 0"
    hosted.read(1)
    assert hosted.fed == [], "steps are fed in their order"
    hosted.read(0)
    assert hosted.fed == [0, 1]
    assert hosted.node.waits_for() == "the cost of step 0"
    hosted.report(0)
    assert hosted.asked == list(range(may_be_fed + AHEAD + 1))


def test_it_asks_beyond_the_end_of_an_epoch_but_not_of_the_training() -> None:
    hosted = WithReader()
    for step in range(3):
        hosted.read(step)
        hosted.report(step)
    hosted.read(3, 0)
    assert hosted.messages(Predict)
    assert max(hosted.asked) == 4
    hosted.answer()
    for step in range(3, 6):
        hosted.read(step)
        hosted.report(step)
    assert sorted(set(hosted.asked)) == list(range(7))
    assert hosted.messages(Read)[-1].microbatch == 0, "no step 6 is read, but what is evaluated after step 5"


def test_what_is_fed_has_the_bits_of_inputs_in_memory() -> None:
    hosted, expected = WithReader(), Hosted()
    for step in (0, 1):
        hosted.read(step)
    ours, theirs = (
        [(m.step, m.microbatch, m.part, m.array.tobytes()) for m in each.messages(Forward)]
        for each in (hosted, expected)
    )
    assert ours == theirs


def test_a_restarted_reader_is_asked_for_what_is_missing_and_no_more() -> None:
    hosted = WithReader()
    hosted.read(0)
    before = len(hosted.asked)
    hosted.tell(resume(0), READER, incarnation=2)
    assert hosted.asked[before:] == list(range(1, TRAINING.overlap + 1 + AHEAD))
    assert all(to == READER for to, message in hosted.sent if isinstance(message, Read))


def test_rows_that_come_twice_or_too_late_are_dropped() -> None:
    hosted = WithReader()
    for step in (0, 0, 1, 0, 1):
        hosted.read(step)
    assert len(hosted.messages(Forward)) == 2 * 3


def test_a_report_is_not_counted_before_its_step_is_fed_again() -> None:
    """Else the step would be committed without its inputs in the outbox, and a restarted stage would lack them."""
    hosted = WithReader(incarnation=2)
    hosted.report(0)
    assert hosted.commits == []
    hosted.read(0)
    assert hosted.state.reported == 1
    assert {post.message.step for post in hosted.commits[-1].outbox} == {0}


def test_a_halt_waits_for_all_that_an_earlier_incarnation_may_have_fed() -> None:
    hosted = WithReader(incarnation=2)
    hosted.tell(HALT, OWNER)
    assert hosted.state.halt_at == TRAINING.overlap + 1


def test_a_lost_message_of_an_evaluation_is_read_again() -> None:
    hosted = WithReader()
    for step in range(3):
        hosted.read(step)
        hosted.report(step)
    hosted.tell(resume(0), READER, incarnation=2)
    hosted.read(3, 0, incarnation=2)
    hosted.tell(resume(3), incarnation=2)
    assert [m.microbatch for m in hosted.messages(Read) if m.microbatch != WHOLE_STEP] == [0, 0, 0]
    predicted: list[Floats] = [message.array for message in hosted.messages(Predict)]
    assert np.array_equal(predicted[0], samples(7, "softmax_cross_entropy", 1).inputs)
