"""A learner's file: what it is given, and how it is run."""

from __future__ import annotations

import ast
import linecache
import traceback
from collections.abc import Iterator, Sequence
from types import ModuleType

from annex_actors.base.errors import AnnexError, message_of
from annex_actors.lessons.steps import Code, WrongCode

UNWRITTEN = "raise NotImplementedError  # write this part"


class Unusable(AnnexError):
    """A file that cannot be run, or a part that fails; the message says where and why, on one line.

    Args:
        reason: what is wrong.
        line: of the learner's file; None: not known.
        is_unwritten: whether the reason is that the learner has not written it yet.
    """

    def __init__(self, reason: str, *, line: int | None = None, is_unwritten: bool = False) -> None:
        super().__init__(reason if line is None else f"line {line}: {reason}")
        self.reason = reason
        self.is_unwritten = is_unwritten


def stub_of(code: Code) -> str:
    """Return the file that a learner is given: the solution, without the bodies of its parts."""
    lines = code.solution.splitlines()
    for function in reversed(_functions(code.solution, code.parts)):
        first, last = _body(function)
        margin = " " * function.body[0].col_offset
        lines[first - 1 : last] = [margin + UNWRITTEN]
    return "\n".join(lines) + "\n"


def new_lines(code: Code) -> int:
    """Return how many lines a learner writes, if they are those of the solution."""
    lines = code.solution.splitlines()
    bodies = [_body(function) for function in _functions(code.solution, code.parts)]
    return sum(bool(line.strip()) for first, last in bodies for line in lines[first - 1 : last])


def changed(solution: str, wrong: WrongCode) -> str:
    """Return the file of a wrong solution."""
    assert solution.count(wrong.old) == 1, wrong.old
    return solution.replace(wrong.old, wrong.new)


def module_of(source: str, file: str) -> ModuleType:
    """Run a learner's file, and return its module.

    Raises:
        Unusable: it is no Python, or it raises an error.
    """
    module = ModuleType("submission")
    module.__file__ = file
    # A frozen dataclass looks its module up by name; a traceback its lines.
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    try:
        exec(compile(source, file, "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        raise unusable(error, file) from error
    return module


def unusable(error: BaseException, file: str) -> Unusable:
    """Return what a learner is told of an error in their file."""
    first = _first(error)
    if isinstance(first, Unusable):
        return first
    if isinstance(first, NotImplementedError):
        return Unusable("a part is not written yet", is_unwritten=True)
    if isinstance(first, SyntaxError):
        return Unusable(f"this is no Python: {first.msg}", line=first.lineno)
    if isinstance(first, SystemExit):
        return Unusable("it ends the program; leave out exit()")
    lines = [each.lineno for each in traceback.extract_tb(first.__traceback__) if each.filename == file]
    return Unusable(f"{type(first).__name__}: {message_of(first)}", line=lines[-1] if lines else None)


def imported_by(source: str) -> Iterator[str]:
    """Yield the dotted names that a file imports, by a statement or, as it seems, by a text."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("annex_actors."):
            yield node.value


def _first(error: BaseException) -> BaseException:
    """Return the error at the root: a failure of a layer ends a run, whose error has it as a cause."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _functions(source: str, parts: Sequence[str]) -> list[ast.FunctionDef]:
    """Return functions by their names, in the order of the file."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = node
        elif isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{each.name}": each for each in node.body if isinstance(each, ast.FunctionDef)}
    return sorted((found[part] for part in parts), key=lambda each: each.lineno)


def _body(function: ast.FunctionDef) -> tuple[int, int]:
    """Return the first and the last line of a function's body, without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    assert body[-1].end_lineno is not None
    return body[0].lineno, body[-1].end_lineno
