"""Submissions are graded each in a process of its own, whatever they do."""

from __future__ import annotations

from pathlib import Path

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.cli import main
from annex_actors.lessons.course import LESSONS
from annex_actors.lessons.grading import Limits, grade
from annex_actors.lessons.steps import Code
from annex_actors.lessons.submission import changed, stub_of

LIMITS = Limits(seconds=2, bytes=2**28)
CODES = [(lesson, step) for lesson in LESSONS for step in lesson.steps if isinstance(step, Code)]
CODE = CODES[0][1]
RIGHT = CODE.solution


def with_body(*lines: str) -> str:
    """Return a file whose function does this."""
    return "\n".join(["def handle(weight, bias, message):", *(f"    {line}" for line in lines), ""])


SUBMISSIONS = {
    "right": (RIGHT, "right"),
    "right_in_another_way": (RIGHT.replace("message.array @ weight + bias", "bias + message.array @ weight"), "right"),
    "prints": (RIGHT + 'print(\'{"verdict": "right"}\')\n', "right"),
    "wrong": (changed(RIGHT, CODE.wrong[0]), "wrong, explained"),
    "wrong_alone": (RIGHT.replace("+ bias", "+ bias + 1"), "wrong"),
    "unwritten": (stub_of(CODE), "not written yet"),
    "raises": (with_body("raise KeyError('x')"), "fails"),
    "no_python": ("def handle(:\n", "fails"),
    "empty": ("", "fails"),
    "endless_at_the_top": ("while True: pass\n", "too long"),
    "endless": (with_body("while True:", "    pass"), "too long"),
    "endless_and_deaf": (
        with_body("while True:", "    try:", "        while True: pass", "    except BaseException: pass"),
        "too long",
    ),
    "memory": (with_body("return bytearray(2 ** 40)"), "too much memory"),
    "memory_bit_by_bit": (
        with_body("kept = []", "while True:", "    kept.append(bytearray(2 ** 24))"),
        "too much memory",
    ),
    "exit": (with_body("exit()"), "fails"),
    "exit_at_the_top": ("import sys\nsys.exit(0)\n", "fails"),
    "exit_at_once": (with_body("import os", "os._exit(0)"), "ended the process"),
    "kills_itself": (with_body("import os", "os.kill(os.getpid(), 15)"), "ended the process"),
    "deaf_to_signals": (
        "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass\n",
        "too long",
    ),
    "starts_others": (
        "import subprocess\nsubprocess.Popen(['sleep', '1000'])\n" + RIGHT,
        "right",
    ),
    "imports_the_solution": (
        "from annex_actors.lessons.lesson_01_one_layer import SOLUTION\nexec(SOLUTION)\n",
        "has the answer from elsewhere",
    ),
    "imports_it_in_secret": (
        "exec(__import__('annex_act' + 'ors.lessons.lesson_01_one_layer', fromlist=['x']).SOLUTION)\n",
        "has the answer from elsewhere",
    ),
}


def test_each_submission_has_its_own_verdict(tmp_path: Path) -> None:
    for name, (source, _) in SUBMISSIONS.items():
        (tmp_path / f"{name}_lesson_01_handle.py").write_text(source)
    (tmp_path / "notes.py").write_text("")
    solutions = {f"lesson_{lesson.number:02}_{code.name}_by_carol": code.solution for lesson, code in CODES}
    for name, source in solutions.items():
        (tmp_path / f"{name}.py").write_text(source)
    found = {Path(each.file).stem.removesuffix("_lesson_01_handle"): each for each in grade([tmp_path], LIMITS)}
    assert {name: each.verdict for name, each in found.items()} == {
        **{name: verdict for name, (_, verdict) in SUBMISSIONS.items()},
        **dict.fromkeys(solutions, "right"),
        "notes": "unknown name",
    }
    assert len(found) >= 29
    assert all(each.says and "Traceback" not in each.says for each in found.values())
    assert [each.passed for each in found.values()].count(True) == 4 + len(solutions)


def test_a_file_that_waits_is_ended(tmp_path: Path) -> None:
    file = tmp_path / "lesson_01_handle.py"
    file.write_text("import threading\nthreading.Event().wait()\n")
    assert [each.verdict for each in grade([file], Limits(seconds=1))] == ["too long"]


def test_grades_are_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ann_lesson_01_handle.py").write_text(RIGHT)
    assert main(["learn", "--grade", str(tmp_path)]) == 0
    assert "1 of 1 right" in capsys.readouterr().out
    (tmp_path / "bob_lesson_01_handle.py").write_text(stub_of(CODE))
    assert main(["learn", "--grade", str(tmp_path)]) == 1
    assert "1 of 2 right" in capsys.readouterr().out


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a file or a folder at"):
        list(grade([tmp_path / "nothing.py"]))
    with pytest.raises(ConfigError, match="expected files or a folder"):
        list(grade([tmp_path]))
