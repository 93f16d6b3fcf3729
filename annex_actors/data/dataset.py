"""Data sets: training and test samples, and what their numbers mean. Data that do not fit never reach an actor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from annex_actors.base import checks
from annex_actors.base.errors import DataError
from annex_actors.base.shown import shown
from annex_actors.base.texts import listed
from annex_actors.base.types import Array, Shape
from annex_actors.base.words import counted
from annex_actors.data.arrays import as_array
from annex_actors.data.division import Division
from annex_actors.data.labels import class_labels, flat_labels, is_labels
from annex_actors.data.samples import Samples, rows_of
from annex_actors.data.sources.prepared import in_a_file
from annex_actors.data.sources.stored import StoredInputs, as_inputs
from annex_actors.data.split import split_indices
from annex_actors.data.tables.columns import Table
from annex_actors.data.tables.frames import as_table
from annex_actors.data.transforms.choices import Label, chosen_transforms, labels_named
from annex_actors.data.transforms.preparation import Preparation, prepare, side_by_side
from annex_actors.data.transforms.target import Target


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training samples, test samples, and what their numbers mean.

    Args:
        name: its name in reports.
        train: the samples to train on.
        test: the samples to test on; may be ``train`` itself if there are too few to split.
        classes: the name of every class, in the order of the labels; ``None`` for regression.
        feature_names: the name of every input column, for inputs of shape ``(samples, features)``, or ``None``.
        source: one line: where the data came from, and how they were scaled.
        validation: the samples to evaluate after every epoch, which are not trained on; None: the test samples are
            evaluated. See `with_validation`.
        preparation: what made the numbers of a table; ``learner.predict(data.preparation.inputs(table))`` takes raw
            rows. See `from_table`.

    Raises:
        DataError: training and test samples of different shapes, labels out of range, or names that do not fit.
        ConfigError: an argument of another kind.
    """

    name: str
    train: Samples
    test: Samples
    classes: tuple[str, ...] | None
    feature_names: tuple[str, ...] | None
    source: str
    validation: Samples | None = None
    preparation: Preparation | None = None

    def __post_init__(self) -> None:
        checks.keep(
            self,
            name=checks.text("name", self.name),
            train=checks.instance("train", self.train, Samples, "samples, such as Samples(inputs, targets)"),
            test=checks.instance("test", self.test, Samples, "samples, such as Samples(inputs, targets)"),
            classes=_names("classes", self.classes),
            feature_names=_names("feature_names", self.feature_names),
            source=checks.text("source", self.source),
        )
        if self.validation is not None:
            checks.instance("validation", self.validation, Samples, "samples, such as Samples(inputs, targets)")
        if self.preparation is not None:
            checks.instance("preparation", self.preparation, Preparation, "a preparation; Dataset.from_table makes one")
        for part, samples in (("train", self.train), ("test", self.test), ("validation", self.validation)):
            if samples is not None:
                _check_same_shapes(part, self.train, samples)
                _check_labels(part, samples.targets, self.classes)
        _check_names(self.feature_names, self.input_shape)

    def __repr__(self) -> str:
        task = "regression" if self.classes is None else counted(len(self.classes), "class")
        validation = "" if self.validation is None else f"validation {len(self.validation):,}, "
        return f"Dataset({shown(self.name)}, {self.train}, {validation}test {len(self.test):,}, {task})"

    @property
    def input_shape(self) -> Shape:
        """The shape of one input, without the sample axis, such as ``(64,)``."""
        return self.train.inputs.shape[1:]

    def with_validation(self, fraction: float, *, seed: int = 0) -> Dataset:
        """Return the same data set with a part of the training samples set apart for validation.

        Args:
            fraction: of the training samples, in (0, 1), stratified by class.
            seed: of the split, >= 0; the split depends on the seed and the labels alone.

        Raises:
            ConfigError: ``fraction`` or ``seed`` out of range.
            DataError: there is only one training sample, there are validation samples already, or the data are of a
                table: `from_table` sets them apart before transforms are fitted.
        """
        checks.real_number("fraction", fraction, above=0, below=1)
        if self.validation is not None:
            raise DataError(f"expected data without validation samples, got {len(self.validation)}; split them once")
        if self.preparation is not None:  # what is validated on would have shaped its transforms
            raise DataError(
                "expected the validation samples of a table to be set apart before its transforms are fitted, got "
                f"{self.name}; write Dataset.from_table(table, validation={fraction!r})"
            )
        labels = self.train.targets if self.classes else None
        rows = split_indices(len(self.train), labels, test_fraction=fraction, seed=seed, number=1)
        train, validation = (rows_of(self.train, part) for part in rows)
        test = train if self.test is self.train else self.test
        return replace(self, train=train, validation=validation, test=test)

    @classmethod
    def from_arrays(
        cls,
        inputs: ArrayLike | StoredInputs,
        targets: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        test_fraction: float = 0.2,
        seed: int = 0,
        name: str = "arrays",
        feature_names: Sequence[str] | None = None,
        source: str = "arrays in memory",
    ) -> Dataset:
        """Return a data set of your own arrays, split into training and test samples.

        Args:
            inputs: shape ``(samples, *input_shape)``; or what `open_array` returns, which stays in its file.
            targets: labels, text or integers of shape ``(samples,)`` or ``(samples, 1)``, whose distinct values,
                sorted, are the classes; or integers of shape ``(samples, classes)`` with a single 1 in each row; or,
                for regression, floats of shape ``(samples,)`` or ``(samples, outputs)``.
            sample_weight: what each sample counts in the cost; see `Samples`.
            test_fraction: the fraction to test on, in [0, 1), stratified by class; 0 tests on the training samples.
            seed: of the split, >= 0; the split depends on the seed and the labels alone.
            name: its name in reports.
            feature_names: a name for every column of ``inputs``.
            source: one line: where the data came from.

        Raises:
            DataError: see `Samples` and `Dataset`.
            ConfigError: ``test_fraction`` or ``seed`` out of range, or an argument of another kind.
        """
        given = as_array(targets, "targets")
        labels, classes = class_labels(flat_labels(given)) if is_labels(given) else (given, None)
        weights = None if sample_weight is None else as_array(sample_weight, "sample_weight")
        samples = Samples(as_inputs(inputs), labels, weights)
        rows = split_indices(len(samples), samples.targets if classes else None, test_fraction=test_fraction, seed=seed)
        train, test = (rows_of(samples, part) for part in rows)
        return cls(name, train, test, classes, _names("feature_names", feature_names), source)

    @classmethod
    def from_table(
        cls,
        table: Table | Any,
        *,
        label: Label = None,
        transforms: Mapping[str, str] | None = None,
        drop: Sequence[str] = (),
        task: str | None = None,
        test_fraction: float = 0.2,
        validation: float | None = None,
        group: str | None = None,
        time: str | None = None,
        split: str | None = None,
        seed: int = 0,
        name: str = "table",
        in_memory: bool = True,
    ) -> Dataset:
        """Return a data set of a table, divided into training and test samples, with columns of any kind made numbers.

        Transforms are fitted on the training rows alone, and kept as `preparation`. Amounts are standardised, too;
        ``preparation.amounts`` undoes that, and metrics are in the units of the table.

        Args:
            table: a sample a row: a table, such as ``read_table(path)``, or a data frame that `table_of` takes.
            label: the column to predict, by name or by index (negative from the end); the last by default. Several
                names, or a text of names with commas between them, are several amounts, or truth values as 0 and 1.
            transforms: of some columns, by name, such as ``{"age": "impute standardise", "id": "drop"}``; the others
                get what fits their kind. Several names with commas between them, which may have wildcards, are
                transformed together; see `Preparation.fit`. ``preparation.description`` says what was done.
            drop: names of columns to leave out.
            task: ``classification`` or ``regression``; by default what the kind of the label suggests.
            test_fraction: the fraction to test on, in [0, 1), stratified by class; 0 tests on the training samples.
            validation: the fraction of the training samples to set apart for validation, in (0, 1); None: none.
            group: the column that tells groups of rows, such as the pictures of a person; each is in one part only.
            time: the column by which rows are in order: the last are to test on, those before them for validation.
            split: the column that says ``train``, ``test`` or ``validation``. Of these three at most one is given.
            seed: of the split, >= 0; the split depends on the seed and the labels or groups alone.
            name: its name in reports.
            in_memory: whether the inputs are kept in memory; if not, they are written to a file in the user's cache,
                column by column, and read from there whenever they are used, with the same numbers.

        Raises:
            DataError: an unknown column, a missing label, cells that a transform cannot take, or nothing to learn from.
            ConfigError: an unknown transform or task, a setting out of range, or an argument of another kind.
        """
        table = as_table("table", table)
        division = Division(test_fraction, validation, group, time, split, seed)
        if len(table.names) < 2:
            raise DataError(
                "expected at least 2 columns (a feature and the label), got 1; add one, or separators between the cells"
            )
        labels = labels_named(table, label)
        left_out = {checks.text("drop", each): "as asked for" for each in checks.several("drop", drop, "names")}
        chosen = chosen_transforms(table, labels, transforms, left_out | division.columns)
        target = Target.fit(table, labels, np.arange(len(table)), task)
        classes = None if target.classes is None else target.encode(table)
        parts = division.parts(table, classes)
        target = Target.fit(table, labels, parts.train, task)
        collected = side_by_side if checks.boolean("in_memory", in_memory) else in_a_file
        preparation, inputs = prepare(table, target, parts.train, chosen, collected)
        targets = target.encode(table)

        def samples(rows: Array) -> Samples:
            return Samples(collected(preparation.inputs_by_column(table.rows(rows))), targets[rows])

        return cls(
            name,
            Samples(inputs, targets[parts.train]),
            samples(parts.test),
            preparation.classes,
            preparation.feature_names,
            f"{table.source}, target in column {listed(labels)}, {division.description}",
            None if parts.validation is None else samples(parts.validation),
            preparation,
        )


def _names(setting: str, names: Sequence[str] | None) -> tuple[str, ...] | None:
    if names is None:
        return None
    given = checks.several(setting, names, "a list of names")
    return tuple(checks.text(f"{setting}[{index}]", name) for index, name in enumerate(given))


def _check_same_shapes(part: str, train: Samples, test: Samples) -> None:
    for what, first, second in (("inputs", train.inputs, test.inputs), ("targets", train.targets, test.targets)):
        if first.shape[1:] != second.shape[1:]:
            raise DataError(
                f"expected training and {part} {what} of one shape apart from the number of samples, "
                f"got {first.shape} and {second.shape}; give both the same columns"
            )


def _check_labels(part: str, targets: Array, classes: tuple[str, ...] | None) -> None:
    if (targets.dtype == np.int64) != (classes is not None):
        wanted = (
            "numbers with decimals (regression)" if classes is None else f"labels of {counted(len(classes), 'class')}"
        )
        raise DataError(
            f"expected {part} targets to be {wanted}, got {targets.dtype}; convert them, or name the classes"
        )
    if classes is None:
        return
    bad = np.flatnonzero((targets < 0) | (targets >= len(classes)))
    if len(bad):
        raise DataError(
            f"expected {part} labels from 0 to {len(classes) - 1} ({counted(len(classes), 'class')}), "
            f"got {targets[bad[0]]} in row {bad[0]}; correct the label or name its class"
        )


def _check_names(names: tuple[str, ...] | None, input_shape: Shape) -> None:
    if names is not None and (len(names),) != input_shape:
        raise DataError(
            f"expected a name for each column of inputs {input_shape}, got {counted(len(names), 'name')}; name them all"
        )
