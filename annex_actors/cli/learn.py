"""``annex-actors learn``: the course in the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from annex_actors.cli import options as shared
from annex_actors.cli.output import print_lines, print_result, print_table

if TYPE_CHECKING:
    from annex_actors.lessons.driver import Face
    from annex_actors.lessons.steps import Lesson
    from annex_actors.lessons.taking import Record

_LESSON = "The number of a lesson; by default all are listed, with your progress. With --grade, files or folders."
_ANSWERS = "A file of answers, one a line, instead of your own: numbers, paths of code, back, quit; # begins a comment."
_FOLDER = "Where files for your code are made."
_AGAIN = "Begin the lesson again: your answers are forgotten, your files stay."
_TEACHER = "Print a page for teachers in Markdown: times, goals, answers, wrong answers and what each is told."
_DECK = "Draw pictures for a blackboard into this folder, as SVG (extra `plots`)."
_NOTEBOOK = "Take the course in a browser, as a notebook of marimo (extra `lessons`)."
_GRADE = "Grade files with code of learners, each in a process with limits of time and memory."


def learn(
    what: Annotated[list[str] | None, typer.Argument(metavar="[LESSON|FILE...]", help=_LESSON)] = None,
    answers: Annotated[Path | None, typer.Option(metavar="FILE|-", help=_ANSWERS)] = None,
    folder: Annotated[Path, typer.Option(help=_FOLDER)] = Path("annex-lessons"),
    again: Annotated[bool, typer.Option("--again", help=_AGAIN)] = False,
    teacher: Annotated[bool, typer.Option("--teacher", help=_TEACHER)] = False,
    grade: Annotated[bool, typer.Option("--grade", help=_GRADE)] = False,
    deck: Annotated[Path | None, typer.Option(metavar="FOLDER", help=_DECK)] = None,
    notebook: Annotated[bool, typer.Option("--notebook", help=_NOTEBOOK)] = False,
    debug: shared.Debug = False,
) -> None:
    """Take a course of ten lessons, in which you predict, run, look, and write parts of networks made of actors.

    You may stop at any time: the next `learn LESSON` takes the lesson up where you left it. Nothing needs the network.
    """
    from annex_actors.lessons import course, progress

    if notebook:
        raise typer.Exit(_notebook())
    if deck is not None:
        _draw(deck)
        return
    if grade:
        _grade(what or [])
        return
    chosen = None if what is None else course.lesson(_number(what))
    if teacher:
        _print_page(course.LESSONS if chosen is None else [chosen])
        return
    kept = progress.progress_file()
    records = progress.read_progress(kept)
    if chosen is None:
        _list(course.LESSONS, records)
        return
    face = _Terminal() if answers is None and sys.stdin.isatty() else _Script(_lines(answers))
    if not _take(chosen, None if again else records.get(chosen.number), face, folder, kept):
        print_result(f"Your progress is kept: annex-actors learn {chosen.number} goes on here.")
        raise typer.Exit(0 if face.waits else 1)
    print_result(f"Lesson {chosen.number} is finished: {chosen.title}.")


def _number(what: Sequence[str]) -> int:
    from annex_actors.base import checks
    from annex_actors.cli.options import number_or_text

    given = number_or_text(what[0]) if len(what) == 1 else " ".join(what)
    return checks.whole_number("LESSON", given, at_least=1)


def _print_page(lessons: Sequence[Lesson]) -> None:
    from annex_actors.lessons.teaching import page_of

    for line in page_of(lessons):
        print_result(line)


def _notebook() -> int:
    """Serve the notebook until Ctrl-C; return the exit code of marimo."""
    import subprocess

    from annex_actors.base.errors import ConfigError

    try:
        from annex_actors.lessons import notebook
    except ImportError as error:
        raise ConfigError("expected marimo for --notebook, got none; pip install 'annex-actors[lessons]'") from error
    return subprocess.run([sys.executable, "-m", "marimo", "run", str(notebook.__file__)], check=False).returncode


def _draw(folder: Path) -> None:
    """Draw the deck into a folder, and print a table of its pictures."""
    from annex_actors.base.files import writing
    from annex_actors.lessons.deck import drawn
    from annex_actors.training.atomic_files import write_whole

    rows = []
    for picture, content in drawn():
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)  # once there is a picture
        path = folder / f"{picture.name}.svg"
        with writing(path):
            write_whole(path, content)
        rows.append((str(path), picture.title))
    print_table(["picture", "shows"], rows)


def _grade(files: Sequence[str]) -> None:
    """Print the grades; exit with 1 unless all submissions are right."""
    from annex_actors.lessons.grading import grade

    grades = list(grade([Path(file) for file in files]))
    print_table(["file", "verdict", "told"], [(each.file, each.verdict, each.says) for each in grades])
    passed = sum(each.passed for each in grades)
    print_result(f"{passed} of {len(grades)} right")
    if passed < len(grades):
        raise typer.Exit(1)


def _list(lessons: Sequence[Lesson], records: dict[int, Record]) -> None:
    rows = [(each.number, each.title, f"{each.minutes:.0f} min", _state(each, records)) for each in lessons]
    print_table(["", "lesson", "takes", "you"], rows)
    steps = {each.number: len(each.steps) for each in lessons}
    finished = {number for number, record in records.items() if record.step >= steps.get(number, 0)}
    left = [number for number in steps if number not in finished]
    if left:
        print_result(f"\nannex-actors learn {left[0]} {'goes on' if left[0] in records else 'begins it'}")


def _state(lesson: Lesson, records: dict[int, Record]) -> str:
    record = records.get(lesson.number)
    if record is None:
        return ""
    steps = len(lesson.steps)
    return "finished" if record.step >= steps else f"step {record.step + 1} of {steps}"


def _take(lesson: Lesson, record: Record | None, face: Face, folder: Path, kept: Path | None) -> bool:
    """Take a lesson; return whether it is finished now."""
    from annex_actors.lessons.driver import Driver
    from annex_actors.lessons.progress import keep_progress
    from annex_actors.lessons.taking import Record, Taking

    taking = Taking(lesson, record)
    if taking.is_finished:  # looked at once more, with the answers that are locked
        taking = Taking(lesson, Record(0, taking.answers, tuple(taking.passed), taking.files))
    print_result(f"{lesson.number}. {lesson.title}")
    driver = Driver(taking, face, folder, lambda record: keep_progress(kept, lesson.number, record))
    return driver.take()


def _lines(answers: Path | None) -> Iterator[str]:
    """Return the lines of a file of answers; of standard input if there is none, or its name is ``-``."""
    from annex_actors.base.files import SMALL, read_file, reading

    if answers is None or str(answers) == "-":
        return iter(sys.stdin)
    with reading(answers):
        return iter(read_file(answers, limit=SMALL).decode(errors="replace").splitlines())


class _Shown:
    """What both faces have in common: texts are wrapped, lines are cut."""

    def show(self, text: str = "") -> None:
        """Show a paragraph."""
        print_result(text)

    def show_lines(self, lines: Sequence[str]) -> None:
        """Show lines as they are, as far as they fit."""
        from annex_actors.base.columns import cut, width_of

        print_lines([cut(line, width_of(sys.stdout)) for line in lines])


class _Terminal(_Shown):
    """A learner at a terminal."""

    waits = True

    def ask(self, prompt: str) -> str | None:
        """Return what the learner types; None after Ctrl-D."""
        try:
            return input(prompt)
        except EOFError:
            return None


class _Script(_Shown):
    """Answers that are written down: each is shown after its prompt."""

    waits = False

    def __init__(self, answers: Iterator[str]) -> None:
        self._answers = (line.partition("#")[0].strip() for line in answers if line.partition("#")[0].strip())

    def ask(self, prompt: str) -> str | None:
        """Return the next answer; None if there is none left."""
        answer = next(self._answers, None)
        print_result(f"{prompt}{answer or ''}")
        return "" if answer == "check" else answer
