"""The page for teachers has all that the lessons have."""

from __future__ import annotations

from annex_actors.lessons.course import LESSONS
from annex_actors.lessons.steps import Code, Question
from annex_actors.lessons.taking import seen
from annex_actors.lessons.teaching import page_of


def test_the_page_has_goals_answers_and_what_each_wrong_one_is_told() -> None:
    lessons = LESSONS[:2]
    page = "\n".join(page_of(lessons))
    for lesson in lessons:
        assert all(goal in page for goal in lesson.goals)
        for step in lesson.steps:
            if isinstance(step, Question):
                assert all(seen(step).filled(wrong.says) in page for wrong in step.wrong)
            elif isinstance(step, Code):
                assert step.solution in page
                assert all(wrong.says in page for wrong in step.wrong)
