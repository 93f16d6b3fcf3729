"""Lesson 10: kill each layer, then the whole job, go on, and prove that no bit is different."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import numpy as np

from annex_actors.base.words import counted
from annex_actors.data import load
from annex_actors.experiments.chaos import chaos
from annex_actors.layers import activation, dense, sequence
from annex_actors.lessons.small_runs import finished, program_of, sentence, xor_training
from annex_actors.lessons.steps import Code, Found, Lesson, Question, Seen, Text, Wrong, WrongCode
from annex_actors.protocol.effects import Effect
from annex_actors.protocol.instrument import Instrument, Peer, Point, WorkItem
from annex_actors.protocol.messages import Address, Message
from annex_actors.protocol.routing import stage_address
from annex_actors.runs.config import resolve
from annex_actors.runtimes import Crash, Supervision
from annex_actors.training.fingerprints import arrays_sha256
from annex_actors.training.learner import Learner

FAULTS, EPOCHS = 12, 2
HANG_SECONDS = 1.0  # a reader waits for each thread that hangs, until the watchdog finds it
STEPS, STEP, LAYER = 6, 3, 1
JOB_EPOCHS = 10
KILL_AFTER = 2  # epochs
DIGITS = 64
PARTS = ("weights_sha256", "state_sha256", "cost_log_sha256")


def _chaos() -> Seen:
    network = sequence(dense(32), activation("relu"), dense(10))
    supervision = Supervision(hang_seconds=HANG_SECONDS)
    learner = Learner(network, runtime="threads", microbatches=2, seed=1, supervision=supervision)
    verdict = chaos(learner, load("digits"), epochs=EPOCHS, batch_size=64, faults=FAULTS, seed=1)
    kinds = ", ".join(f"{count} {kind.value}" for kind, count in sorted(verdict.faults.items(), key=str))
    other = sum(not each.identical for each in verdict.rounds)
    lines = [
        *sentence(f"{FAULTS} faults in {counted(len(verdict.rounds), 'training')}: {kinds}"),
        f"pieces of work that were done again: {verdict.redone}",
        f"trainings that ended with other bits: {other}",
    ]
    return Seen(lines, {"other": other, "asked": FAULTS, "one": 1})


@dataclass(frozen=True)
class _Counting(Instrument):
    """Counts the messages that each actor has handled."""

    counts: Counter[Address] = field(default_factory=Counter)

    def done(self, peer: Peer, item: WorkItem | None, effects: Sequence[Effect]) -> None:
        """Count a message of the training; what is said about a restart is none."""
        if isinstance(item, Message):
            self.counts[peer.address] += 1


def _handled(*crashes: Crash) -> Counter[Address]:
    training, counting = xor_training(STEPS, crashes=crashes), _Counting()
    finished(replace(program_of(training), instruments=(counting,)), training)
    return counting.counts


def _survivors() -> Seen:
    calm, crashed = _handled(), _handled(Crash(LAYER, STEP, 1, Point.BACKWARD))
    lines, again = ["layer  handled  with the crash"], 0
    layers = [address for address in calm if address.role == "stage"]
    for address in sorted(layers):
        lines.append(f"{address.number or 0:5}{calm[address]:9}{crashed[address]:16}")
        again += 0 if address == stage_address(LAYER) else crashed[address] - calm[address]
    a_step = calm[stage_address(LAYER)] // STEPS
    return Seen(lines, {"again": again, "a_step": a_step, "neighbours": 2, "all": a_step * (len(layers) - 1)})


def _one_bit() -> Seen:
    weights = {"weight": np.linspace(-1, 1, 784 * 128, dtype=np.float32).reshape(784, 128)}
    changed = weights["weight"].copy()
    changed.view(np.uint32)[-1, -1] ^= 1
    hashes = [arrays_sha256(each) for each in (weights, {"weight": changed})]
    differ = sum(one != other for one, other in zip(*hashes, strict=True))
    lines = [
        f"{weights['weight'][-1, -1]:.9g}  {hashes[0]}",
        f"{changed[-1, -1]:.9g}  {hashes[1]}",
        f"{differ} of {DIGITS} digits differ",
    ]
    return Seen(lines, {"differ": differ, "one": 1, "half": DIGITS // 2, "size": changed.size})


def _command(folder: str, *arguments: str) -> str:
    """Run a command of the product in a process of its own, and return what it prints."""
    return subprocess.run(_words(arguments), cwd=folder, capture_output=True, text=True, check=True).stdout


def _words(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "annex_actors", *arguments]


def _killed_job(folder: str) -> None:
    """Train, and kill the whole job with SIGKILL, once some epochs are over."""
    words = _words(["train", "digits", "--epochs", str(JOB_EPOCHS), "--progress-every", "1", "--run-dir", "killed"])
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        words, cwd=folder, stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True, env=environment
    ) as job:
        assert job.stdout is not None
        epochs = 0
        for line in job.stdout:
            epochs += line.startswith("epoch")
            if epochs == KILL_AFTER:
                job.kill()


def _whole() -> Mapping[str, str]:
    """Return the fingerprints of the training that is never killed."""
    config, learner, dataset = resolve({"data": {"name": "digits"}, "training": {"epochs": JOB_EPOCHS}})
    return learner.train(dataset, epochs=JOB_EPOCHS, batch_size=config.training.batch_size).checkpoint.hashes


def _resumed() -> Seen:
    whole = _whole()
    with TemporaryDirectory() as folder:
        _killed_job(folder)
        left = max(Path(folder, "killed", "checkpoints").glob("*.safetensors")).stem
        resumed = json.loads(_command(folder, "resume", "killed", "--json", "--quiet"))
        page = _command(folder, "report", "killed")
    lines = [f"$ annex-actors train digits --epochs {JOB_EPOCHS}", f"kill -9 after epoch {KILL_AFTER}; newest: {left}"]
    lines += ["$ annex-actors resume killed", "", "           never killed      killed and resumed"]
    lines += [f"{name.removesuffix('_sha256'):11}{whole[name][:16]}  {resumed[name][:16]}" for name in PARTS]
    lines += ["", "$ annex-actors report killed > run.html", f"a page of {len(page) // 1000} kB, in one file"]
    differ = sum(whole[name] != resumed[name] for name in PARTS)
    return Seen(lines, {"differ": differ, "parts": len(PARTS), "log": 1})


SOLUTION = '''\
"""Lesson 10: the first number in which two trainings differ."""

import numpy as np


def first_difference(one, other):
    """Return where two sets of weights differ first, as a text, and "" if they
    do not.

    Both are dicts of float32 arrays by name. Names are looked at in
    alphabetical order. If an array is in one alone, or has other shapes, the
    text is its name. Else it is name and index, such as "1.bias 7", of the
    first number, row by row, of which any bit differs;
    ``array.view(np.uint32)`` shows bits as whole numbers.
    """
    for name in sorted({*one, *other}):
        if name not in one or name not in other or one[name].shape != other[name].shape:
            return name
        differs = one[name].view(np.uint32) != other[name].view(np.uint32)
        if differs.any():
            return f"{name} {np.flatnonzero(differs)[0]}"
    return ""
'''


def _pairs() -> Iterator[tuple[str, dict[str, np.ndarray], dict[str, np.ndarray]]]:
    """Yield pairs of weights, with what they are."""
    training = xor_training(STEPS)
    trained = finished(program_of(training), training).weights
    weights = {name: np.array(array) for name, array in sorted(trained.items(), reverse=True)}
    crashed = xor_training(STEPS, crashes=[Crash(LAYER, STEP, 1, Point.BACKWARD)])
    yield "a training and one with a crash", weights, dict(finished(program_of(crashed), crashed).weights)
    names = list(weights)
    for what, position, old, new in (
        ("a number that is larger", 0, 0.5, 0.75),
        ("the last bit of a number", -1, 0.5, np.nextafter(np.float32(0.5), np.float32(1))),
        ("0.0 and -0.0", 0, 0.0, -0.0),
        ("NaN in both, the same bits", 0, np.nan, np.nan),
    ):
        for name in names:
            one, other = dict(weights), dict(weights)
            for each, value in ((one, old), (other, new)):
                each[name] = weights[name].copy()
                each[name].flat[position] = value
            yield f"{what}, in {name}", one, other
    yield "a number of each array", weights, {name: -array for name, array in weights.items()}
    yield "an array that is missing", weights, {name: weights[name] for name in names[1:]}
    short = {**weights, names[0]: weights[names[0]][..., :1]}
    yield "an array of another shape", weights, short


def _outcome(made: ModuleType) -> Iterator[Found]:
    for what, one, other in _pairs():
        answer = made.first_difference(one, other)
        yield Found(f"first_difference for {what}", None if answer is None else f'"{answer}"')


LESSON = Lesson(
    10,
    "Kill everything",
    (
        "Say what is done again after a death, and by which layers.",
        "Resume a job that was killed as a whole.",
        "Prove to a colleague that two trainings are equal to the last bit.",
    ),
    (
        Text(
            """
            You have the parts: actors that share nothing, commits, outboxes, mailboxes that know what they have seen,
            schedules with a formula. Together they are a promise: kill anything at any instant, and the result is the
            same, to the last bit. In this lesson you try to break it.

            The command `annex-actors chaos` does that with any network: it trains once in peace, then again and again
            with faults that strike at random: exceptions, threads that hang, actors that are killed.
            """
        ),
        Question(
            "other",
            f"""
            We let {FAULTS} faults strike trainings of a small network on threads. How many of these trainings end with
            other bits than the one in peace?
            """,
            _chaos,
            "other",
            "Which piece of work a fault strikes depends on the moment, and is another one each time you run this. The "
            "result is not.",
            (
                Wrong("asked", "So many faults struck. But what is lost by a fault is done again, to the same bits."),
                Wrong("one", "One would be a bug: please report it."),
            ),
        ),
        Question(
            "again",
            f"""
            One crash, looked at closely: layer {LAYER} crashes in a backward of step {STEP}. It goes on from its last
            commit. How many messages must the other layers handle again, all together?
            """,
            _survivors,
            "again",
            "They kept what they had sent, and send it once more. What the restarted layer then sends a second time, "
            "they have seen, and drop. Only the layer that died repeats work, and no more than since its commit.",
            (
                Wrong("a_step", "That is the work of one layer in a step. The others keep their results."),
                Wrong("neighbours", "Both neighbours send again what they kept; they need not compute it again."),
                Wrong("all", "So it is where all workers restart from a checkpoint. Here the others never stop."),
            ),
            minutes=3,
        ),
        Code(
            "first_difference",
            """
            How do you prove that nothing differs? Not by looking at rounded numbers, and not by np.allclose. Write the
            tool that finds the first number of which any bit differs. The checker of this course has one like it.
            """,
            ("first_difference",),
            SOLUTION,
            _outcome,
            "A loop over sorted({*one, *other}); compare one[name].view(np.uint32) with the other's; np.flatnonzero.",
            "Now you can tell equal from nearly equal.",
            (
                WrongCode(
                    "one[name].view(np.uint32) != other[name].view(np.uint32)",
                    "one[name] != other[name]",
                    "0.0 and -0.0 are equal as numbers and differ in a bit; NaN is not even equal to itself.",
                ),
                WrongCode(
                    "one[name].view(np.uint32) != other[name].view(np.uint32)",
                    "~np.isclose(one[name], other[name])",
                    "That finds what differs much. A last bit is the beginning of another training.",
                ),
                WrongCode(
                    "sorted({*one, *other})", "one", "In the order of the dict; the same weights could be named apart."
                ),
                WrongCode(
                    "np.flatnonzero(differs)[0]", "np.flatnonzero(differs)[-1]", "That is the last one that differs."
                ),
            ),
        ),
        Question(
            "differ",
            f"""
            A colleague in another place cannot see your weights. A fingerprint is enough: SHA-256, {DIGITS} digits. We
            change the very last bit of one weight of very many. In how many of the {DIGITS} digits do the fingerprints
            differ, about? Within a tenth counts.
            """,
            _one_bit,
            "differ",
            "Of {size:,} weights one has another last bit, and nearly all digits change: a digit stays only by chance, "
            "one time in sixteen. So equal fingerprints mean equal bits.",
            (
                Wrong("one", "A sum would change a little. A hash changes altogether."),
                Wrong("half", "Half of the bits change. But a digit has four of them, and each may change it."),
            ),
            within=0.1,
        ),
        Question(
            "differ_resumed",
            f"""
            Now the whole job. A training of {counted(JOB_EPOCHS, "epoch")} is killed with kill -9 after epoch
            {KILL_AFTER}: trainer, layers, supervisors, all at once. Then `annex-actors resume` goes on from the newest
            checkpoint. There are {counted(len(PARTS), "fingerprint")} at the end: of the weights, of the optimizer's
            state, and of the log of costs. How many differ from those of a training that was never killed? This takes
            some seconds.
            """,
            _resumed,
            "differ",
            "A checkpoint is what all layers have committed at the same step. The steps since then are done again. "
            "Your own run is resumed by the same command, and shown as a page by report.",
            (
                Wrong("parts", "Each goes on from what was saved, and random numbers are functions of seed and step."),
                Wrong("log", "The log of costs is committed with the weights of the last layer, at once."),
            ),
            minutes=3,
        ),
        Text(
            """
            Do it once by hand, with another terminal for the kill, and open the page:

                annex-actors train digits --epochs 200 --run-dir mine
                annex-actors kill mine 1
                annex-actors report mine > mine.html

            The page shows each death on the curve, and the first cause of it first. To prove it to a colleague, send
            mine/config.toml: with the same versions, `annex-actors train config.toml` prints the same fingerprint.
            """
        ),
        Text(
            """
            That was the course. You wrote a layer's backward, a supervisor's strategy, the outbox of a commit, a
            pipeline schedule, a planner. Each was compared with the product's to the last bit.

            From here: annex_actors/README.md says in which order to read the code, examples/README.md has scripts of at
            most a page by what you want to do, and `annex-actors explain` has the words.
            """
        ),
    ),
)
