"""A learner in a lesson: answers are locked, steps go on and back, and all of it is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.lessons.progress import keep_progress, progress_file, read_progress
from annex_actors.lessons.steps import Lesson, Question, Run, Seen, Text, Wrong
from annex_actors.lessons.taking import Record, Taking

ran: list[str] = []


def counted() -> Seen:
    ran.append("counted")
    return Seen(["one two three"], {"three": 3, "two": 2})


LESSON = Lesson(
    1,
    "To count",
    ("Count.",),
    (
        Text("We count."),
        Question("how_many", "How many?", counted, "three", "They are {three}.", (Wrong("two", "One is hidden."),)),
        Run("Once more.", lambda: Seen(["three"])),
    ),
)


def test_a_question_is_run_once_it_is_answered_and_its_answer_is_locked() -> None:
    ran.clear()
    taking = Taking(LESSON)
    taking.forward()
    was_open = [taking.is_open]
    assert ran == []
    with pytest.raises(ConfigError, match="expected an answer before the next step"):
        taking.forward()
    taking.answer(2)
    was_open.append(taking.is_open)
    assert was_open == [True, False]
    assert taking.verdict().says == "You said 2, it is 3. One is hidden.\nThey are 3."
    with pytest.raises(ConfigError, match="the first answer counts"):
        taking.answer(3)
    assert taking.answers == {"how_many": 2}


def test_a_learner_may_go_back_and_on() -> None:
    taking = Taking(LESSON, Record(step=2, answers={"how_many": 3}))
    taking.back()
    assert taking.verdict().passed
    taking.back()
    taking.back()
    assert taking.step == 0
    for _ in LESSON.steps:
        taking.forward()
    assert taking.is_finished
    assert not taking.is_open


def test_a_mark_says_how_far_the_learner_is() -> None:
    assert Taking(LESSON).mark == "step 1 of 3, about 4 minutes left"
    assert Taking(LESSON, Record(step=2)).mark == "step 3 of 3, about 1 minute left"


def test_a_record_of_a_longer_lesson_leads_to_the_end() -> None:
    assert Taking(LESSON, Record(step=99)).is_finished


def test_progress_is_kept_for_each_lesson(tmp_path: Path) -> None:
    path = tmp_path / "state" / "lessons.json"
    assert read_progress(path) == {}
    one, two = Record(3, {"x": 1.5}, ("part",), {"part": "/tmp/x.py"}), Record(1)
    keep_progress(path, 1, one)
    keep_progress(path, 2, two)
    assert read_progress(path) == {1: one, 2: two}


@pytest.mark.parametrize("content", ["", "[]", '{"1": 2}', '{"one": {}}', '{"1": {"step": "x"}}', "\xff"])
def test_progress_that_is_damaged_is_one_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "lessons.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"expected the progress of the course in .*delete it"):
        read_progress(path)


def test_progress_is_kept_in_the_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert progress_file() == tmp_path / "annex-actors" / "lessons.json"
