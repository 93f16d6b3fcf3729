"""The learning rate is lowered at the same steps whatever happens, as torch lowers it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError
from annex_actors.layers import dense
from annex_actors.optimizers import Sgd
from annex_actors.protocol.events import EpochFinished
from annex_actors.protocol.instrument import Instrument, Peer
from annex_actors.protocol.messages import Envelope, Forward
from annex_actors.runtimes import InlineRuntime
from annex_actors.training.learner import Learner
from annex_actors.training.plateau import ReduceOnPlateau, reduce_on_plateau
from tests.faults.plans import assert_undisturbed, disturbed, killing
from tests.oracle.plain import expected
from tests.trainings import TUNED, Training, at_every_step, carry_out, fingerprints, host_named, train, undisturbed

RULE = "monitor=train_cost:patience=0:factor=0.5:min_delta=9.0"
"""Only the first epoch improves by so much, so that the rate is halved after each of the others."""

MINE = Training(reduce_on_plateau=RULE, epochs=4, size=9, batch_size=3)


def history(*costs: float | None, **metrics: float) -> tuple[EpochFinished, ...]:
    return tuple(EpochFinished(epoch, epoch + 1, 9.0, cost, metrics) for epoch, cost in enumerate(costs))


def test_a_figure_that_improves_changes_nothing() -> None:
    assert ReduceOnPlateau(patience=0)(()) == 1.0
    assert ReduceOnPlateau(patience=0)(history(3, 2, 1)) == 1.0


def test_more_epochs_than_patience_without_an_improvement_reduce() -> None:
    rule = ReduceOnPlateau(patience=2, factor=0.5)
    assert [rule(history(1, *[2] * bad)) for bad in range(8)] == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]


def test_in_a_cooldown_nothing_is_counted() -> None:
    rule = ReduceOnPlateau(patience=0, factor=0.5, cooldown=2)
    assert [rule(history(1, *[2] * bad)) for bad in range(6)] == [1, 0.5, 0.5, 0.5, 0.25, 0.25]


def test_an_accuracy_is_to_grow() -> None:
    rule = ReduceOnPlateau("accuracy", patience=0, factor=0.5)
    assert rule(history(1, 1, accuracy=0.5)) == 0.5
    grown = (*history(1, accuracy=0.5), EpochFinished(1, 2, 9.0, 1, {"accuracy": 0.6}))
    assert rule(grown) == 1.0


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_figure_that_is_missing_improves_nothing(missing: float | None) -> None:
    assert ReduceOnPlateau(patience=0, factor=0.5)(history(1, missing)) == 0.5


def test_the_factor_has_a_minimum() -> None:
    assert ReduceOnPlateau(patience=0, factor=0.1, min_factor=0.05)(history(*[1] * 9)) == 0.05


@given(
    costs=st.lists(st.sampled_from([0.5, 1.0, 1.1, 1.5, 2.0, float("nan")]), max_size=30),
    patience=st.integers(0, 3),
    cooldown=st.integers(0, 3),
    min_delta=st.sampled_from([0.0, 0.1, 0.6]),
    mode=st.sampled_from(["min", "max"]),
    minimum=st.sampled_from([0.0, 0.3]),
)
def test_the_rate_is_that_of_torch(
    costs: list[float], patience: int, cooldown: int, min_delta: float, mode: Any, minimum: float
) -> None:
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer,
        mode=mode,
        factor=0.5,
        patience=patience,
        threshold=min_delta,
        threshold_mode="abs",
        cooldown=cooldown,
        min_lr=minimum,
        eps=0,
    )
    mine = ReduceOnPlateau(
        factor=0.5, patience=patience, min_delta=min_delta, cooldown=cooldown, mode=mode, min_factor=minimum
    )
    for count, cost in enumerate(costs, start=1):
        theirs.step(cost)
        assert mine(history(*costs[:count])) == pytest.approx(optimizer.param_groups[0]["lr"])


@pytest.mark.parametrize("rule", [ReduceOnPlateau(), ReduceOnPlateau("accuracy", 0.3, 2, 1e-5, 3, "max", 0.01)])
def test_the_text_makes_it_again(rule: ReduceOnPlateau) -> None:
    assert reduce_on_plateau(rule.spec()) == rule


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("factor=1.5", "reduce_on_plateau, 'factor=1.5': expected `factor` to be a number > 0 and < 1, got 1.5"),
        ("5", "expected `reduce_on_plateau` as text such as patience=5:factor=0.5, got '5'; name the settings"),
        ("wait=5", "expected `reduce_on_plateau` as text such as patience=5:factor=0.5, got 'wait=5'"),
        ("mode=up", "expected `mode` to be one of min, max, got 'up'"),
        (5, 'expected `reduce_on_plateau` to be text such as "patience=5:factor=0.5", got 5'),
    ],
)
def test_wrong_settings_are_refused_before_anything_starts(given: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace(".", r"\.")):
        Learner(dense(3), reduce_on_plateau=given)


class Factors(Instrument):
    """Keeps the factor that each stage is given for each step."""

    def __init__(self) -> None:
        self.seen: dict[tuple[str, int], set[float]] = {}

    def received(self, peer: Peer, envelope: Envelope) -> None:
        if isinstance(envelope.message, Forward):
            place = str(peer.address), envelope.message.step
            self.seen.setdefault(place, set()).add(envelope.message.part.rate_factor)


@pytest.mark.parametrize("schedule", ["1f1b", "zb-h2", "pipedream", "2bw"])
def test_every_stage_has_the_factor_of_the_step(schedule: str) -> None:
    factors, mine = Factors(), replace(MINE, schedule=schedule)
    carry_out(mine.program(instruments=[factors]), InlineRuntime(), mine.initial)
    by_epoch = [1.0, 1.0, 0.5, 0.25]
    assert factors.seen == {(f"stage-{s}", t): {by_epoch[t // 3]} for s in range(5) for t in range(12)}


def test_the_first_epochs_have_the_bits_of_a_training_without() -> None:
    free, mine = at_every_step(replace(MINE, reduce_on_plateau=None)), at_every_step(MINE)
    equal = [one.weights_sha256 == other.weights_sha256 for one, other in zip(free, mine, strict=True)]
    assert equal == [True] * 7 + [False] * 6


@pytest.mark.parametrize("network", [MINE.network, TUNED])
@pytest.mark.parametrize("schedule", ["1f1b", "zb-h1", "pipedream", "pipedream-vertical", "2bw", "no-stash"])
@pytest.mark.parametrize("host", ["inline", "threads"])
def test_it_equals_the_plain_program(host: str, schedule: str, network: Any) -> None:
    mine = replace(MINE, schedule=schedule, network=network)
    assert train(mine, host_named(host)).fingerprints == fingerprints(expected(mine))


@pytest.mark.parametrize("schedule", ["1f1b", "pipedream"])
def test_a_kill_at_any_event_changes_nothing(schedule: str) -> None:
    mine = replace(MINE, schedule=schedule, size=4, batch_size=2)
    for event in range(1, 900, 23):
        assert_undisturbed(disturbed(mine, killing({event, event + 31}, event)), mine)


@pytest.mark.parametrize("step", range(1, 12))
def test_a_training_that_goes_on_has_the_bits_of_one_that_was_never_interrupted(step: int) -> None:
    learner = MINE.learner()
    learner.train(MINE.dataset, epochs=4, batch_size=3, resume=at_every_step(MINE)[step])
    assert learner.checkpoint is not None
    assert fingerprints(learner.checkpoint) == undisturbed(MINE).fingerprints


def test_another_rule_is_another_training() -> None:
    cut = at_every_step(MINE)[4]
    with pytest.raises(ConfigError, match="the `reduce_on_plateau` that the training began with"):
        other = replace(MINE, reduce_on_plateau=None)
        other.learner().train(MINE.dataset, epochs=4, batch_size=3, resume=cut)


def test_it_is_saved_with_the_learner(tmp_path: Any) -> None:
    learner = MINE.learner()
    learner.train(MINE.dataset, epochs=2, batch_size=3)
    learner.save(tmp_path / "model.safetensors")
    again = Learner.load(tmp_path / "model.safetensors", runtime="inline")
    assert again.spec.reduce_on_plateau == reduce_on_plateau(RULE)
    again.train(MINE.dataset, epochs=4, batch_size=3)
    assert again.checkpoint is not None
    assert fingerprints(again.checkpoint) == undisturbed(MINE).fingerprints


def test_a_rate_that_is_a_rule_is_lowered_too() -> None:
    steps = "inverse_time:0.1:0.5"
    mine = replace(MINE, optimizer=Sgd(learning_rate=steps))  # type: ignore[arg-type]  # a text is converted
    assert train(mine).fingerprints == fingerprints(expected(mine))
