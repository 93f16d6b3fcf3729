from __future__ import annotations

import ast
import builtins
import inspect
import subprocess
import sys
from pathlib import Path

import supervisors

PACKAGE = Path(supervisors.__file__).parent
ALLOWED = set(sys.stdlib_module_names) | {"pykka", "supervisors"}


def imported(source: str) -> set[str]:
    """Return the top-level packages that a module imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name.split(".")[0] for name in names}


def test_supervisors_imports_nothing_but_pykka_and_the_standard_library() -> None:
    files = list(PACKAGE.rglob("*.py"))
    assert len(files) > 20
    assert {
        path.name: imported(path.read_text()) - ALLOWED for path in files if imported(path.read_text()) - ALLOWED
    } == {}


def test_importing_supervisors_loads_nothing_else() -> None:
    code = (
        "import sys; before = set(sys.modules); import supervisors, supervisors.testing;"
        "print(sorted({name.split('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert ast.literal_eval(loaded) == ["pykka", "supervisors"]


def test_every_public_name_exists_and_is_documented() -> None:
    for name in supervisors.__all__:
        value = getattr(supervisors, name)
        assert not isinstance(value, type) or value.__doc__, name


def test_an_import_of_all_names_replaces_nothing_of_pythons() -> None:
    assert [name for name in supervisors.__all__ if hasattr(builtins, name)] == []


def test_a_time_to_wait_has_one_name_in_every_reference() -> None:
    references = [getattr(supervisors, name) for name in supervisors.__all__ if name.endswith("Ref") or name == "Task"]
    names = {
        parameter
        for kind in references
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
        for parameter in inspect.signature(method).parameters
    }
    assert {name for name in names if "time" in name} == {"timeout"}


def test_the_package_says_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").exists()
