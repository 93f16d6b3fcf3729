"""Who may import whom: the rules that keep the core pure and the runtimes exchangeable."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

LEVELS = {
    "base": 0,
    "layers": 1,
    "costs": 1,
    "optimizers": 1,
    "data": 1,
    "metrics": 1,
    "protocol": 1,
    "schedules": 2,
    "peers": 3,
    "placement": 3,
    "stores": 3,
    "runtimes": 4,
    "profiling": 5,
    "training": 6,
    "runs": 7,
    "experiments": 7,
    "export": 7,
    "observe": 8,
    "control": 8,
    "service": 8,
    "replay": 8,
    "tracing": 8,
    "lessons": 9,
    "page": 9,
    "estimators": 9,
    "cli": 10,
}
"""Every package of `annex_actors` by its height: imports go downwards only."""

ABOVE_ALL = {"__init__", "__main__", "public", "testing"}
"""The facade, and the checkers for users: they may import everything, and nothing imports them."""

MATHEMATICS = {"layers", "costs", "optimizers", "data", "metrics"}

CORE = {"protocol", "schedules", "peers"}

PURE = {
    "__future__",
    "annex_actors",
    "collections",
    "copyreg",
    "dataclasses",
    "enum",
    "functools",
    "heapq",
    "itertools",
    "math",
    "numpy",
    "typing",
}
"""All that the pure core may import: nothing here knows of time, threads, sockets, files or chance."""

CONCURRENCY = {
    "_thread",
    "asyncio",
    "concurrent",
    "multiprocessing",
    "pykka",
    "queue",
    "ray",
    "sched",
    "select",
    "selectors",
    "signal",
    "socket",
    "socketserver",
    "subprocess",
    "supervisors",
    "threading",
}

WINGS = ["rules", "threads", "lifecycle", "children"]
"""The sub-packages of `supervisors`, the lowest first: each imports only itself and those before it. The modules beside
them stand above all four, and `supervisors.testing` above everything."""

HOSTS = {
    "ray": {
        f"runtimes/ray/{name}.py"
        for name in (
            "actor_worker",
            "cluster",
            "commit_store",
            "copied_log",
            "local_cluster",
            "planned_places",
            "probes",
            "remote_worker",
            "stored_commits",
            "written",
        )
    },
    "multiprocessing": {
        f"runtimes/processes/{name}.py" for name in ("fork_server_process", "worker", "worker_process")
    },
    "socket": {
        f"runtimes/processes/{name}.py"
        for name in (
            "channel",
            "fork_server",
            "fork_server_process",
            "framing",
            "link",
            "two_ends",
            "worker",
            "worker_process",
        )
    }
    | {"runtimes/ray/cluster.py", "service/server.py", "page/server.py"}
    | {f"control/{name}.py" for name in ("client", "place", "server")},
    "asyncio": {"page/application.py", "page/server.py"},
    "starlette": {"service/application.py", "page/application.py"},
    "uvicorn": {"service/server.py", "page/server.py"},
}
"""The only modules of `annex_actors` that may import what a host is made of."""


def imported(source: str) -> set[str]:
    """Return the dotted names that a module imports anywhere: at its top, in a function, for type checking."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            function = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            names |= {"importlib"} if function in ("__import__", "import_module") else set()
    return names


def roots(source: str) -> set[str]:
    """Return the top-level packages that a module imports."""
    return {name.partition(".")[0] for name in imported(source)}


def own_packages(source: str) -> set[str]:
    """Return the packages of `annex_actors` that a module imports."""
    return {name.split(".")[1] for name in imported(source) if name.startswith("annex_actors.")}


def package_of(path: str) -> str:
    """Return the package of a module, given by its path below ``annex_actors``: of ``keys.py`` it is ``keys``."""
    return path.partition("/")[0].removesuffix(".py")


def too_high(path: str, source: str) -> set[str]:
    """Return the packages that a module imports although they stand beside or above its own."""
    package = package_of(path)
    below = {other for other, level in LEVELS.items() if level < LEVELS[package]}
    return own_packages(source) - below - {package}


def module_named(name: str, modules: Mapping[str, str]) -> str:
    """Return the path of the module that ``name`` names or lies in: ``a.b.c`` may be ``a/b/c.py``, or in ``a/b.py``."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        path = "/".join(parts[:length])
        for candidate in (f"{path}.py", f"{path}/__init__.py"):
            if candidate in modules:
                return candidate
    return "__init__.py"


def imported_modules(source: str, modules: Mapping[str, str], package: str) -> set[str]:
    """Return the paths of the modules of ``package`` that a module of it imports, given by its source."""
    names = [name.partition(".") for name in imported(source)]
    return {module_named(name, modules) for root, _, name in names if root == package}


def cycles(modules: Mapping[str, str], package: str) -> list[list[str]]:
    """Return the import cycles of a package, imports for type checking and inside functions included.

    Args:
        modules: the source of each module by its path below the package.
        package: its name.

    Returns:
        For each cycle the modules in it: those that import each other, directly or by way of others.
    """
    imports = {path: imported_modules(source, modules, package) for path, source in modules.items()}
    reached = {path: reachable(path, imports) for path in modules}
    groups = {frozenset(other for other in reached[path] if path in reached[other]) for path in modules}
    return sorted(sorted(group) for group in groups if group)


def reachable(start: str, imports: Mapping[str, set[str]]) -> set[str]:
    """Return the modules that ``start`` imports, and those that these import, and so on."""
    reached: set[str] = set()
    left = set(imports[start])
    while left:
        path = left.pop()
        reached.add(path)
        left |= imports[path] - reached
    return reached


def modules(folder: str) -> Iterator[tuple[str, str]]:
    """Yield path, relative to ``folder``, and source of every module in it."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        yield path.relative_to(ROOT / folder).as_posix(), path.read_text()


ANNEX = dict(modules("annex_actors"))
SUPERVISORS = dict(modules("supervisors"))


@pytest.mark.parametrize("path", [path for path in ANNEX if package_of(path) not in ABOVE_ALL])
def test_a_module_imports_only_what_stands_below_its_package(path: str) -> None:
    assert package_of(path) in LEVELS, "a new package needs its level here, and in the design"
    assert too_high(path, ANNEX[path]) == set()


def test_nothing_imports_the_facade_or_the_checkers() -> None:
    for path, source in ANNEX.items():
        if package_of(path) not in ABOVE_ALL:
            assert "testing" not in own_packages(source), path
            assert "annex_actors" not in imported(source), path


def test_supervisors_know_nothing_of_networks() -> None:
    for path, source in SUPERVISORS.items():
        assert not roots(source) & {"annex_actors", "numpy", "scipy", "sklearn"}, path


def test_no_modules_of_supervisors_import_each_other_in_a_circle() -> None:
    assert cycles(SUPERVISORS, "supervisors") == []


@pytest.mark.parametrize("wing", WINGS)
def test_a_wing_of_supervisors_imports_only_the_wings_below_it(wing: str) -> None:
    below = set(WINGS[: WINGS.index(wing) + 1])
    for path, source in SUPERVISORS.items():
        if package_of(path) == wing:
            others = {package_of(other) for other in imported_modules(source, SUPERVISORS, "supervisors")}
            assert others <= below, path


def test_every_folder_of_supervisors_has_its_place_among_the_wings() -> None:
    folders = {path.partition("/")[0] for path in SUPERVISORS if "/" in path}
    assert folders == {*WINGS, "testing"}


def test_nothing_in_supervisors_imports_its_facade_or_what_is_for_tests() -> None:
    for path, source in SUPERVISORS.items():
        others = imported_modules(source, SUPERVISORS, "supervisors")
        assert "__init__.py" not in others, path
        assert package_of(path) == "testing" or "testing" not in {package_of(other) for other in others}, path


def test_no_modules_of_annex_actors_import_each_other_in_a_circle() -> None:
    below = {path: source for path, source in ANNEX.items() if path not in ("__init__.py", "public.py")}
    assert cycles(below, "annex_actors") == []


@pytest.mark.parametrize("package", ["annex_actors", "supervisors"])
def test_no_file_is_longer_than_can_be_read_in_one_go(package: str) -> None:
    lengths = {path: len(source.splitlines()) for path, source in modules(package)}
    assert {path: length for path, length in lengths.items() if length > 350} == {}


@pytest.mark.parametrize("package", ["annex_actors", "supervisors"])
def test_every_folder_says_what_lives_there(package: str) -> None:
    for path, source in modules(package):
        if path.endswith("__init__.py"):
            text = ast.get_docstring(ast.parse(source)) or ""
            assert len(text) > 60, path


@pytest.mark.parametrize("path", [path for path in ANNEX if package_of(path) in CORE])
def test_the_core_imports_nothing_that_is_not_pure(path: str) -> None:
    assert roots(ANNEX[path]) <= PURE


@pytest.mark.parametrize("path", [path for path in ANNEX if package_of(path) in CORE])
def test_the_core_takes_no_chance_and_does_no_input_or_output(path: str) -> None:
    for node in ast.walk(ast.parse(ANNEX[path])):
        if isinstance(node, ast.Attribute):
            assert (node.attr, getattr(node.value, "id", "")) not in {("random", "np"), ("random", "numpy")}
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"open", "print", "input", "exec", "eval"}


@pytest.mark.parametrize("path", [path for path in ANNEX if package_of(path) in MATHEMATICS])
def test_the_mathematics_knows_neither_actors_nor_threads_nor_time(path: str) -> None:
    assert not roots(ANNEX[path]) & (CONCURRENCY | {"time", "random"})


@pytest.mark.parametrize("library", HOSTS)
def test_what_a_host_is_made_of_is_imported_by_that_host_alone(library: str) -> None:
    users = {path for path, source in ANNEX.items() if library in roots(source)}
    assert users <= HOSTS[library]


def test_only_level_4_and_up_know_of_supervisors() -> None:
    users = {package_of(path) for path, source in ANNEX.items() if "supervisors" in roots(source)}
    assert all(LEVELS[package] >= 4 for package in users - ABOVE_ALL)


def test_modules_are_named_where_they_are_imported() -> None:
    for path, source in {**ANNEX, **SUPERVISORS}.items():
        assert "importlib" not in imported(source), f"{path} imports by a name that no reader and no test can see"


def test_no_function_changes_a_global() -> None:
    for path, source in {**ANNEX, **SUPERVISORS}.items():
        assert not any(isinstance(node, ast.Global) for node in ast.walk(ast.parse(source))), path


@pytest.mark.parametrize(
    "source",
    [
        "import annex_actors.runtimes.threads",
        "from annex_actors.training import learner",
        "def sneak():\n    from annex_actors.stores import MemoryStore",
        "if TYPE_CHECKING:\n    from annex_actors.runtimes.program import Program",
        "from annex_actors import runtimes",
    ],
)
def test_an_import_upwards_is_found_wherever_it_hides(source: str) -> None:
    assert too_high("protocol/stage.py", source)
    assert not too_high("cli/main.py", source)


def test_packages_on_one_level_may_not_import_each_other() -> None:
    assert too_high("layers/dense.py", "from annex_actors.costs import Cost") == {"costs"}
    assert not too_high("layers/dense.py", "from annex_actors.layers.layer import Layer")


@pytest.mark.parametrize(
    "source",
    [
        "import house.stairs",
        "from house import stairs",
        "from house.stairs import step",
        "def climb():\n    from house.stairs import step",
        "if TYPE_CHECKING:\n    from house.stairs import step",
    ],
)
def test_a_cycle_is_found_wherever_an_import_of_it_hides(source: str) -> None:
    modules = {"__init__.py": "", "cellar/__init__.py": "", "cellar/door.py": source, "roof.py": "import house.stairs"}
    assert cycles({**modules, "stairs.py": "import pykka"}, "house") == []
    assert cycles({**modules, "stairs.py": "from house.cellar import door"}, "house") == [
        ["cellar/door.py", "stairs.py"]
    ]


def test_a_module_that_imports_itself_and_a_longer_way_round_are_cycles() -> None:
    assert cycles({"a.py": "from house.a import b"}, "house") == [["a.py"]]
    ring = {"a.py": "import house.b", "b.py": "import house.c", "c.py": "import house.a", "d.py": "import house.a"}
    assert cycles(ring, "house") == [["a.py", "b.py", "c.py"]]
