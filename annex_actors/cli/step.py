"""``annex-actors step``: walk through a run, one message at a time, forwards and backwards."""

from __future__ import annotations

import json as text
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from annex_actors.base.errors import ConfigError
from annex_actors.cli import options as shared
from annex_actors.cli.output import print_json, print_note, print_result

if TYPE_CHECKING:
    from annex_actors.stepping.saved import SavedWalk
    from annex_actors.stepping.stepper import Stepper

_DATA = "As of `annex-actors train`; by default xor, whose network is small."
_WALK = "Make these moves, such as 'f3 crash:1 kind:backward b2', and print what is seen; with --page, begin there."
_SEED = "Of the moves that are made by chance."
_REPEAT = "A walk that was saved: its run is begun again, and its moves are made."
_SAVE = "Where to save the walk at the end: as JSON to repeat it, or as a page with all its points."


def step(
    data: Annotated[str | None, typer.Argument(metavar="DATA|CONFIG.toml", help=_DATA)] = None,
    walk: Annotated[str | None, typer.Option(metavar="WORDS", help=_WALK)] = None,
    page: Annotated[bool, typer.Option("--page", help="Walk on a page in a browser (extra `observe`).")] = False,
    repeat: Annotated[Path | None, typer.Option(metavar="WALK.json", help=_REPEAT)] = None,
    save: Annotated[Path | None, typer.Option(metavar="FILE.json|FILE.html", help=_SAVE)] = None,
    walk_seed: Annotated[int | None, typer.Option(help=_SEED)] = None,
    layers: shared.Layers = None,
    cost: shared.CostName = None,
    optimizer: shared.OptimizerName = None,
    epochs: shared.Epochs = None,
    batch_size: shared.BatchSize = None,
    microbatches: shared.Microbatches = None,
    schedule: shared.Schedule = None,
    stages: shared.Stages = None,
    plan: shared.PlanFile = None,
    seed: shared.Seed = None,
    data_dir: shared.DataDir = None,
    label: shared.Label = None,
    task: shared.Task = None,
    set_: shared.Set = None,
    load: shared.Load = None,
    json: Annotated[bool, typer.Option("--json", help="Print what is seen at the end as one JSON object.")] = False,
    debug: shared.Debug = False,
) -> None:
    """Walk through a run one message at a time, forwards and backwards; in the terminal (extra `top`) or on a page.

    Each point shows the mailboxes, which message each actor takes next and why, what is on its way, and what each layer
    has kept, sent and committed. Kill a layer, take another message first, go back: the last weights are the same.
    """
    if data is not None and repeat is not None:
        raise ConfigError("expected DATA or --repeat, got both; a saved walk has its data")
    settings = shared.settings_from(
        data or (None if repeat else "xor"),
        set_,
        layers=layers,
        cost=cost,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=batch_size,
        microbatches=microbatches,
        schedule=schedule,
        stages=shared.number_or_text(stages),
        seed=seed,
        data_dir=data_dir,
        label=label,
        task=task,
        load=shared.files(load),
    )
    if page and json:
        raise ConfigError("expected --page or --json, got both; leave one out")
    is_plain = (walk is not None or json) and not page
    if not (is_plain or page):
        _check_terminal()
    if page:
        _check_page()
    _check_save(save)
    stepper = _stepper(settings, repeat, walk_seed, shared.plan_of(plan, stages))
    if is_plain:
        _print(stepper, walk or "", as_json=json)
    elif page:
        stepper.obey(walk or "")
        _serve(stepper)
    else:
        from annex_actors.cli.step_view import StepView

        StepView(stepper, save).run()
    if save is not None:
        _save(stepper, save)


def _stepper(settings: Mapping[str, Any], repeat: Path | None, seed: int | None, plan: Path | None) -> Stepper:
    from annex_actors.runs.config import resolve
    from annex_actors.runs.initial_weights import begun
    from annex_actors.runs.recorded_run import prepared
    from annex_actors.stepping.saved import read_walk
    from annex_actors.stepping.saved import repeat as made_again
    from annex_actors.stepping.stepper import Stepper
    from annex_actors.stepping.walk import Walk

    before = None if repeat is None else read_walk(repeat)
    if before is not None and repeat is not None:
        settings = _settings_of(before, repeat, settings)
    config, _, dataset = resolve(settings, plan=plan)
    config = config.on_runtime("inline")
    training = prepared(config, config.learner(), dataset)
    config, training = begun(config.placed(training.spec), training)
    walk = Walk(training, seed=seed if seed is not None else before.seed if before else 0)
    if before is not None and (difference := made_again(walk, before)) is not None:
        print_note(f"warning: {difference}")
    return Stepper(walk, config.model_dump(mode="json", exclude_none=True))


def _settings_of(before: SavedWalk, file: Path, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the settings of a saved walk, with those that are given instead; it may name files of others to run."""
    from annex_actors.runs.loaded_files import check_permitted
    from annex_actors.runs.toml_settings import merged

    section = before.settings.get("training")
    wanted = section.get("load") if isinstance(section, Mapping) else None
    if wanted and not given.get("training", {}).get("load"):
        check_permitted([str(each) for each in wanted], file)
    return merged(before.settings, given)


def _check_terminal() -> None:
    try:
        import textual  # noqa: F401 - so that the error names the extra
    except ImportError as error:
        hint = "pip install 'annex-actors[top]', or use --walk or --page"
        raise ConfigError(f"expected Textual for `step`, got none; {hint}") from error
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigError("expected a terminal for `step`, got none; --walk WORDS prints the same, --page shows it")


def _check_page() -> None:
    from annex_actors.page.server import check_installed

    check_installed()  # refused before the walk


def _check_save(save: Path | None) -> None:
    if save is not None and save.suffix not in (".json", ".html"):
        raise ConfigError(f"expected --save to end in .json or .html, got {save}; name a file of either kind")


def _print(stepper: Stepper, words: str, *, as_json: bool) -> None:
    from annex_actors.stepping.lines import headline, lines_of
    from annex_actors.stepping.saved import as_json as plain

    point = stepper.walk.point()
    for word in words.split():
        point = stepper.obey(word)
        if not as_json:
            print_result(f"{word}: {headline(point)}")
    if as_json:
        print_json(text.dumps(plain(point)))
    else:
        above, *rest = lines_of(point)  # which the last word has shown
        print_result("\n".join(rest if words.split() else [above, *rest]))


def _serve(stepper: Stepper) -> None:
    from annex_actors.page.walk_application import walking

    try:
        with walking(stepper, lambda link: print_note(f"{link} (the page of this walk; Ctrl-C ends it)")) as ended:
            ended.wait()
    except KeyboardInterrupt:
        print_note("stopped")  # how a walk on a page ends is no failure


def _save(stepper: Stepper, path: Path) -> None:
    from annex_actors.page.walk_page import save_walk

    save_walk(stepper, path)
    print_note(f"saved in {path}")
