"""The course in the terminal: taken by answers that are written down, right ones, wrong ones, and code."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from annex_actors.cli import main
from annex_actors.lessons.course import LESSONS
from annex_actors.lessons.steps import Code, Lesson, Question
from annex_actors.lessons.submission import changed
from annex_actors.lessons.taking import seen


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


def right_answers(lesson: Lesson, folder: Path) -> list[str]:
    """Return right answers to all questions, and code that is right."""
    answers = []
    for step in lesson.steps:
        if isinstance(step, Question):
            answers.append(str(seen(step).values[step.answer]))
        elif isinstance(step, Code):
            file = folder / f"{lesson.number}_{step.name}.py"
            file.write_text(step.solution)
            answers.append(str(file))
    return answers


def wrong_answers(lesson: Lesson, folder: Path) -> list[str]:
    """Return a wrong answer to each question, and all wrong code before code that is right."""
    answers = []
    for step in lesson.steps:
        if isinstance(step, Question):
            answers.append(str(seen(step).values[step.wrong[0].value]))
        elif isinstance(step, Code):
            answers.append("check  # not written yet")
            for index, source in enumerate([*(changed(step.solution, wrong) for wrong in step.wrong), step.solution]):
                file = folder / f"{lesson.number}_{step.name}_{index}.py"
                file.write_text(source)
                answers.append(str(file))
    return answers


def learn(
    capsys: pytest.CaptureFixture[str], lesson: int, answers: list[str], *options: str, code: int = 0
) -> list[str]:
    """Take a lesson with these answers, and return what is shown, a paragraph each."""
    Path("answers").write_text("\n".join(answers))
    assert main(["learn", str(lesson), "--answers", "answers", *options]) == code
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: str(lesson.number))
def test_right_answers_pass(lesson: Lesson, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = learn(capsys, lesson.number, right_answers(lesson, tmp_path))
    assert shown[-1] == f"Lesson {lesson.number} is finished: {lesson.title}."
    assert not any(line.startswith(("You said", "Not yet")) for line in shown)
    questions = [step for step in lesson.steps if isinstance(step, Question)]
    assert sum(line.startswith("Right: ") for line in shown) == len(questions)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: str(lesson.number))
def test_wrong_answers_are_told_why_and_the_lesson_goes_on(
    lesson: Lesson, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = " ".join(learn(capsys, lesson.number, wrong_answers(lesson, tmp_path)))
    assert "is finished" in shown
    assert "Traceback" not in shown
    for step in lesson.steps:
        if isinstance(step, Question):
            assert seen(step).filled(step.wrong[0].says) in shown
        elif isinstance(step, Code):
            assert step.hint in shown
            assert all(" ".join(wrong.says.split()) in shown for wrong in step.wrong)


def test_a_lesson_is_taken_up_where_it_was_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = right_answers(LESSONS[0], tmp_path)
    shown = learn(capsys, 1, answers[:2], code=1)
    assert shown[-1] == "Your progress is kept: annex-actors learn 1 goes on here."
    assert main(["learn"]) == 0
    assert "step 7 of 10" in capsys.readouterr().out
    shown = learn(capsys, 1, answers[2:])
    assert not any("step 1 of" in line for line in shown)
    assert main(["learn"]) == 0
    listed = capsys.readouterr().out
    assert "finished" in listed
    assert "annex-actors learn 2 begins it" in listed


def test_a_learner_goes_back_and_finds_the_answer_locked(capsys: pytest.CaptureFixture[str]) -> None:
    shown = learn(capsys, 1, ["8", "back", "8192", "quit", "never read"], code=1)
    assert sum("step 4 of 10" in line for line in shown) == 2  # a text before the second question
    assert any(line.startswith("You said 8, it is 12.") for line in shown)
    assert learn(capsys, 1, ["q"], "--again", code=1).count("Your answer is locked: 8") == 0


def test_a_finished_lesson_is_looked_at_again_with_its_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learn(capsys, 1, right_answers(LESSONS[0], tmp_path))
    shown = learn(capsys, 1, [])
    assert "Your answer is locked: 12" in shown
    assert shown[-1].startswith("Lesson 1 is finished")


def test_answers_come_from_standard_input_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for options in ([], ["--answers", "-"]):
        monkeypatch.setattr("sys.stdin", io.StringIO("# a comment\n\ntwelve\n12\n"))
        assert main(["learn", "1", "--again", *options]) == 1
        shown = capsys.readouterr().out
        assert "Expected a number, got twelve" in shown
        assert "Right: 12." in shown


def test_the_learners_file_is_made_and_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = right_answers(LESSONS[0], tmp_path)
    code = next(step for step in LESSONS[0].steps if isinstance(step, Code))
    before = [answer for answer in answers if not answer.endswith(".py")][:3]
    shown = learn(capsys, 1, [*before, "check"], "--folder", "mine", code=1)
    file = tmp_path / "mine" / "lesson_01_handle.py"
    assert f"    {file}" in shown
    assert any(line.startswith("Not yet: ") and code.hint in line for line in shown)
    file.write_text(code.solution)
    assert any(line.startswith("Right. ") for line in learn(capsys, 1, ["check"], code=1))
    assert file.read_text() == code.solution
    assert any(
        "Expected a file with your code" in line
        for line in learn(capsys, 1, [*before, "nothing.py"], "--again", code=1)
    )


def test_wrong_arguments_are_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for arguments, error in (
        (["99"], f"expected the number of a lesson, from 1 to {len(LESSONS)}, got 99"),
        (["1", "--answers", "nothing"], "expected a file at nothing, got none; check the path"),
    ):
        assert main(["learn", *arguments]) == 2
        shown = capsys.readouterr().err
        assert error in shown
        assert shown.count("\n") == 1
    Path("state/annex-actors").mkdir(parents=True)
    Path("state/annex-actors/lessons.json").write_text("broken")
    assert main(["learn"]) == 2
    assert "delete it" in capsys.readouterr().err


def test_the_deck_has_a_picture_for_each_lesson_and_is_the_same_each_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    for folder in ("deck", "again"):
        assert main(["learn", "--deck", folder]) == 0
    listed = capsys.readouterr().out
    files = sorted(path.name for path in Path("deck").iterdir())
    assert {int(name[:2]) for name in files} == {each.number for each in LESSONS}
    for name in files:
        assert name in listed
        content = Path("deck", name).read_bytes()
        assert ElementTree.fromstring(content).tag.endswith("}svg")
        assert content == Path("again", name).read_bytes()
    Path("file").touch()
    assert main(["learn", "--deck", "file"]) == 2
    assert "expected a file that can be written at file, got File exists" in capsys.readouterr().err


def test_a_deck_that_cannot_be_drawn_leaves_no_folder(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["learn", "--deck", "deck"]) == 2
    assert "got none; pip install 'annex-actors[plots]'\n" in capsys.readouterr().err
    assert not Path("deck").exists()
