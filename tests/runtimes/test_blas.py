"""BLAS has one thread while layers work, and its library is tested before the first run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_info, threadpool_limits

from annex_actors.base.errors import ConfigError
from annex_actors.base.types import Floats
from annex_actors.runtimes import blas
from annex_actors.runtimes.blas import BrokenBlasError, blas_description, blas_threads, self_test
from tests.leaks import no_thread_left


def threads_in_use() -> list[int]:
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


@pytest.fixture
def two_threads() -> Iterator[None]:
    with threadpool_limits(limits=2, user_api="blas"):
        yield


@pytest.mark.usefixtures("two_threads")
def test_blas_is_pinned_to_one_thread_and_restored() -> None:
    before = threads_in_use()
    assert set(before) == {2}
    with blas_threads():
        assert set(threads_in_use()) == {1}
    assert threads_in_use() == before


@pytest.mark.usefixtures("two_threads")
def test_blas_is_restored_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), blas_threads():
        raise ZeroDivisionError
    assert set(threads_in_use()) == {2}


@pytest.mark.usefixtures("two_threads")
def test_pinning_twice_restores_the_first_setting() -> None:
    with blas_threads():
        with blas_threads():
            pass
        assert set(threads_in_use()) == {1}
    assert set(threads_in_use()) == {2}


@pytest.mark.usefixtures("two_threads")
def test_a_run_is_pinned_whatever_thread_it_begins_and_ends_in() -> None:
    with ThreadPoolExecutor(1) as other, ThreadPoolExecutor(1) as third:
        for threads in (1, 3, 1):
            run = blas_threads(threads)
            other.submit(run.__enter__).result()
            assert set(threads_in_use()) == {threads}
            third.submit(run.__exit__, None, None, None).result()
            assert set(threads_in_use()) == {2}


@pytest.mark.usefixtures("two_threads")
def test_a_plan_may_ask_for_more_threads() -> None:
    with blas_threads(3):
        assert set(threads_in_use()) == {3}
        with blas_threads(3):
            pass
        assert set(threads_in_use()) == {3}
    assert set(threads_in_use()) == {2}


@pytest.mark.usefixtures("two_threads")
def test_runs_with_other_numbers_of_threads_do_not_share_a_process() -> None:
    with blas_threads(2):
        with pytest.raises(ConfigError, match="expected `blas_threads` to be 2, as of other work under way") as caught:
            blas_threads(1).__enter__()
        assert "\n" not in str(caught.value)
    with blas_threads(1):
        assert set(threads_in_use()) == {1}


class AtMost64:
    """A BLAS library that takes no more threads than it was built for."""

    lib_controllers: tuple[object, ...] = ()
    threads = 2

    def limit(self, *, limits: int, user_api: str) -> AtMost64:
        self.threads = min(limits, 64)
        return self

    def info(self) -> list[dict[str, object]]:
        return [{"user_api": "blas", "num_threads": self.threads}]

    def restore_original_limits(self) -> None:
        self.threads = 2


def test_more_threads_than_the_library_takes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    library = AtMost64()
    monkeypatch.setattr(blas, "_libraries", lambda modules: library)
    with pytest.raises(ConfigError, match=r"expected `blas_threads` to be at most 64 with .*, got 65; ask for fewer"):
        blas_threads(65).__enter__()
    assert library.threads == 2
    with blas_threads(64):
        assert library.threads == 64


def test_without_a_library_whose_threads_can_be_set_more_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "_libraries", lambda modules: ThreadpoolController().select(user_api="none"))
    with blas_threads(1):
        pass
    with pytest.raises(ConfigError, match="expected `blas_threads` to be 1 with "):
        blas_threads(2).__enter__()


def test_the_description_names_library_version_and_kernel() -> None:
    library = next(each for each in threadpool_info() if each["user_api"] == "blas")
    assert library["internal_api"] in blas_description()
    assert library["version"] in blas_description()
    assert library["architecture"] in blas_description()


def test_without_a_known_library_the_description_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "threadpool_info", list)
    assert blas_description() == "unknown"


def test_this_library_passes_the_test_and_leaves_no_thread() -> None:
    with no_thread_left():
        self_test.__wrapped__()


def test_a_library_whose_threads_disturb_each_other_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    verdicts = iter([True, False, True])
    monkeypatch.setattr(np, "array_equal", lambda *_: next(verdicts))
    with pytest.raises(BrokenBlasError, match="expected equal matrix products from two threads") as caught:
        self_test.__wrapped__(rounds=2)
    assert blas_description() in str(caught.value)
    assert "pip install" in str(caught.value)


def test_other_kernels_are_tested_in_the_same_way_and_named() -> None:
    class Restless:
        name, description, products = "restless", "restless 1.0", 0

        def product(self, left: Floats, right: Floats) -> Floats:
            self.products += 1
            return left @ right * self.products

    with pytest.raises(BrokenBlasError, match=r"different ones from restless 1\.0; install another restless"):
        self_test.__wrapped__(Restless())


def test_a_broken_library_is_detected_before_the_first_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise BrokenBlasError("expected equal products")

    monkeypatch.setattr(blas, "self_test", broken)
    with pytest.raises(BrokenBlasError), blas_threads():
        pytest.fail("work began with a broken library")


@pytest.mark.usefixtures("two_threads")
def test_of_two_runs_that_overlap_the_last_restores_the_setting_from_before_the_first() -> None:
    first, second = blas_threads(), blas_threads()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert set(threads_in_use()) == {1}
    second.__exit__(None, None, None)
    assert set(threads_in_use()) == {2}


def test_libraries_are_searched_for_again_only_when_a_module_has_been_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    searches = list[ThreadpoolController]()

    def search() -> ThreadpoolController:
        searches.append(ThreadpoolController())
        return searches[-1]

    monkeypatch.setattr(blas, "ThreadpoolController", search)
    monkeypatch.setitem(sys.modules, "a_module_that_came_with_a_library", ModuleType("a module"))
    for _ in range(3):
        with blas_threads():
            assert set(threads_in_use()) == {1}
    assert len(searches) == 1
    monkeypatch.setitem(sys.modules, "a_second_module", ModuleType("a module"))
    with blas_threads():
        pass
    assert len(searches) == 2
