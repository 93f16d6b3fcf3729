"""What a runtime does when something fails: restarts, and the end of a run that cannot go on."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from annex_actors.base.errors import LayerError
from annex_actors.base.words import counted
from annex_actors.protocol.events import EpochFinished, Event, PeerExited, PeerStarted
from annex_actors.protocol.instrument import Point
from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes import (
    Crash,
    CrashPlan,
    InjectedCrash,
    Program,
    RunFailedError,
    Runtime,
    Supervision,
)
from annex_actors.testing.promises import require
from annex_actors.testing.small_runs import (
    STAGES,
    Counter,
    Seen,
    after_step,
    asked_in_time,
    carried_out,
    committed,
    expected_outputs,
    finished,
    fragile,
    oracle,
    prediction,
    program,
    require_bits,
    same,
    some_inputs,
)
from supervisors import Strategy


def shows_why_a_peer_ended_before_its_restart(runtime: Runtime) -> None:
    """Observers see a failure with its place and cause, then the next start."""
    seen, label = Seen(), "layer 1 relu"
    plan = CrashPlan([Crash(layer=1, step=2, microbatch=1, at=Point.BACKWARD)])
    carried_out(runtime, program(crashes=plan, observers=[seen]))
    address = stage_address(1)
    why = (
        "layer 1 (relu) failed in backward at step 2 microbatch 1, given (1, 6) float32: InjectedCrash: crash on order"
    )
    expected: list[Event] = [
        PeerStarted(address, label, 1),
        PeerExited(address, label, 1, why),
        PeerStarted(address, label, 2),
        PeerExited(address, label, 2, "shutdown", orderly=True),
    ]
    about = [event for event in seen.events if getattr(event, "address", None) == address]
    require(about == expected, f"expected the events {expected}, got {about}")


def stops_and_starts_what_the_strategy_names(runtime: Runtime) -> None:
    """The end of a layer stops and starts the layers that the strategy names, in its order."""
    for strategy, stop, start in (
        (Strategy.ONE_FOR_ONE, [], [3]),
        (Strategy.ONE_FOR_ALL, [4, 2, 1, 0], [0, 1, 2, 3, 4]),
        (Strategy.REST_FOR_ONE, [4], [3, 4]),
    ):
        seen = Seen()
        plan = CrashPlan([Crash(layer=3, step=2)])
        carried_out(runtime, program(crashes=plan, observers=[seen], supervision=Supervision(strategy)))
        crash = next(at for at, event in enumerate(seen.events) if isinstance(event, PeerExited))
        after = [event for event in seen.events[crash + 1 :] if isinstance(event, PeerExited | PeerStarted)]
        shown = [(type(event), event.address) for event in after[: -STAGES - 1]]
        expected = [
            *((PeerExited, stage_address(each)) for each in stop),
            *((PeerStarted, stage_address(each)) for each in start),
        ]
        require(shown == expected, f"expected {strategy.value} to be {expected}, got {shown}")


def restarts_a_layer_to_the_same_bits(runtime: Runtime) -> None:
    """A layer that crashes at any point of its work is restarted, and the training gives the same bits."""
    _crash_at_every_point(runtime, Strategy.ONE_FOR_ONE, restarts=1)


def restarts_all_layers_to_the_same_bits(runtime: Runtime) -> None:
    """With ``one_for_all`` the crash of a layer restarts all layers, and the training gives the same bits."""
    _crash_at_every_point(runtime, Strategy.ONE_FOR_ALL, restarts=STAGES)


def restarts_the_layers_after_it_to_the_same_bits(runtime: Runtime) -> None:
    """With ``rest_for_one`` the crash of a layer restarts those after it too, and the training gives the same bits."""
    _crash_at_every_point(runtime, Strategy.REST_FOR_ONE, restarts=STAGES - 1)


def restarts_the_trainer_alone(runtime: Runtime) -> None:
    """A trainer that crashes is restarted, and no other peer, with any strategy."""
    for strategy in Strategy:
        asked = list[int]()

        def fails_once(history: tuple[EpochFinished, ...], asked: list[int] = asked) -> bool:
            asked.append(history[-1].epoch)
            if len(asked) == 1:
                raise OSError("the mail server is down")
            return False

        outcome = carried_out(runtime, program(halt=fails_once, supervision=Supervision(strategy)))
        require_bits(outcome, oracle(), "a training whose trainer crashes")
        require(asked == [0, 0, 1], f"expected epoch 0 to be asked about again after the crash, got {asked}")
        require(outcome.restarts == 1, f"expected one restart of the trainer, got {outcome.restarts}")


def restarts_a_layer_that_crashes_while_it_recovers(runtime: Runtime) -> None:
    """A layer that crashes again while it repeats its work is restarted again."""
    again = Crash(layer=1, step=3, microbatch=1, at=Point.BACKWARD, times=2)
    outcome = carried_out(runtime, program(crashes=CrashPlan([Crash(layer=1, step=3, times=2), again])))
    require_bits(outcome, oracle(), "a layer that crashes again and again")
    require(outcome.restarts == 4, f"expected four restarts, got {outcome.restarts}")


def sends_only_to_the_new_incarnation(runtime: Runtime) -> None:
    """Once the trainer has received a message of a new incarnation, every message to that peer goes to it.

    The trainer sends lost predictions again as soon as it learns of a new incarnation, and by way of the peers before
    it. If one of those still sends to the old incarnation, they are lost for good.
    """
    inputs = some_inputs(600)
    otherwise = (
        "expected messages to a peer to go to its new incarnation once the trainer has received a message of it, "
        "got predictions that never came back"
    )
    for failing in (range(2, 3), range(1, 9)):
        with tempfile.TemporaryDirectory() as folder:
            stages = fragile(Counter(Path(folder) / "count"), failing)
            run = prediction(stages, supervision=Supervision(max_attempts=100))
            outputs, restarts = asked_in_time(runtime, run, inputs, otherwise)
        require(np.array_equal(outputs, expected_outputs(inputs)), "expected a crash to lose no prediction")
        require(restarts == len(failing), f"expected {counted(len(failing), 'restart')}, got {restarts}")


def names_a_layer_that_cannot_be_made_to_work(runtime: Runtime) -> None:
    """A message that fails a layer again and again ends the run; the last step that all committed is in the store."""
    for attempts in (3, 5):
        seen = Seen()
        plan = CrashPlan([Crash(layer=2, step=3, microbatch=2, times=99)])
        run = program(crashes=plan, supervision=Supervision(max_attempts=attempts), observers=[seen])
        error = _failure(runtime, run)
        expected = (
            "layer 2 (dropout:0.3) failed in forward at step 3 microbatch 2, given (1, 6) float32: "
            f"InjectedCrash: crash on order (failed {counted(attempts, 'time')} at the same message)"
        )
        require(str(error) == expected, f"expected the error {expected!r}, got {str(error)!r}")
        cause = error.__cause__
        named = isinstance(cause, LayerError) and cause.layer == 2
        require(named, f"expected the layer's own error as the cause, got {cause!r}")
        original = cause.__cause__ if cause else None
        whole = isinstance(original, InjectedCrash) and original.__traceback__ is not None
        require(whole, f"expected the cause of that to be what the layer raised, with its traceback, got {original!r}")
        ends = len([event for event in seen.of(PeerExited) if not event.orderly])
        require(ends == attempts, f"expected {counted(attempts, 'attempt')}, got {ends}")
        require(committed(run).step == 3, f"expected the last step that all committed, 3, got {committed(run).step}")
        require(same(committed(run), after_step(3)), "expected a failed run to leave the bits of the oracle")


def ends_a_run_of_too_many_restarts(runtime: Runtime) -> None:
    """More restarts than the window allows end the run; the error names the layer."""
    plan = CrashPlan([Crash(layer=3, step=step) for step in range(4)])
    run = program(crashes=plan, supervision=Supervision(max_restarts=2, max_seconds=100))
    error = _failure(runtime, run)
    expected = (
        "layer 3 (dense:3) failed in forward at step 2 microbatch 0, given (1, 6) float32: "
        "InjectedCrash: crash on order (ended once more than the allowed 2 restarts in 100 s)"
    )
    require(str(error) == expected, f"expected the error {expected!r}, got {str(error)!r}")
    require(isinstance(error.__cause__, LayerError), f"expected the layer's own error, got {error.__cause__!r}")


def _crash_at_every_point(runtime: Runtime, strategy: Strategy, *, restarts: int) -> None:
    for at in Point:
        plan = CrashPlan([Crash(layer=1, step=3, microbatch=1, at=at)])
        outcome = carried_out(runtime, program(crashes=plan, supervision=Supervision(strategy)))
        where = f"a layer that crashes in {at.value}, with {strategy.value},"
        require_bits(outcome, oracle(), where)
        require(
            outcome.restarts == restarts, f"expected {counted(restarts, 'restart')} of {where} got {outcome.restarts}"
        )


def _failure(runtime: Runtime, run: Program) -> RunFailedError:
    try:
        finished(runtime, run)
    except RunFailedError as error:
        return error
    raise AssertionError("expected a run that cannot go on to raise RunFailedError, got one that finished")
