"""A stage whose plan limits its memory trains if it fits, and is refused before any actor starts if it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.cli import main
from annex_actors.layers import activation, dense, sequence
from annex_actors.placement import Plan
from annex_actors.placement.memory import LayerMemory, plan_memory
from annex_actors.training.profiles import bytes_of_layers
from tests.trainings import CLASSES, Training, fingerprints

NETWORK = sequence(dense(30), activation("relu"), dense(CLASSES))
PLAIN = Training(network=NETWORK, microbatches=3)


def needed(training: Training, plan: str) -> list[int]:
    """Return the bytes that each stage needs."""
    spec = training.learner(stages=plan).spec
    found = bytes_of_layers(spec, training.dataset, training.batch_size)
    layers = [LayerMemory(each.parameters, each.optimizer, each.saved, each.factors) for each in found]
    planned = plan_memory(Plan.parse(plan, 3), layers, spec.schedule, training.microbatches)
    return [each.total for each in planned]


@pytest.mark.parametrize(
    "training", [PLAIN, Training(network=NETWORK, in_files=True, weighted=True)], ids=["", "files"]
)
def test_a_limit_is_exact_and_changes_no_bit(training: Training) -> None:
    first, second = needed(training, "1,2")
    unlimited = training.learner(stages="1,2").train(training.dataset, epochs=1, batch_size=5)
    fits = training.learner(stages=f"1:memory={first},2:memory={second}")
    assert fingerprints(fits.train(training.dataset, epochs=1, batch_size=5).checkpoint) == fingerprints(
        unlimited.checkpoint
    )
    for index, stages in enumerate((f"1:memory={first - 1},2:memory={second}", f"1,2:memory={second - 1}")):
        with pytest.raises(ConfigError, match=rf"expected stage {index} with \d microbatches and 1f1b to fit in its"):
            training.learner("threads", stages=stages).train(training.dataset, epochs=1, batch_size=5)


def test_weights_gradients_and_slots_are_those_of_the_layers() -> None:
    stages = "1:memory=1B,2"
    with pytest.raises(ConfigError) as caught:
        PLAIN.learner(stages=stages).train(PLAIN.dataset, epochs=1, batch_size=5)
    size = 4 * (4 + 1) * 30  # bytes of a dense layer with 4 inputs; Adam has two slots for each number
    assert size == 600
    assert "(weights 1.2 kB, gradients 600 B, optimizer 2.4 kB, activations " in str(caught.value)


def test_a_run_that_does_not_fit_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "xor", "--stages", "1:memory=1kB,2", "--layers", "dense:64 relu dense:2"]) == 2
    assert capsys.readouterr().err.startswith(
        "error: expected stage 0 with 2 microbatches and 1f1b to fit in its `memo"
    )
    assert not list(tmp_path.glob("runs/*"))
