"""The model card of a run: one page of Markdown on what was trained, how, and how good it is, for people without it.

Source:
    Mitchell et al. (2019), Model cards for model reporting.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annex_actors.base.errors import UserError, message_of
from annex_actors.base.texts import printable
from annex_actors.base.words import counted
from annex_actors.metrics import chosen
from annex_actors.runs.saved_run import SavedRun
from annex_actors.runs.toml_settings import flat, toml_value

_MOST_CLASSES = 20
"""The most classes of which a confusion matrix is shown, and names in a line: more do not fit a page."""

_MOST_COLUMNS = 50
"""The most columns of a table that are listed."""

_MOST_EPOCHS = 12
"""The most lines of the table of epochs."""

_CONFUSION = "confusion_matrix"


@dataclass(frozen=True)
class Evaluation:
    """How good the saved weights are on the test samples.

    Args:
        samples: how many there are; 0 if they were not evaluated.
        figures: the cost and the run's metrics, by name.
        confusion: how many samples of each class (row) were taken for each class (column); None for regression.
        problem: one line: why the test samples were not evaluated.
    """

    samples: int
    figures: Mapping[str, float]
    confusion: NDArray[np.int64] | None = None
    problem: str | None = None

    @classmethod
    def of(cls, saved: SavedRun, load: Sequence[str] = ()) -> Evaluation:
        """Return the evaluation of a run's weights on the test samples of its data.

        Args:
            saved: the run.
            load: see `SavedRun.config_for`.

        Raises:
            UserError: the weights are missing or damaged, or files that they need may not run.
        """
        config = saved.config_for(load)
        learner = saved.learner(load)
        names = [*chosen(config.training.metrics or None, learner.classes)]
        if learner.classes is not None:
            names = [*dict.fromkeys([*names, _CONFUSION])]
        try:
            dataset = config.load()
            figures = dict(learner.evaluate(dataset, metrics=names))
        except UserError as error:  # the card is of use without the data
            return cls(0, {}, problem=message_of(error))
        rows = figures.pop(_CONFUSION, None)
        confusion = None if rows is None else np.array(rows, np.int64)
        return cls(len(dataset.test), {name: value for name, value in figures.items() if value is not None}, confusion)


def model_card(saved: SavedRun, evaluation: Evaluation) -> str:
    """Return the card, in Markdown; nothing in it can be taken for markup that the card did not write."""
    parts = (_columns, _network, lambda run: _results(run, evaluation), _settings, _history, _exactness)
    sections = ["\n".join(part(saved)) for part in (_head, *parts)]
    return "\n\n".join(filter(None, sections)) + "\n"


def _head(saved: SavedRun) -> Iterator[str]:
    network = saved.network
    yield f"# {_text(saved.path.name)}"
    yield ""
    layers, parameters = counted(len(network.layers), "layer"), counted(network.parameters, "parameter")
    yield f"A network of {layers} and {parameters}, trained on {_text(network.dataset)}: {_text(network.source)}."
    yield ""
    preparation = saved.preparation
    if preparation is None:
        yield f"- **Input:** an array of shape {network.input_shape} for each sample, scaled as in training."
    else:
        used = _first([name for each in preparation.features if each.names for name in each.columns])
        yield f"- **Input:** a row of a table, as it is, with the columns {used}."
    if network.classes is None and preparation is not None:
        yield f"- **Output:** amounts in the units of the table: {_first(preparation.target.labels)}."
    elif network.classes is None:
        yield f"- **Output:** amounts of shape {network.layers[-1].output_shape}."
    else:
        yield f"- **Output:** {counted(len(network.classes), 'class')}: {_first(network.classes)}."
    ending = "npy" if preparation is None else "csv"
    yield f"- **Use:** `annex-actors predict {_text(saved.path.name)} FILE.{ending}`"


def _columns(saved: SavedRun) -> Iterator[str]:
    """Yield what is done with each column of a table; nothing for a run on arrays."""
    if saved.preparation is None:
        return
    features, target = saved.preparation.features, saved.preparation.target
    yield "## Columns"
    yield ""
    yield "Transforms were fitted on the training samples alone."
    yield ""
    labels = zip(target.labels, target.forms, strict=True)
    yield from _table(
        ["column", "kind", "what is done with it"],
        [
            *([", ".join(each.columns), each.kind, each.use] for each in features[:_MOST_COLUMNS]),
            *([["…", "", f"and {len(features) - _MOST_COLUMNS:,} more"]] if len(features) > _MOST_COLUMNS else []),
            *([label, form.kind, "to predict"] for label, form in labels),
        ],
    )


def _network(saved: SavedRun) -> Iterator[str]:
    yield "## Network"
    yield ""
    yield from _table(
        ["", "layer", "output", "parameters"],
        [[each.layer, each.spec, each.output_shape, f"{each.parameters:,}"] for each in saved.network.layers],
    )


def _results(saved: SavedRun, evaluation: Evaluation) -> Iterator[str]:
    yield "## Results"
    yield ""
    if evaluation.problem is not None:
        yield f"The test samples were not evaluated for this card: {_text(evaluation.problem)}"
    else:
        yield f"Of the saved weights, on {counted(evaluation.samples, 'test sample')}:"
        yield ""
        yield from _table(["figure", "value"], [[name, _number(value)] for name, value in evaluation.figures.items()])
        if saved.preparation is not None and saved.preparation.units is not None:
            yield ""
            yield "The cost is of standardised amounts; all other figures are in the units of the table."
    if evaluation.confusion is not None and saved.network.classes is not None:
        yield from _by_class(saved.network.classes, evaluation.confusion)


def _by_class(classes: Sequence[str], confusion: NDArray[np.int64]) -> Iterator[str]:
    right, given, taken = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    yield ""
    yield from _table(
        ["class", "precision", "recall", "F1", "samples"],
        [
            [name, _ratio(hits, predicted), _ratio(hits, actual), _ratio(2 * hits, predicted + actual), f"{actual:,}"]
            for name, hits, predicted, actual in zip(
                classes, right.tolist(), taken.tolist(), given.tolist(), strict=True
            )
        ],
    )
    if len(classes) <= _MOST_CLASSES:
        yield ""
        yield "Samples of each class, and what they were taken for:"
        yield ""
        rows = zip(classes, confusion.tolist(), strict=True)
        yield from _table(["", *classes], [[name, *counts] for name, counts in rows])


def _settings(saved: SavedRun) -> Iterator[str]:
    yield "## Settings"
    yield ""
    values = flat(saved.config.model_dump()).items()
    yield from _table(["key", "value"], [[key, toml_value(value)] for key, value in values if value not in (None, [])])


def _history(saved: SavedRun) -> Iterator[str]:
    epochs = saved.epochs
    chosen = sorted({round(index) for index in np.linspace(0, len(epochs) - 1, _MOST_EPOCHS)}) if epochs else []
    names = list(dict.fromkeys(name for epoch in epochs for name in epoch.metrics))
    evaluated = "test_cost" if all(epoch.validation_cost is None for epoch in epochs) else "validation_cost"
    yield "## Training"
    yield ""
    report = saved.report
    end = f"{report.status}, {counted(report.restarts, 'restart')}" if report else "it has not ended"
    yield f"{counted(len(epochs), 'epoch')}; {end}."
    yield ""
    yield from _table(
        ["epoch", "step", "cost", evaluated.replace("_", " "), *names],
        [
            [
                epoch.epoch,
                epoch.steps,
                *map(_number, (epoch.train_cost, getattr(epoch, evaluated))),
                *(_number(epoch.metrics.get(name)) for name in names),
            ]
            for epoch in (epochs[index] for index in chosen)
        ],
    )


def _exactness(saved: SavedRun) -> Iterator[str]:
    yield "## Exactness"
    yield ""
    yield "With the same settings, data and versions the weights are the same, bit by bit, on every runtime."
    yield ""
    report = saved.report
    hashes = (
        {"weights": report.weights_sha256, "state": report.state_sha256, "costs": report.cost_log_sha256}
        if report
        else {}
    )
    facts = {**{f"SHA-256 of the {name}": value for name, value in hashes.items()}, **saved.environment}
    yield from _table(["", ""], [*facts.items()])


def _table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    yield f"| {' | '.join(map(_text, headers))} |"
    yield f"|{'---|' * len(headers)}"
    for row in rows:
        yield f"| {' | '.join(map(_text, row))} |"


def _first(names: Sequence[str]) -> str:
    """Return names as one text, of very many the first."""
    more = len(names) - _MOST_CLASSES
    return ", ".join([*map(_text, names[:_MOST_CLASSES]), *([f"and {more:,} more"] if more > 0 else [])])


def _text(value: object) -> str:
    """Return text that Markdown shows as it is: names and paths may hold anything."""
    return html.escape(printable(str(value)), quote=False).translate({ord(mark): f"\\{mark}" for mark in "\\|`*["})


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _ratio(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "-"
