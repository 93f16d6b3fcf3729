"""A lesson with any face that shows lines and asks for one: the terminal, a file of answers, a test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from pathlib import Path
from typing import Protocol

from annex_actors.base.files import SMALL, read_file, reason, user_path, writing
from annex_actors.lessons.checking import Verdict
from annex_actors.lessons.layout import paragraphs
from annex_actors.lessons.steps import Code, Question, Run, Text
from annex_actors.lessons.submission import stub_of
from annex_actors.lessons.taking import Record, Taking
from annex_actors.training.atomic_files import write_whole

BACK, STOP, SOLUTION = ("b", "back"), ("q", "quit", "stop"), ("solution",)


class Face(Protocol):
    """What shows a lesson to a learner."""

    @property
    def waits(self) -> bool:
        """Whether to wait for the learner after each step, also where nothing is asked."""

    def show(self, text: str = "") -> None:
        """Show a paragraph."""

    def show_lines(self, lines: Sequence[str]) -> None:
        """Show lines as they are."""

    def ask(self, prompt: str) -> str | None:
        """Return what the learner says on one line; None: they have gone."""


class _Gone(Exception):
    """The learner has stopped."""


class Driver:
    """A learner in a lesson, with a face.

    Args:
        taking: the learner in the lesson.
        face: shows and asks.
        folder: where files for the learner's code are made.
        keep: called with the record after each step and each answer.
    """

    def __init__(self, taking: Taking, face: Face, folder: Path, keep: Callable[[Record], None]) -> None:
        self._taking = taking
        self._face = face
        self._folder = folder
        self._keep = keep

    def take(self) -> bool:
        """Lead the learner through the lesson from where they are; return whether it is finished."""
        try:
            while not self._taking.is_finished:
                self._step()
                self._keep(self._taking.record)
        except _Gone:
            pass
        self._keep(self._taking.record)
        return self._taking.is_finished

    def _step(self) -> None:
        step = self._taking.current
        self._face.show()
        self._face.show(f"── Lesson {self._taking.lesson.number}, {self._taking.mark}")
        self._face.show()
        self._tell(step.text)
        if isinstance(step, Text):
            may_go = True
        elif isinstance(step, Run):
            may_go = self._run(step)
        else:
            may_go = self._question(step) if isinstance(step, Question) else self._code(step)
        if may_go and self._waited():
            self._taking.forward()

    def _run(self, step: Run) -> bool:
        seen = self._taking.seen()
        self._show_run(seen.lines)
        if step.then:
            self._tell(seen.filled(step.then))
        return True

    def _question(self, step: Question) -> bool:
        locked = self._taking.answers.get(step.name)
        if locked is None:
            number = self._number()
            if number is None:
                return False
            self._taking.answer(number)
            self._keep(self._taking.record)
        else:
            self._face.show(f"Your answer is locked: {locked:g}")
        self._show_run(self._taking.seen().lines)
        self._tell_verdict(self._taking.verdict())
        return True

    def _number(self) -> float | None:
        """Return the learner's answer; None if they go back."""
        while True:
            said = self._said("your prediction")
            if said is None:
                return None
            try:
                number = float(said.replace(",", ""))
            except ValueError:
                number = float("nan")
            if isfinite(number):
                return number
            self._face.show(f"Expected a number, got {said[:40] or 'nothing'}; b goes back, q stops.")

    def _code(self, step: Code) -> bool:
        file = self._file(step)
        self._face.show("Open your file in an editor, write what is missing, and save it:")
        self._face.show()
        self._face.show(f"    {file}")
        self._face.show()
        while self._taking.is_open:
            said = self._said("Enter checks it")
            if said is None:
                return False
            if said in SOLUTION:
                for line in step.solution.splitlines():
                    self._face.show(line)
                continue
            self._check(user_path(said) if said else file)
        return True

    def _file(self, step: Code) -> Path:
        """Return the learner's file, which is made if there is none."""
        known = self._taking.files.get(step.name)
        file = (
            Path(known) if known else self._folder.absolute() / f"lesson_{self._taking.lesson.number:02}_{step.name}.py"
        )
        if not file.exists():
            with writing(file, "a file for your code"):
                file.parent.mkdir(parents=True, exist_ok=True)
                write_whole(file, stub_of(step))
        self._taking.files[step.name] = str(file)
        self._keep(self._taking.record)
        return file

    def _check(self, file: Path) -> None:
        try:
            source = read_file(file, limit=SMALL).decode()
        except (OSError, ValueError) as error:
            why = reason(error) if isinstance(error, OSError) else "bytes that are no text"
            self._face.show(f"Expected a file with your code at {file}, got {why}.")
            return
        verdict = self._taking.check(source, str(file))
        if verdict.passed:
            self._tell_verdict(verdict, "Right. ")
        else:
            self._tell_verdict(verdict, "Not yet: ")
            self._face.show("(Write solution to see one way to write it.)")

    def _waited(self) -> bool:
        """Wait until the learner wants to go on; return False if they went back instead."""
        if not self._face.waits:
            return True
        return self._said("Enter goes on") is not None

    def _said(self, prompt: str) -> str | None:
        """Return what the learner says; None if they went back.

        Raises:
            _Gone: they stop.
        """
        said = self._face.ask(f"{prompt}, b goes back, q stops > ")
        word = said.strip() if said is not None else STOP[0]
        if word.lower() in STOP:
            raise _Gone
        if word.lower() in BACK:
            self._taking.back()
            return None
        return word

    def _tell(self, text: str) -> None:
        for paragraph in paragraphs(text):
            self._face.show(paragraph)
            self._face.show()

    def _tell_verdict(self, verdict: Verdict, before: str = "") -> None:
        for line in (before + verdict.says).split("\n"):
            self._tell(line)

    def _show_run(self, lines: Sequence[str]) -> None:
        margin = " " * min(4, 80 - max(map(len, lines)))
        self._face.show_lines([margin + line if line else "" for line in lines])
        self._face.show()
