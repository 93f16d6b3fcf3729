"""What a network is trained on: samples, and data sets of training and test samples.

Every array is checked here once, and is then read-only. Data that cannot be trained on never reach an actor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from annex_actors.base import checks
from annex_actors.base.errors import DataError
from annex_actors.base.shown import shown
from annex_actors.base.types import Array, Floats, Shape
from annex_actors.base.words import counted
from annex_actors.data.arrays import as_array, finite_floats, integers, sample_weights
from annex_actors.data.labels import class_labels, flat_labels, is_labels
from annex_actors.data.order import sample_order
from annex_actors.data.sources.stored import StoredInputs, as_inputs, checked_inputs, selected
from annex_actors.data.split import split_indices
from annex_actors.data.tables.columns import Table
from annex_actors.data.transforms.preparation import Preparation, labels_of, prepare


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs and their targets, row by row; C-contiguous and read-only.

    Args:
        inputs: finite numbers, shape ``(samples, *input_shape)``; kept as float32. Those of `open_array` stay in their
            file: they have a shape, and ``inputs[rows]`` reads some of them.
        targets: class labels, integers of shape ``(samples,)``, kept as int64; or, for regression, numbers of shape
            ``(samples,)`` or ``(samples, outputs)``, kept as float32.
        sample_weight: what each sample counts in the cost, >= 0, shape ``(samples,)``, kept as float64; costs are means
            over these weights, so only their ratios matter. None: all count the same.

    Raises:
        DataError: no samples; inputs and targets of different lengths; a wrong shape or type, or a number that is not
            finite. Rows and columns in the message count from 0.
    """

    inputs: Floats
    targets: Array
    sample_weight: Floats | None = None

    def __post_init__(self) -> None:
        inputs, targets = as_inputs(self.inputs), as_array(self.targets, "targets")
        _check_shapes(inputs, targets)
        labels = targets.dtype.kind in "biu"
        object.__setattr__(self, "inputs", checked_inputs(inputs))
        object.__setattr__(self, "targets", integers(targets) if labels else finite_floats(targets, "targets"))
        if self.sample_weight is not None:
            given = as_array(self.sample_weight, "sample_weight")
            object.__setattr__(self, "sample_weight", sample_weights(given, len(inputs)))

    def __len__(self) -> int:
        return len(self.inputs)

    def __repr__(self) -> str:
        kind = "labels" if self.targets.dtype == np.int64 else "targets"
        what = f"{kind} of shape {self.targets.shape[1:]}{', weighted' if self.sample_weight is not None else ''}"
        return f"Samples({len(self):,} of shape {self.inputs.shape[1:]}, {what})"

    def randomize(self, *, seed: int = 0) -> Samples:
        """Return the samples in a random order, a function of the seed; a training draws one for each epoch itself.

        Args:
            seed: >= 0.

        Raises:
            ConfigError: ``seed`` is not such an integer.
        """
        return _rows(self, sample_order(len(self), checks.whole_number("seed", seed, at_least=0, below=2**64), 0))

    def split(self, fraction: float, *, seed: int = 0) -> tuple[Samples, Samples]:
        """Return two random parts, each in the order of the samples; labels are stratified, so each class is in both.

        Args:
            fraction: of the samples in the first part, in (0, 1); each part has at least one.
            seed: >= 0; the parts depend on the seed and the labels alone.

        Raises:
            ConfigError: ``fraction`` or ``seed`` out of range.
            DataError: there is only one sample.
        """
        checks.real_number("fraction", fraction, above=0, below=1)
        labels = self.targets if self.targets.dtype == np.int64 else None
        rest, first = split_indices(len(self), labels, test_fraction=fraction, seed=seed, number=2)
        return _rows(self, first), _rows(self, rest)


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
            DataError: there is only one training sample; or there are validation samples already.
        """
        checks.real_number("fraction", fraction, above=0, below=1)
        if self.validation is not None:
            raise DataError(f"expected data without validation samples, got {len(self.validation)}; split them once")
        labels = self.train.targets if self.classes else None
        rows = split_indices(len(self.train), labels, test_fraction=fraction, seed=seed, number=1)
        train, validation = (_rows(self.train, part) for part in rows)
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
        train, test = (_rows(samples, part) for part in rows)
        return cls(name, train, test, classes, _names("feature_names", feature_names), source)

    @classmethod
    def from_table(
        cls,
        table: Table,
        *,
        label: str | None = None,
        transforms: Mapping[str, str] | None = None,
        task: str | None = None,
        test_fraction: float = 0.2,
        seed: int = 0,
        name: str = "table",
    ) -> Dataset:
        """Return a data set of a table, split into training and test samples, with columns of any kind made numbers.

        Transforms are fitted on the training rows alone, and kept as `preparation`. Amounts are standardised, too;
        ``preparation.amounts`` undoes that.

        Args:
            table: a sample a row.
            label: the name of the column to predict; the last column by default.
            transforms: of some columns, by name, such as ``{"age": "impute standardise", "id": "drop"}``; the others
                get what fits their kind. ``preparation.description`` says what was done.
            task: ``classification`` or ``regression``; by default what the kind of the label suggests.
            test_fraction: the fraction to test on, in [0, 1), stratified by class; 0 tests on the training samples.
            seed: of the split, >= 0; the split depends on the seed and the labels alone.
            name: its name in reports.

        Raises:
            DataError: an unknown column, a missing label, cells that a transform cannot take, or nothing to learn from.
            ConfigError: an unknown transform or task, a setting out of range, or an argument of another kind.
        """
        labels = labels_of(table, label, task)
        train, test = split_indices(len(table), labels, test_fraction=test_fraction, seed=seed)
        preparation, inputs = prepare(table, label=label, transforms=transforms, rows=train, task=task)
        targets = preparation.targets(table)
        tested = Samples(preparation.inputs(table.rows(test)), targets[test])
        return cls(
            name,
            Samples(inputs, targets[train]),
            tested,
            preparation.classes,
            preparation.feature_names,
            table.source,
            preparation=preparation,
        )


def _rows(samples: Samples, indices: Array) -> Samples:
    weights = None if samples.sample_weight is None else samples.sample_weight[indices]
    return Samples(selected(samples.inputs, indices), samples.targets[indices], weights)


def _names(setting: str, names: Sequence[str] | None) -> tuple[str, ...] | None:
    if names is None:
        return None
    given = checks.several(setting, names, "a list of names")
    return tuple(checks.text(f"{setting}[{index}]", name) for index, name in enumerate(given))


def _check_shapes(inputs: Array, targets: Array) -> None:
    if inputs.ndim < 2 or 0 in inputs.shape[1:]:
        raise DataError(
            f"expected inputs of shape (samples, features, ...), got {inputs.shape}; give every sample a row of numbers"
        )
    if is_labels(targets) and targets.ndim != 1:
        raise DataError(f"expected labels of shape (samples,), got {targets.shape}; give every sample one label")
    if targets.ndim not in (1, 2) or 0 in targets.shape[1:]:
        raise DataError(
            f"expected targets of shape (samples,) or (samples, outputs), got {targets.shape}; reshape them"
        )
    if len(inputs) != len(targets):
        raise DataError(
            f"expected a target for each of {counted(len(inputs), 'input')}, got {len(targets)}; drop the odd rows"
        )
    if len(inputs) == 0:
        raise DataError("expected at least 1 sample, got 0; check that the file or the selection is not empty")


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
