"""Layers are measured until their times are known, or until the time for it is over."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from annex_actors import Sgd
from annex_actors.base.errors import ConfigError, DivergedError
from annex_actors.profiling import Workload, measure_layers
from annex_actors.profiling.layer_clock import StepTimes
from annex_actors.profiling.layer_times import _Sample, timing
from annex_actors.protocol.instrument import NO_INSTRUMENT
from tests.profiling.programs import program


def workload(microbatches: int, **settings: Any) -> Workload:
    return Workload(24 // microbatches, microbatches, partial(program, microbatches=microbatches, **settings))


def test_every_layer_of_every_workload_is_measured_and_so_is_the_trainer() -> None:
    found = measure_layers([workload(1), workload(4)], seconds=0.05)
    assert len(found) == 2
    for each in found:
        assert len(each.layers) == 4
        assert all(layer.forward.median > 0 for layer in each.layers)
        assert each.layers[0].weight_gradient.median > 0
        assert each.trainer.low > 0
        assert each.steps > 0


def wild(learning_rate: float) -> Workload:
    return workload(2, optimizer=Sgd(learning_rate=learning_rate), layers="dense:5 dense:5 dense:3")


def test_a_network_that_diverges_after_some_steps_is_measured_up_to_there() -> None:
    (found,) = measure_layers([wild(10)], seconds=0.05)
    assert found.steps > 0


def test_a_network_that_diverges_at_once_is_refused() -> None:
    with pytest.raises(DivergedError, match="expected a finite cost"):
        measure_layers([wild(1e30)], seconds=0.05)


def test_the_time_for_it_is_above_0() -> None:
    with pytest.raises(ConfigError, match="expected `seconds` to be a number > 0, got 0"):
        measure_layers([workload(1)], seconds=0)


def sample(*times: float) -> _Sample:
    found = _Sample(workload(1))
    found.steps += [StepTimes(whole=time) for time in times]
    return found


def test_times_that_are_nearly_equal_are_known_after_a_few_steps() -> None:
    assert not sample(*[1.0] * 20).is_known
    assert sample(*[1.0] * 30).is_known


def test_the_more_times_differ_the_more_steps_it_takes() -> None:
    assert not sample(*[0.8, 1.0, 1.2] * 30).is_known
    assert sample(*[0.8, 1.0, 1.2] * 1000).is_known


def test_a_timing_has_the_tenths_and_the_median() -> None:
    found = timing([float(each) for each in range(101)])
    assert (found.low, found.median, found.high) == (10.0, 50.0, 90.0)
    assert timing([]).high == 0.0


def test_nothing_is_watched_unless_it_is_asked_for() -> None:
    assert program(1).instruments == (NO_INSTRUMENT,)
