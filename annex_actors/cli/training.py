"""What the commands that train share: they show a run's progress, and its outcome."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from annex_actors.base.errors import UserError
from annex_actors.base.words import counted
from annex_actors.cli.output import print_json, print_note, print_result

if TYPE_CHECKING:
    from annex_actors.data import Dataset
    from annex_actors.runs.config import RunConfig
    from annex_actors.runs.recorded_run import RecordedRun
    from annex_actors.runs.records import RunReport
    from annex_actors.runtimes import Observer
    from annex_actors.runtimes.tracing.scope import Scope
    from annex_actors.training.automatic import Trial


def scope_of(trace: str | None, *, observed: bool) -> Scope | None:
    """Return which steps to trace, as ``--trace`` says; for a page all of them, while it is looked at.

    Raises:
        ConfigError: ``trace`` names no steps.
    """
    from annex_actors.runtimes.tracing.scope import Scope

    if trace is not None:
        return Scope.of(trace)
    return Scope(is_kept=False) if observed else None


def print_trials(trials: Sequence[Trial]) -> None:
    """Say on standard error which plan ``--stages auto`` has chosen, and what a step took with the others."""
    fastest, *others = map(str, trials)
    print_note(f"stages {fastest} a step" + (f"; not {', '.join(others)}" if others else ""))


@contextmanager
def progress_of(
    config: RunConfig, dataset: Dataset, *, quiet: bool, every: int | None = None
) -> Iterator[list[Observer]]:
    """Show a run on standard error during the block; yield the observers that do it, none if ``quiet``.

    Raises:
        ConfigError: ``every`` is less than 1.
    """
    from annex_actors.base import checks
    from annex_actors.data import Batches
    from annex_actors.observe import progress

    if every is not None:
        checks.whole_number("progress_every", every, at_least=1)
    if quiet:
        yield []
        return
    training = config.training
    steps = training.epochs * Batches(len(dataset.train), training.batch_size, training.seed).steps_per_epoch
    with progress(sys.stderr, epochs=training.epochs, steps=steps, every=every) as observer:
        yield [observer]


def print_outcome(run: RecordedRun, *, json: bool, quiet: bool, debug: bool) -> int:
    """Print a run's outcome and return the exit code.

    Raises:
        KeyboardInterrupt: Ctrl-C ended the run; the message says how to resume it.
    """
    if json:
        print_json(run.report.model_dump_json())
    elif run.error is None and not quiet:
        print_result(_summary(run.report))
    return _exit_code(run, debug=debug)


def _summary(result: RunReport) -> str:
    from annex_actors.base.figures import metric_parts

    costs = {"test cost": result.test_cost, "train cost": result.train_cost}
    if result.validation_cost is not None:
        costs["validation cost"] = result.validation_cost
    metrics = {f"test {name}": value for name, value in result.test_metrics.items()}
    work = f"{counted(result.steps, 'step')} of {counted(result.stages, 'actor')}"
    restarts = [counted(result.restarts, "restart")] if result.restarts else []
    lines = [
        ", ".join(metric_parts({**metrics, **costs})),
        ", ".join([f"{work} in {result.seconds:.1f} s", f"{result.samples_per_second:,.0f} samples/s", *restarts]),
        f"weights {result.weights_sha256}" + (f" of epoch {result.restored_epoch}" if result.restored_epoch else ""),
        f"saved in {result.run_dir}",
    ]
    return "\n".join(lines)


def _where_saved(run: RecordedRun) -> str:
    steps = run.report.steps
    what = counted(steps, "committed step") + (" is" if steps == 1 else " are") if steps else "no committed step is"
    return f"{what} saved in {run.directory.path}"


def _exit_code(run: RecordedRun, *, debug: bool) -> int:
    error, where = run.error, _where_saved(run)
    if error is None:
        return 0
    then = "goes on from there" if run.report.steps else "begins again"
    again = f"`annex-actors resume {run.directory.path}` {then}"
    if isinstance(error, KeyboardInterrupt):
        raise KeyboardInterrupt(f"interrupted; {where}; {again}")
    from annex_actors.cli.failures import failure_text
    from annex_actors.runs.event_log import read_events
    from annex_actors.runs.story import story

    is_mistake = isinstance(error, UserError)
    followed = story(read_events(run.directory.path), run.report.error)[1:]
    print_note(failure_text(error, followed, where if is_mistake else f"{where}; {again}", debug=debug))
    return 2 if is_mistake else 1
