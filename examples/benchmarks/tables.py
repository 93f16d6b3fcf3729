"""What suggested settings reach on the data sets of packages, beside scikit-learn's MLPs in a standard pipeline.

Each set is split again for each seed, in parts of the sizes that the catalogue has, and both programs get the same
parts. Ours trains with the settings that are suggested for the set, and with those for any data of one's own; theirs
with their defaults, without and with early stopping, of which the better mean counts. In brackets stands how far ours
is from theirs. A set that is not on this machine is left out; `annex-actors datasets` says how to get it.

    python -m examples.benchmarks.tables [seeds]     # 5 seeds by default
    python -m examples.benchmarks.tables --smoke
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from statistics import mean
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from annex_actors import Dataset, Learner, parse_layers
from annex_actors.base.types import Array, Floats
from annex_actors.data import Entry, Samples, Suggestion, catalog, load
from annex_actors.data.packaged import PACKAGED
from annex_actors.data.packaged_tables import PackagedTable
from annex_actors.data.shipped import standardised
from annex_actors.data.split import split_indices
from annex_actors.data.tables.columns import Kind, Table
from annex_actors.optimizers import optimizer
from annex_actors.runs.suggested import suggested_for
from examples.benchmarks.measuring import arguments, print_peak_memory

NAMES = ["wine", "breast-cancer", "diabetes", "digits", *PACKAGED]
RANKED = {"insurance", "intrusions", "german-credit", "reuters-corn", "reuters-grain"}
"""Sets with a rare or a costly class, judged by the area under the ROC curve: always No may have the best accuracy."""

SMALLEST = ["wine", "german-credit"]


@dataclass(frozen=True)
class Split:
    """The samples of one seed, as ours takes them and as a pipeline of scikit-learn does."""

    ours: Dataset
    train: Array
    test: Array
    prepared: Any


def of_arrays(dataset: Dataset) -> Callable[[int], Split]:
    """Return what splits a data set again, standardised if it was."""
    inputs = np.concatenate([dataset.train.inputs, dataset.test.inputs])
    targets = np.concatenate([dataset.train.targets, dataset.test.targets])
    labels, fraction = targets if dataset.classes else None, len(dataset.test) / len(targets)

    def split(seed: int) -> Split:
        from sklearn.preprocessing import StandardScaler

        parts = split_indices(len(targets), labels, test_fraction=fraction, seed=seed)
        train, test = (Samples(inputs[rows], targets[rows]) for rows in parts)
        again = replace(dataset, train=train, test=test)
        ours = standardised(again) if "standardised" in dataset.source else again
        rows, others = (part.inputs.reshape(len(part), -1) for part in (train, test))
        return Split(ours, rows, others, StandardScaler())

    return split


def of_table(packaged: PackagedTable) -> Callable[[int], Split]:
    """Return what splits a table again, and makes numbers of its columns."""
    names = [name for name in packaged.table.names if name != "part"]
    table = packaged.table.select(names)
    columns = [name for name in names if name != packaged.label]
    labels = np.unique(table[packaged.label].values.astype(str), return_inverse=True)[1]
    cells = np.stack([table[name].values.astype(object) for name in columns], axis=1)

    def split(seed: int) -> Split:
        ours = Dataset.from_table(table, label=packaged.label, transforms=packaged.transforms, seed=seed)
        train, test = split_indices(len(table), labels, test_fraction=0.2, seed=seed)
        assert np.array_equal(ours.test.targets, labels[test])
        return Split(ours, cells[train], cells[test], pipeline_of(table, columns))

    return split


def pipeline_of(table: Table, columns: list[str]) -> Any:
    """Return what most people put before an MLP: texts in columns of 0 and 1, sentences in weighted words."""
    from sklearn.compose import make_column_transformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    if columns == ["text"]:
        return make_column_transformer((TfidfVectorizer(max_features=4096), 0))
    words = [index for index, name in enumerate(columns) if table[name].kind is Kind.TEXT]
    numbers = [index for index in range(len(columns)) if index not in words]
    return make_column_transformer((StandardScaler(), numbers), (OneHotEncoder(handle_unknown="ignore"), words))


def ours(split: Split, suggestion: Suggestion, seed: int) -> Floats:
    """Return the outputs for the test samples of a network that was trained as suggested."""
    learner = Learner(
        parse_layers(suggestion.layers),
        cost=suggestion.cost,
        optimizer=optimizer(suggestion.optimizer, learning_rate=suggestion.learning_rate),
        runtime="inline",  # the weights of any other
        stages=1,
        seed=seed,
    )
    learner.train(split.ours, epochs=suggestion.epochs, batch_size=suggestion.batch_size)
    return learner.predict(split.ours.test.inputs)


def theirs(split: Split, seed: int, early_stopping: bool) -> Floats:
    """Return the same of scikit-learn's MLP with its defaults."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline

    kind = MLPClassifier if split.ours.classes else MLPRegressor
    model = make_pipeline(split.prepared, kind(random_state=seed, early_stopping=early_stopping))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that 200 epochs, its default, are too few
        model.fit(split.train, split.ours.train.targets)
    outputs: Floats = model.predict_proba(split.test) if split.ours.classes else model.predict(split.test)
    return outputs


def score(name: str, split: Split, outputs: Floats) -> float:
    """Return how good outputs are: the area under the ROC curve, R2 or the accuracy."""
    from sklearn.metrics import accuracy_score, r2_score, roc_auc_score

    targets = split.ours.test.targets
    if split.ours.classes is None:
        return float(r2_score(targets, outputs.ravel()))
    if name in RANKED:
        return float(roc_auc_score(targets, outputs[:, 1] - outputs[:, 0]))
    return float(accuracy_score(targets, outputs.argmax(axis=1)))


def compare(entry: Entry, splits: Callable[[int], Split], seeds: int) -> None:
    """Print a line: the means over all seeds, and how far ours are from theirs."""
    name, found = entry.name, ""
    scores: dict[str, list[float]] = {each: [] for each in ("suggested", "own", "theirs", "stopped early")}
    for seed in range(seeds):
        split = splits(seed)
        outputs = {
            "suggested": ours(split, entry.suggested, seed),
            "own": ours(split, suggested_for(split.ours), seed),
            "theirs": theirs(split, seed, early_stopping=False),
            "stopped early": theirs(split, seed, early_stopping=True),
        }
        for each, numbers in outputs.items():
            scores[each].append(score(name, split, numbers))
        found = "R2" if split.ours.classes is None else "ROC AUC" if name in RANKED else "accuracy"
    means = {each: mean(values) for each, values in scores.items()}
    best = max(means["theirs"], means["stopped early"])
    shown = (f"{means[each]:8.3f} ({means[each] - best:+.3f})" for each in ("suggested", "own"))
    print(f"{name:<16}{found:<10}{best:6.3f}{''.join(shown)}", flush=True)


def sets(names: list[str]) -> Iterator[tuple[Entry, Callable[[int], Split]]]:
    """Yield each data set that is here, and what splits it; say which are not."""
    entries = {entry.name: entry for entry in catalog()}
    for name in names:
        entry = entries[name]
        if not entry.available:
            print(f"{name} is not here: {entry.where}")
            continue
        packaged = PACKAGED.get(name)
        made = packaged.made(packaged.files.read()) if packaged else load(name)
        yield entry, of_table(made) if isinstance(made, PackagedTable) else of_arrays(made)


def main(seeds: int, names: list[str]) -> None:
    """Compare all sets that are here."""
    print(f"{'set':<16}{'metric':<10}{'theirs':>6}{'suggested':>12}{'own data':>17}")
    with threadpool_limits(1):
        for entry, splits in sets(names):
            compare(entry, splits, seeds)
    print_peak_memory()


if __name__ == "__main__":
    smoke, given = arguments()
    main(1 if smoke else (given or [5])[0], SMALLEST if smoke else NAMES)
