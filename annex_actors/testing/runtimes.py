"""The checker of runtimes, with trainings of a few milliseconds.

The checks are in `runtime_work`, `runtime_predictions`, `runtime_faults`, `runtime_standstill` and `runtime_owner`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from annex_actors.base.errors import AnnexError
from annex_actors.runtimes import Runtime
from annex_actors.testing.left_behind import nothing_left_behind
from annex_actors.testing.promises import require_kind
from annex_actors.testing.runtime_faults import (
    ends_a_run_of_too_many_restarts,
    names_a_layer_that_cannot_be_made_to_work,
    restarts_a_layer_that_crashes_while_it_recovers,
    restarts_a_layer_to_the_same_bits,
    restarts_all_layers_to_the_same_bits,
    restarts_the_layers_after_it_to_the_same_bits,
    restarts_the_trainer_alone,
    sends_only_to_the_new_incarnation,
    shows_why_a_peer_ended_before_its_restart,
    stops_and_starts_what_the_strategy_names,
)
from annex_actors.testing.runtime_owner import (
    can_be_closed_at_any_time,
    continues_from_its_store,
    ends_with_a_failure_that_its_owner_has_found,
    halts_at_one_step_of_all_layers,
    halts_before_it_is_waited_for,
    lets_an_interrupt_through,
)
from annex_actors.testing.runtime_predictions import (
    answers_until_it_is_halted_or_closed,
    asks_a_restarted_driver_again,
    names_a_layer_that_cannot_predict,
    predicts_what_the_oracle_predicts,
)
from annex_actors.testing.runtime_standstill import (
    notices_that_a_message_is_lost,
    notices_that_the_trainer_is_ahead,
)
from annex_actors.testing.runtime_work import (
    hosts_a_reader_of_inputs_in_files,
    keeps_runs_apart,
    removes_an_observer_that_raises,
    shows_every_event_in_order,
    trains_to_the_bits_of_the_oracle,
)

RUNTIME_CHECKS: Final[tuple[Callable[[Runtime], None], ...]] = (
    trains_to_the_bits_of_the_oracle,
    hosts_a_reader_of_inputs_in_files,
    predicts_what_the_oracle_predicts,
    shows_every_event_in_order,
    shows_why_a_peer_ended_before_its_restart,
    stops_and_starts_what_the_strategy_names,
    removes_an_observer_that_raises,
    restarts_a_layer_to_the_same_bits,
    restarts_all_layers_to_the_same_bits,
    restarts_the_layers_after_it_to_the_same_bits,
    restarts_the_trainer_alone,
    restarts_a_layer_that_crashes_while_it_recovers,
    sends_only_to_the_new_incarnation,
    asks_a_restarted_driver_again,
    names_a_layer_that_cannot_be_made_to_work,
    names_a_layer_that_cannot_predict,
    ends_a_run_of_too_many_restarts,
    notices_that_a_message_is_lost,
    notices_that_the_trainer_is_ahead,
    halts_at_one_step_of_all_layers,
    halts_before_it_is_waited_for,
    lets_an_interrupt_through,
    ends_with_a_failure_that_its_owner_has_found,
    can_be_closed_at_any_time,
    answers_until_it_is_halted_or_closed,
    continues_from_its_store,
    keeps_runs_apart,
)
"""All checks, for suites that run each as a test of its own."""


def check_runtime(runtime: Runtime) -> None:
    """Check that a runtime keeps the promises of `Runtime` and `Job`, and its hosts those of `Surroundings`.

    After each check no thread and no process may be left. If the peers of a runtime take a second to start, this takes
    a minute.

    Args:
        runtime: the runtime to check; its stages must commit every step.

    Raises:
        AssertionError: the first promise that is broken.
    """
    require_kind(runtime, Runtime)
    for check in RUNTIME_CHECKS:
        with nothing_left_behind():
            try:
                check(runtime)
            except AnnexError as error:
                promise = (check.__doc__ or check.__name__).partition("\n")[0]
                raise AssertionError(f"expected: {promise} Got {type(error).__name__}: {error}") from error
