"""A run that was cut off at any step and resumed from its checkpoint gives the same bits."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import pytest

from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes import InlineRuntime
from annex_actors.schedules.table import DISCIPLINES
from annex_actors.stores import MemoryStore
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.checkpoint_files import Checkpoints
from annex_actors.training.halting import loss_less_than
from tests.matrix import matrix
from tests.trainings import CLASSIFIER, SKIPPING, TUNED, Training, carry_out, fingerprints, host_named, undisturbed

EPOCHS, STEPS = 3, 9
HOSTS = ("inline", "threads", "schedulers", "processes", "ray")
NETWORKS = {
    "dropout": CLASSIFIER,
    "skips and state": SKIPPING,
    "sample weights": CLASSIFIER,
    "layers that learn otherwise": TUNED,
}
OTHERWISE = Training(
    network=TUNED,
    clipping="global_norm:0.1",
    ema_momentum=0.8,
    reduce_on_plateau="monitor=train_cost:patience=0:factor=0.5:min_delta=9.0",
    epochs=EPOCHS,
)
"""With all that is between the gradients of a step and an update."""

Case: TypeAlias = tuple[str, int, str, str]
"""Schedule, step, host, and network."""

CASES: list[Case] = list(product(DISCIPLINES, range(1, STEPS + 1), HOSTS, NETWORKS))


@cache
def training(schedule: str, network: str = "dropout") -> Training:
    if network == "layers that learn otherwise":
        return replace(OTHERWISE, schedule=schedule)
    weighted = network == "sample weights"
    return Training(network=NETWORKS[network], schedule=schedule, microbatches=2, epochs=EPOCHS, weighted=weighted)


@cache
def checkpoints(schedule: str, network: str = "dropout") -> dict[int, Checkpoint]:
    """Return the checkpoint of every step of an undisturbed run, as read from the disk."""
    wanted = training(schedule, network)
    cuts = dict[int, tuple[Snapshot, ...]]()
    addresses = [spec.address for spec in wanted.stage_specs()]
    store = MemoryStore(
        addresses, depth=wanted.overlap + 1, every=1, on_cut=lambda step, cut, _: cuts.update({step: cut})
    )
    history = carry_out(wanted.program(store=store), InlineRuntime(), wanted.initial).history
    with TemporaryDirectory() as folder:
        kept = Checkpoints(Path(folder) / "checkpoints", keep="all")
        for cut in cuts.values():
            kept.write(Checkpoint.of(cut, wanted.initial, history))
        return {step: kept.at(step, wanted.prepared) for step in kept.steps()}


def resumed(case: Case, cut: Checkpoint) -> None:
    """Resume from a cut, and compare the result with that of an undisturbed run."""
    schedule, _, host, network = case
    wanted = training(schedule, network)
    learner = wanted.learner(host_named(host))
    result = learner.train(wanted.dataset, epochs=EPOCHS, batch_size=wanted.batch_size, resume=cut)
    assert fingerprints(result.checkpoint) == undisturbed(wanted).fingerprints
    assert result.history == undisturbed(wanted).history


def name(case: Case) -> str:
    return ", ".join(map(str, case))


@pytest.mark.parametrize("case", matrix(CASES, sample=120, id=name, together=2))
def test_a_run_resumed_from_any_step_gives_the_same_bits(case: Case) -> None:
    schedule, step, _, network = case
    resumed(case, checkpoints(schedule, network)[step])


@pytest.mark.parametrize("schedule", DISCIPLINES)
def test_a_run_that_was_cut_off_at_an_epochs_end_before_its_evaluation_evaluates(schedule: str) -> None:
    cut = checkpoints(schedule)[3]
    assert len(cut.history) == 1
    resumed((schedule, 3, "inline", "dropout"), replace(cut, history=()))


@pytest.mark.parametrize("schedule", ["1f1b", "pipedream", "2bw"])
def test_a_run_that_was_cut_off_twice_goes_on(schedule: str, tmp_path: Path) -> None:
    wanted, folder = training(schedule), Checkpoints(tmp_path / "checkpoints", every=1, keep="all")
    wanted.learner("threads").train(
        wanted.dataset,
        epochs=EPOCHS,
        batch_size=wanted.batch_size,
        resume=checkpoints(schedule)[2],
        checkpoints=folder,
    )
    assert folder.steps()[-1] == STEPS
    for step in folder.steps():
        resumed((schedule, step, "inline", "dropout"), folder.at(step, wanted.prepared))


def test_a_run_that_was_to_halt_when_it_was_cut_off_halts() -> None:
    wanted, cut = training("1f1b"), checkpoints("1f1b")[3]
    result = wanted.learner("inline").train(
        wanted.dataset, epochs=EPOCHS, batch_size=wanted.batch_size, resume=cut, halt=loss_less_than(1e9)
    )
    assert result.checkpoint.step == 3
    assert len(result.history) == 1


def test_only_what_is_left_is_trained() -> None:
    wanted, cut = training("1f1b"), checkpoints("1f1b")[7]
    result = wanted.learner("inline").train(wanted.dataset, epochs=EPOCHS, batch_size=wanted.batch_size, resume=cut)
    assert result.samples < wanted.size
