"""What a run that failed says on the terminal: the first cause, what followed, the user's own frames, how to go on."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from annex_actors.cli import main
from annex_actors.runs.saved_run import SavedRun
from tests import tables

MINE = """
import ctypes
import os
import signal
from pathlib import Path

from annex_actors import register_layer
from annex_actors.layers import Activation
from annex_actors.layers.activations import Relu


class NotHere(Exception):
    def __init__(self, what, where):
        super().__init__(f"{what} is not in {where}")


class Bad(Activation):
    def forward(self, parameters, inputs, key):
        self.fail()
        return super().forward(parameters, inputs, key)


class Raises(Bad):
    def fail(self):
        raise NotHere("a number", "the list")


class RaisesOnce(Bad):
    def fail(self):
        try:
            Path("failed").touch(exist_ok=False)
        except FileExistsError:
            return
        raise ValueError("only once")


class RaisesMany(Bad):
    def fail(self):
        try:
            {}["x"]
        except KeyError as error:
            raise ExceptionGroup("both", [ExceptionGroup("in", [TypeError("two")]), ValueError("one")]) from error


class Killed(Bad):
    def fail(self):
        os.kill(os.getpid(), signal.SIGKILL)


class Segfault(Bad):
    def fail(self):
        ctypes.string_at(0)


class Hangs(Bad):
    def fail(self):
        open("gate").close()  # until there is a writer


for each in Raises, RaisesOnce, RaisesMany, Killed, Segfault, Hangs:
    register_layer(each.__name__.lower(), lambda each=each: each(Relu()))
"""

IN = "in forward at step 0 microbatch 0"
GIVEN = f"layer 1 (relu) failed {IN}, given (2, 4) float32: "
THRICE = "failed 3 times at the same message"
NONE = "no committed step is saved in run; `annex-actors resume run` begins again; --debug shows the whole traceback"


@pytest.fixture(autouse=True)
def in_a_folder_with_mine_py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables.restored(monkeypatch)
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(MINE)


def told(capsys: pytest.CaptureFixture[str], layer: str, *options: str, code: int = 1) -> list[str]:
    """Return the lines on standard error of a training with a layer, times replaced; its result has the error too."""
    layers = ["--load", "mine.py", "--layers", f"dense:4 {layer} dense:2"] if layer else []
    assert main(["train", "xor", *layers, "--epochs", "20", "--run-dir", "run", *options]) == code
    lines = re.sub(r"after \d+\.\d\d s", "after T s", capsys.readouterr().err).splitlines()
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    report = SavedRun.open("run").report
    assert report is not None
    if code == 1:
        assert errors == [report.error]
    return [re.sub(r", in [\d.]+ m?s", ", in T", line) for line in lines if not line.startswith("epoch")]


def line_of(text: str) -> int:
    return MINE.splitlines().index(text) + 1


def first_of(count: int, more: str = "") -> str:
    restarts = f"{count - 1} times" if count > 2 else "1 time"
    return f"  the first of {count} such failures was after T s; layer 1 relu was restarted {restarts}{more}"


@pytest.mark.parametrize("runtime", ["inline", "schedulers", "threads", "processes"])
def test_a_layer_that_always_raises(capsys: pytest.CaptureFixture[str], runtime: str, tmp_path: Path) -> None:
    raised = line_of('        raise NotHere("a number", "the list")')
    cause = f"{GIVEN}NotHere: a number is not in the list"
    assert told(capsys, "raises", "--runtime", runtime) == [
        cause,
        "layer 1 relu is up again, incarnation 2",
        f"error: {cause} (mine.py:{raised} in fail; {THRICE})",
        first_of(3),
        f'  File "{tmp_path}/mine.py", line {line_of("        self.fail()")}, in forward',
        "    self.fail()",
        f'  File "{tmp_path}/mine.py", line {raised}, in fail',
        '    raise NotHere("a number", "the list")',
        NONE,
    ]


def test_all_layers_that_are_restarted_together(capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, "raises", "--strategy", "one_for_all")
    assert lines[1] == "layer 1 relu is up again, incarnation 2"
    assert lines[3] == first_of(3, " together with layer 0 dense:4 and 2 more")


def test_a_layer_that_raises_once_and_is_survived(capsys: pytest.CaptureFixture[str]) -> None:
    cause = f"{GIVEN}ValueError: only once"
    assert told(capsys, "raisesonce", code=0) == [cause, "layer 1 relu is up again, incarnation 2"]
    assert main(["inspect", "run"]) == 0
    raised = line_of('        raise ValueError("only once")')
    last = re.sub(r"\d+\.\d\d s|[\d.]+ ms", "T", capsys.readouterr().out.splitlines()[-1])
    assert last == f"after T: {cause} (mine.py:{raised} in fail); restarted, in T"


def test_groups_and_causes(capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, "raisesmany", "--quiet")
    assert lines[0].startswith(
        f"error: {GIVEN}ExceptionGroup: both (2 sub-exceptions), the first TypeError: two (mine.py:"
    )
    text = "\n".join(lines)
    for part in "KeyError: 'x'", "| ValueError: one", "| TypeError: two", "The above exception was the direct cause":
        assert text.count(part) == 1, part
    assert "annex_actors/" not in text


@pytest.mark.parametrize(
    ("layer", "count", "signal", "hint"),
    [("killed", 20, "SIGKILL", "; a system that has no memory left kills so"), ("segfault", 2, "SIGSEGV", "")],
)
def test_a_process_that_dies_again_and_again(
    capsys: pytest.CaptureFixture[str], layer: str, count: int, signal: str, hint: str
) -> None:
    assert told(capsys, layer, "--runtime", "processes", "--max-attempts", "2") == [
        f"layer 1 relu ended: killed by {signal} {IN}",
        "layer 1 relu is up again, incarnation 2",
        f"error: layer 1 relu: killed by {signal} {IN} (failed {count} times at the same message{hint})",
        first_of(count),
        NONE,
    ]


@pytest.fixture
def gate() -> Iterator[None]:
    """A layer that hangs waits at this gate; at the end it is let through, and its thread ends."""
    os.mkfifo("gate")
    before = set(threading.enumerate())
    yield
    with suppress(OSError):  # its process has been killed, so there is no reader
        os.close(os.open("gate", os.O_WRONLY | os.O_NONBLOCK))
    for thread in set(threading.enumerate()) - before:
        thread.join(30)
        assert not thread.is_alive()


@pytest.mark.usefixtures("gate")
@pytest.mark.parametrize("runtime", ["schedulers", "threads", "processes"])
def test_a_layer_that_hangs(capsys: pytest.CaptureFixture[str], runtime: str) -> None:
    lines = told(capsys, "hangs", "--runtime", runtime, "--hang-seconds", "0.5", "--max-attempts", "2")
    abandoned = "layer 1 relu could not be stopped: it was fenced off and left behind"
    assert [line for line in lines if line != abandoned] == [
        "layer 1 relu hangs: forward at step 0 microbatch 0 for more than 0.5 s",
        "layer 1 relu is up again, incarnation 2",
        f"error: layer 1 relu: hung for 0.5 s {IN} (failed 2 times at the same message)",
        first_of(2),
        NONE,
    ]


def test_two_layers_that_fail_at_the_same_time_after_one_that_was_survived(capsys: pytest.CaptureFixture[str]) -> None:
    crashes = [
        each
        for crash in ("layer=0,step=1", "layer=2,step=3,times=2", "layer=1,step=3,times=9,at=backward")
        for each in ("--crash", crash)
    ]
    lines = told(capsys, "", "--quiet", *crashes)
    order = "InjectedCrash: crash on order"
    assert lines == [
        f"error: layer 1 (tanh) failed in backward at step 3 microbatch 0, given (2, 8) float32: {order} ({THRICE})",
        f"  after T s: layer 0 (dense:8) failed in forward at step 1 microbatch 0, given (2, 2) float32: {order}; "
        "restarted, in T",
        f"  after T s: layer 2 (dense:2) failed in forward at step 3 microbatch 0, given (2, 8) float32: {order}, "
        "2 times; restarted 2 times, in T",
        "  the first of 3 such failures was after T s; layer 1 tanh was restarted 2 times",
        "3 committed steps are saved in run; `annex-actors resume run` goes on from there; --debug shows the whole "
        "traceback",
    ]


def test_too_many_restarts(capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, "", "--quiet", "--crash", "layer=1,step=0,times=9", "--max-restarts", "1")
    assert lines[0] == (
        "error: layer 1 (tanh) failed in forward at step 0 microbatch 0, given (2, 8) float32: InjectedCrash: "
        "crash on order (ended once more than the allowed 1 restart in 5 s)"
    )
    assert lines[1] == "  the first of 2 such failures was after T s; layer 1 tanh was restarted 1 time"


@pytest.mark.parametrize("runtime", ["inline", "schedulers"])
def test_a_cost_that_is_not_finite_is_one_line(capsys: pytest.CaptureFixture[str], runtime: str) -> None:
    options = ["--layers", "dense:2", "--cost", "mse", "--optimizer", "sgd", "--learning-rate", "1e30"]
    lines = told(capsys, "", "--quiet", "--runtime", runtime, *options, code=2)
    assert lines == [
        "error: expected a finite cost, got nan at step 2 microbatch 0; lower the learning rate, or look at the data's "
        "scale (2 committed steps are saved in run)"
    ]


def test_status_tells_it_too(capsys: pytest.CaptureFixture[str]) -> None:
    error, followed, *_ = told(capsys, "raises", "--quiet")
    assert main(["status", "run"]) == 0
    last = re.sub(r"after \d+\.\d\d s", "after T s", capsys.readouterr().out).splitlines()[-2:]
    assert last == [error.removeprefix("error: "), followed.strip()]


def test_a_resume_tells_its_own_failures(capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys, "raises", "--quiet")
    assert main(["resume", "run", "--load", "mine.py", "--quiet"]) == 1
    lines = re.sub(r"after \d+\.\d\d s", "after T s", capsys.readouterr().err).splitlines()
    assert lines[1] == first_of(3)
    assert main(["inspect", "run"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("the first of 3 such failures was after ")
