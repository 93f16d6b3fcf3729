"""Random wrong calls, in Python, on the command line and in config files, end in one line of ours and leave nothing.

A call that happens to be right ends where its first actor would start. ``--whole`` makes 500 calls with a new seed; an
assertion names seed and call.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

import pytest

from annex_actors.base.errors import UserError
from annex_actors.cli import main
from annex_actors.cli.app import command
from annex_actors.layers import activation, dense, sequence
from annex_actors.runs.config import RunConfig
from annex_actors.runtimes.simulated import SimulatedRuntime
from annex_actors.training import session
from annex_actors.training.learner import Learner
from tests import tables
from tests.kinds import Parameter, Started, nothing_is_measured, parameters, wrong_kinds

SEED, CALLS, WHOLE = 14, 60, 500

LONGEST = 1000
"""Characters of an error: some lists of names are long."""

PARAMETERS = list(parameters())
SETTINGS = [each for each in PARAMETERS if each.owner == "Learner"]

WORDS = [
    *(
        "",
        " ",
        "bakward",
        "1e400",
        "nan",
        "inf",
        "-1",
        "0",
        "1.5",
        "9" * 400,
        "x" * 5000,
        "true",
        "é",
        "=",
        "a=b",
        "[",
        "\t",
    ),
    *("layer=1", "layer=1,step=0,at=noon", "training.epochs=x", "optimizer.lr=1", "a.b.c.d=1", "training=3", "seed"),
    *("xor", "iris", "no-such.csv", "text.npz", "table.csv", "broken.toml", "folder", "..", "/dev/null", "~nobody/x"),
    *("dense:3", "dense:0", "relu:", "residual(", ")", "adma", "gpip", "thread", "interleaved:0", "cosine:1"),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with some files in it; no actor starts, and no simulation."""

    def start(*arguments: Any, **options: Any) -> Any:
        raise Started

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(session, "start", start)
    monkeypatch.setattr(SimulatedRuntime, "start", start)
    monkeypatch.setattr("annex_actors.cli.train.detached", start)
    monkeypatch.setattr("annex_actors.cli.resume.detached", start)
    monkeypatch.setattr("annex_actors.experiments.chaos.run_undisturbed", start, raising=False)
    tables.restored(monkeypatch)
    nothing_is_measured(monkeypatch)
    Path("text.npz").write_text("no zip")
    Path("table.csv").write_text("a,b,kind\n1,2,x\n3,4,y\n5,6,x\n7,8,y\n")
    Path("broken.toml").write_text("a = = 3")
    Path("folder").mkdir()
    return tmp_path


def python_call(random: Random) -> tuple[str, Callable[[], object]]:
    """Return a call of a public function with a wrong kind, or of `Learner` with several."""
    kinds = wrong_kinds()
    if random.random() < 0.5:
        parameter: Parameter = random.choice(PARAMETERS)
        kind = random.choice(list(kinds))
        return f"{parameter} of {kind}", lambda: parameter.call(kinds[kind])
    chosen = {each.name: random.choice(list(kinds)) for each in random.sample(SETTINGS, random.randint(2, 5))}
    given = {"network": sequence(dense(4), activation("tanh"), dense(2)), **{k: kinds[v] for k, v in chosen.items()}}
    return f"Learner of {chosen}", lambda: Learner(**given)


def command_call(random: Random) -> tuple[str, Callable[[], object]]:
    """Return a command with some of its options and arguments, each with a random word."""
    name = random.choice(["train", "train", "train", "simulate", "chaos", "predict", "inspect", "resume"])
    known = [each for each in command.commands[name].params if each.name != "help"]
    arguments = [name]
    for each in random.sample(known, min(len(known), random.randint(1, 4))):
        is_option = each.param_type_name == "option"
        word = random.choice(WORDS)
        arguments += [each.opts[0]] if is_option else []
        arguments += [] if is_option and getattr(each, "is_flag", False) else [word]
    if random.random() < 0.2:
        arguments.append("--" + random.choice(["epoch", "kernel", "bogus", "seeed"]))
    return " ".join(arguments)[:300], lambda: main(arguments)


def config_call(random: Random) -> tuple[str, Callable[[], object]]:
    """Return a training from a config file some of whose keys, values and lines are wrong."""
    lines = []
    for section, field in RunConfig.model_fields.items():
        keys = list(getattr(field.annotation, "model_fields", {}))
        if not keys or random.random() < 0.5:
            continue
        lines.append(f"[{section}]" if random.random() < 0.9 else f"[{section}s]")
        for key in random.sample(keys, min(len(keys), random.randint(0, 3))):
            lines.append(f"{key if random.random() < 0.9 else key + 's'} = {random.choice(VALUES)}")
    if random.random() < 0.1:
        lines.append(random.choice(["= 3", "a", "[[data]]", "\x00", '"' * 7, "[" * 400]))
    text = "\n".join(lines)

    def train() -> object:
        Path("random.toml").write_text(text)
        try:
            return main(["train", "random.toml"])
        finally:
            Path("random.toml").unlink()

    return f"config {text!r}"[:600], train


VALUES = [
    *("0", "-1", "1.5", "nan", "inf", "true", '""', '"bakward"', "[]", "[1]", '["a"]', "{}", "{a = 1}", "9" * 30),
    *("1979-05-27", '"xor"', '"digits"', '"one_for_one"', '"all"', '"layer"', '"adam"', '"dense:3"', "2", "0.2"),
]

KINDS = [python_call, command_call, config_call]


def test_random_wrong_calls_end_in_one_line_and_leave_nothing(
    folder: Path, whole: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = SystemRandom().randrange(2**32) if whole else SEED
    random, calls, refused = Random(seed), WHOLE if whole else CALLS, 0
    for number in range(calls):
        what, call = random.choice(KINDS)(random)
        place = f"seed {seed}, call {number}: {what}"
        before, threads = sorted(folder.rglob("*")), threading.active_count()
        line = refusal(call, place, capsys)
        assert threading.active_count() == threads, place
        if line is not None:
            refused += 1
            assert "\n" not in line, f"{place}: {line}"
            assert 0 < len(line) < LONGEST, f"{place}: {line}"
            assert sorted(folder.rglob("*")) == before, place
    assert refused > calls / 2


def refusal(call: Callable[[], object], place: str, capsys: pytest.CaptureFixture[str]) -> str | None:
    """Return the line that a call is refused with; None if it is right, or the system refuses it."""
    try:
        code = call()
    except Started:
        code = 0
    except UserError as error:
        return str(error)
    except BaseException as error:
        raise AssertionError(place) from error
    out, err = capsys.readouterr()
    assert "unexpected" not in err, f"{place}: {err}"
    if code != 2:
        return None
    assert out == "", place
    assert err.startswith("error: "), f"{place}: {err}"
    return str(err.removeprefix("error: ").removesuffix("\n"))
