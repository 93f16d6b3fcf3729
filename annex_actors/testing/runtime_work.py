"""What a runtime does when nothing fails: bits and events."""

from __future__ import annotations

from annex_actors.base.words import counted
from annex_actors.protocol.events import EpochFinished, Event, Finished, PeerExited, PeerStarted, StepFinished
from annex_actors.protocol.routing import TRAINER
from annex_actors.runtimes import (
    Runtime,
)
from annex_actors.testing.promises import require
from annex_actors.testing.small_runs import (
    STAGES,
    STEPS,
    Seen,
    When,
    at_step,
    carried_out,
    committed,
    oracle,
    prepared,
    program,
    require_bits,
    same,
)


def trains_to_the_bits_of_the_oracle(runtime: Runtime) -> None:
    """A training gives the weights, optimizer state, costs and evaluations of the inline runtime."""
    for training in (prepared(), prepared("2bw", 1), prepared("zb-h1", 2), prepared(classes=False)):
        outcome = carried_out(runtime, program(training), training)
        name = training.spec.schedule.name
        require_bits(outcome, oracle(training), f"a training with {name}")
        require(outcome.checkpoint.step == STEPS, f"expected {counted(STEPS, 'step')}, got {outcome.checkpoint.step}")
        require(outcome.restarts == 0, f"expected no restart where nothing failed, got {outcome.restarts}")
        changed = outcome.checkpoint.weights_sha256 != training.initial.weights_sha256
        require(changed, "expected a training to change the weights")


def hosts_a_reader_of_inputs_in_files(runtime: Runtime) -> None:
    """A training whose inputs a reader reads gives the bits of one with the inputs in memory."""
    training = prepared(reader=True)
    outcome = carried_out(runtime, program(training), training)
    require_bits(outcome, oracle(prepared()), "a training with a reader")


def shows_every_event_in_order(runtime: Runtime) -> None:
    """Observers see each step, each epoch and the end once, in order; peers start in order and stop in reverse."""
    seen = Seen()
    run = program(observers=[seen])
    outcome = carried_out(runtime, run)
    costs = tuple(event.cost for event in seen.of(StepFinished))
    require(costs == outcome.checkpoint.costs, f"expected the costs {outcome.checkpoint.costs} as events, got {costs}")
    steps = [event.step for event in seen.of(StepFinished)]
    require(steps == list(range(STEPS)), f"expected an event of each step in order, got {steps}")
    require(tuple(seen.of(EpochFinished)) == outcome.history, "expected an event of each epoch in order")
    require(seen.of(Finished) == [Finished(STEPS)], f"expected one event of the end, got {seen.of(Finished)}")
    starts = [PeerStarted(spec.address, spec.label, 1) for spec in run.stages]
    require(seen.events[:STAGES] == starts, f"expected the stages to start in order, got {seen.events[:STAGES]}")
    require(PeerStarted(TRAINER, "trainer", 1) in seen.events[STAGES:], "expected the trainer to start after them")
    stops = [PeerExited(spec.address, spec.label, 1, "shutdown", orderly=True) for spec in reversed(run.peers)]
    last = seen.events[-len(stops) :]
    require(last == stops, f"expected the peers to stop from right to left at the end, got {last}")


def removes_an_observer_that_raises(runtime: Runtime) -> None:
    """An observer that raises sees no more; the others see everything, and the training gives the same bits."""
    asked, before, after = list[Event](), Seen(), Seen()

    def fails(event: Event) -> bool:
        asked.append(event)
        return at_step(1)(event)

    outcome = carried_out(runtime, program(observers=[before, When(fails, _raise), after]))
    require_bits(outcome, oracle(), "a training whose observer fails")
    require(outcome.restarts == 0, f"expected no restart for an observer that fails, got {outcome.restarts}")
    for seen in (before, after):
        require(len(seen.of(StepFinished)) == STEPS, "expected the other observers to see every step")
    require(at_step(1)(asked[-1]), f"expected an observer that failed to see nothing more, got {asked[-1]}")


def keeps_runs_apart(runtime: Runtime) -> None:
    """Two runs at a time do not disturb each other."""
    runs = [program(), program()]
    jobs = [runtime.start(run) for run in runs]
    try:
        for job in jobs:
            job.wait()
    finally:
        for job in jobs:
            job.close()
    both = all(same(committed(run), oracle().checkpoint) for run in runs)
    require(both, "expected two runs at a time to have the bits of each alone")


def _raise() -> None:
    raise OSError("no space left")
