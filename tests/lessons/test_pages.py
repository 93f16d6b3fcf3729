"""The course as a page that grows with each answer, as the notebook shows it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from annex_actors.lessons.course import LESSONS
from annex_actors.lessons.pages import sections
from annex_actors.lessons.steps import Code, Lesson, Question
from annex_actors.lessons.submission import changed, stub_of
from annex_actors.lessons.taking import Taking, seen


def right(lesson: Lesson) -> dict[str, float | str | None]:
    """Return what a learner gives that knows all."""
    return {
        step.name: float(seen(step).values[step.answer]) if isinstance(step, Question) else step.solution
        for step in lesson.steps
        if isinstance(step, Question | Code)
    }


def page(lesson: Lesson, given: dict[str, float | str | None]) -> str:
    return "\n".join(each.markdown for each in sections(Taking(lesson), given))


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: str(lesson.number))
def test_right_answers_lead_to_the_end(lesson: Lesson) -> None:
    shown = page(lesson, right(lesson))
    assert shown.endswith(f"**Lesson {lesson.number} is finished: {lesson.title}.**")
    assert "✗" not in shown


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: str(lesson.number))
def test_a_page_ends_where_something_is_asked(lesson: Lesson) -> None:
    asked = [step.name for step in lesson.steps if isinstance(step, Question | Code)]
    found = list(sections(Taking(lesson), {}))
    assert [each.asks for each in found if each.asks] == asked[:1]
    assert found[-1].asks == asked[0]


def test_an_answer_is_locked_and_a_wrong_one_explained() -> None:
    lesson = LESSONS[0]
    question = next(step for step in lesson.steps if isinstance(step, Question))
    taking = Taking(lesson)
    wrong = question.wrong[0]
    value = float(seen(question).values[wrong.value])
    first = "\n".join(each.markdown for each in sections(taking, {question.name: value}))
    again = "\n".join(each.markdown for each in sections(taking, {question.name: 12.0}))
    assert first == again
    assert seen(question).filled(wrong.says) in first


def test_code_is_checked_until_it_is_right() -> None:
    lesson = LESSONS[0]
    code = next(step for step in lesson.steps if isinstance(step, Code))
    given = right(lesson)
    assert code.hint in page(lesson, {**given, code.name: stub_of(code)})
    for wrong in code.wrong:
        shown = page(lesson, {**given, code.name: changed(code.solution, wrong)})
        assert wrong.says in shown
        assert "is finished" not in shown


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: str(lesson.number))
def test_the_notebook_takes_the_lesson(lesson: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("marimo")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    from annex_actors.lessons.notebook import app

    _, found = app.run(defs={"lesson_number": lesson.number})
    assert found["sections"][-1].asks
    _, found = app.run(defs={"lesson_number": lesson.number, "given": right(lesson)})
    assert "is finished" in found["sections"][-1].markdown
    _, found = app.run(defs={"lesson_number": lesson.number})  # taken up where it was left
    assert "is finished" in found["sections"][-1].markdown


@pytest.mark.parametrize(
    ("stages", "microbatches", "shown"), [(3, 5, "<svg"), (2, 0, "expected <code>microbatches</code>")]
)
def test_a_schedule_can_be_tried_in_the_notebook(
    stages: int, microbatches: int, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marimo = pytest.importorskip("marimo")
    pytest.importorskip("matplotlib")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    from annex_actors.lessons.notebook import app

    sliders = {"stages": marimo.ui.slider(1, 8, value=stages), "schedule": marimo.ui.dropdown(["1f1b"], value="1f1b")}
    defs = {"lesson_number": 1, **sliders, "microbatches": marimo.ui.slider(0, 16, value=microbatches)}
    _, found = app.run(defs=defs)
    assert shown in found["tried"].text


def test_the_page_of_a_run_is_shown_in_a_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("marimo")
    pytest.importorskip("starlette")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    from annex_actors.lessons.notebook import app

    _, found = app.run(defs={"lesson_number": 1, "show_page": SimpleNamespace(value=True)})
    assert found["framed"].text.startswith("<iframe")
    assert "InjectedCrash" in found["framed"].text
