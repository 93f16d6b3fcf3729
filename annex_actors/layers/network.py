"""A network: a sequence of layers, checked as a whole before anything starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, ShapeError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.shown import shown
from annex_actors.base.types import DType, Parameters, Shape
from annex_actors.base.words import counted
from annex_actors.layers.kernels import Kernels, UsesKernels
from annex_actors.layers.kernels import kernels as kernels_of
from annex_actors.layers.layer import FollowedBy, Layer, Rectifies, Stateful, Weighted
from annex_actors.layers.stack import AnyLayer, ChangesMask, StackLayer, UsesMask, shapes_after
from annex_actors.layers.tuning import UNTUNED, Tuning

_LAYERS = 2**20
"""Layers that `repeat` makes at most: each becomes an actor."""

_MADE_BY = "make layers with dense(...), activation(...), dropout(...), flatten()"


@dataclass(frozen=True)
class Network:
    """Layers in the order in which a sample passes through them; made by `sequence` or `parse_layers`.

    Args:
        layers: at least one.
        tuning: how each layer learns; empty where all of them learn alike.

    Raises:
        ConfigError: there are no layers, something is not a layer, or there are settings for more or fewer layers.
    """

    layers: tuple[AnyLayer, ...]
    tuning: tuple[Tuning, ...] = ()

    def __post_init__(self) -> None:
        layers = checks.several("layers", self.layers, f"a tuple of layers, {_MADE_BY}")
        for index, layer in enumerate(layers):
            _check_layer(f"`layers[{index}]`", layer, "a layer")
        if not layers:
            raise ConfigError("expected `layers` to have at least one layer, got none")
        checks.keep(self, layers=layers, tuning=_checked_tuning(self.tuning, len(layers)))

    def __repr__(self) -> str:
        return f"parse_layers({shown(self.spec())})"

    def shapes(self, input_shape: Shape) -> tuple[Shape, ...]:
        """Return the shapes of one sample before, between and after the layers: ``len(layers) + 1`` shapes.

        Between a fork and its join the shape is that of the activation, not of the skipped array.

        Raises:
            ConfigError: not the shape of a sample.
            ShapeError: two neighbours do not fit, or a fork is never joined; the message names the layers and shapes.
        """
        stacks = self._stacks(input_shape)
        if len(stacks[-1]) > 1:
            got = f"{counted(len(stacks[-1]), 'array')} after {self._label(len(stacks) - 2)}"
            raise ShapeError(f"expected as many joins as forks, got {got}; join them")
        return tuple(stack[0] for stack in stacks)

    def stacks(self, input_shape: Shape) -> tuple[tuple[Shape, ...], ...]:
        """Return the shapes of all arrays of a sample before, between and after the layers, the activation's first.

        Raises:
            UserError: see `shapes`.
        """
        self.shapes(input_shape)
        return tuple(self._stacks(input_shape))

    def initial_parameters(self, input_shape: Shape, *, seed: int, dtype: DType) -> tuple[Parameters, ...]:
        """Return the parameters of every layer before training; random ones depend on the seed and the layer's index.

        Args:
            input_shape: the shape of one input sample.
            seed: the run's seed.
            dtype: float32 or float64.

        Raises:
            ConfigError: an argument of another kind or out of range, or weights that do not fit in memory.
            ShapeError: two neighbours do not fit.
        """
        dtype, shapes = checks.floating("dtype", dtype), self.shapes(input_shape)
        keys = [RandomKey(seed, layer=index) for index in range(len(self.layers))]
        parameters: list[Parameters] = []
        for layer, shape, key in zip(self.layers, shapes, keys, strict=False):
            try:
                own = layer.initial_parameters(shape, key, dtype) if isinstance(layer, Weighted) else {}
            except MemoryError as error:
                label = self._label(key.layer)
                raise ConfigError(
                    f"expected weights that fit in memory, got {label}: {error}; make it smaller"
                ) from None
            parameters.append(own)
        return tuple(parameters)

    def initial_states(self, input_shape: Shape, *, dtype: DType) -> tuple[Parameters, ...]:
        """Return the state of every layer before training (`Stateful`), empty for others; see `initial_parameters`."""
        dtype = checks.floating("dtype", dtype)
        return tuple(
            layer.initial_state(shape, dtype) if isinstance(layer, Stateful) else {}
            for layer, shape in zip(self.layers, self.shapes(input_shape), strict=False)
        )

    def spec(self) -> str:
        """Return the network's text, such as ``dense:128 relu dropout:0.1 dense:10``, for `parse_layers`."""
        layers = zip(self.layers, self.tunings, strict=True)
        return " ".join(_enclosed(tuning, group) for tuning, group in groupby(layers, key=lambda each: each[1]))

    @property
    def tunings(self) -> tuple[Tuning, ...]:
        """How each layer learns."""
        return self.tuning or (UNTUNED,) * len(self.layers)

    @property
    def first_learner(self) -> int:
        """The index of the first layer that learns, or keeps statistics; below it no gradient is needed.

        0 where no layer does.
        """
        learners = (
            index
            for index, (layer, tuning) in enumerate(zip(self.layers, self.tunings, strict=True))
            if isinstance(layer, Weighted | Stateful) and not tuning.frozen
        )
        return next(learners, 0)

    def with_kernels(self, kernels: str | Kernels) -> Network:
        """Return the same network with these kernels in every layer that uses kernels.

        Raises:
            ConfigError: something that is no kernels.
        """
        kernels = kernels_of(kernels)
        return Network(
            tuple(layer.with_kernels(kernels) if isinstance(layer, UsesKernels) else layer for layer in self.layers),
            self.tuning,
        )

    def _stacks(self, input_shape: Shape) -> list[tuple[Shape, ...]]:
        stacks: list[tuple[Shape, ...]] = [
            (checks.sizes("input_shape", input_shape, "the shape of a sample, such as (784,)"),)
        ]
        for index, layer in enumerate(self.layers):
            try:
                stacks.append(shapes_after(layer, stacks[-1]))
            except ShapeError as error:
                before = self._label(index - 1) if index else "the data"
                raise ShapeError(
                    f"{self._label(index)} does not fit {before}, which gives samples of shape {stacks[-1][0]}: {error}"
                ) from error
        return stacks

    def _label(self, index: int) -> str:
        return f"layer {index} ({self.layers[index].spec()})"


def sequence(*layers: AnyLayer | Network) -> Network:
    """Return the network of these layers; a network among them stands for its layers.

    A layer whose initial weights depend on the next activation (`FollowedBy`) learns here which one it is, and a layer
    that leaves out padding (`UsesMask`) whether there is a mask.

    Raises:
        ConfigError: there are no layers, or something is not a layer.
    """
    tuned = tuple(_flattened(layers))
    if not tuned:
        raise ConfigError("expected `sequence` to have at least one layer, got none")
    untuned, tuning = zip(*tuned, strict=True)
    flat = tuple(_with_masks(untuned))
    return Network(tuple(_with_next_activation(layer, flat[index + 1 :]) for index, layer in enumerate(flat)), tuning)


def repeat(times: int, *layers: AnyLayer | Network) -> Network:
    """Return the layers several times in a row, each time with weights of their own.

    As text: ``"repeat:3( dense:64 relu )"``.

    Args:
        times: how often, >= 1.
        layers: at least one.

    Raises:
        ConfigError: ``times`` is out of range, there are no layers, or something is not a layer.
    """
    times = checks.whole_number("times", times, at_least=1, limit=_LAYERS)
    if not layers:
        raise ConfigError("expected `repeat` to have at least one layer, got none")
    once = sequence(*layers)
    if times * len(once.layers) > _LAYERS:
        most, got = counted(_LAYERS, "layer"), counted(times * len(once.layers), "layer")
        raise ConfigError(f"expected at most {most}, got {got}; repeat fewer times")
    return sequence(*[once] * times)


def _flattened(layers: Iterable[AnyLayer | Network]) -> Iterator[tuple[AnyLayer, Tuning]]:
    for position, layer in enumerate(layers):
        if isinstance(layer, Network):
            yield from zip(layer.layers, layer.tunings, strict=True)
        else:
            yield _check_layer(f"argument {position} of `sequence`", layer, "a layer or a network"), UNTUNED


def _checked_tuning(tuning: Sequence[Tuning], layers: int) -> tuple[Tuning, ...]:
    checked = checks.elements("tuning", tuning, Tuning, "settings of a layer such as Tuning(frozen=True)")
    if checked and len(checked) != layers:
        raise ConfigError(f"expected `tuning` of {counted(layers, 'layer')}, got {len(checked)}; leave out none")
    return checked if any(each != UNTUNED for each in checked) else ()


def _enclosed(tuning: Tuning, group: Iterable[tuple[AnyLayer, Tuning]]) -> str:
    """Return the text of neighbours that learn alike, within the words that say how."""
    opened = "".join(f"{word}( " for word in tuning.words)
    return opened + " ".join(layer.spec() for layer, _ in group) + " )" * len(tuning.words)


def _check_layer(place: str, layer: AnyLayer, wanted: str) -> AnyLayer:
    if isinstance(layer, Layer | StackLayer) and not isinstance(layer, type):
        return layer
    raise ConfigError(f"expected {place} to be {wanted}, got {shown(layer)}; {_MADE_BY}")


def _with_masks(layers: Iterable[AnyLayer]) -> Iterator[AnyLayer]:
    is_masked = False
    for layer in layers:
        if isinstance(layer, ChangesMask):
            is_masked = layer.gives_mask
        yield layer.with_mask(is_masked) if isinstance(layer, UsesMask) else layer


def _with_next_activation(layer: AnyLayer, following: Sequence[AnyLayer]) -> AnyLayer:
    """Return ``layer``; a `FollowedBy` learns which activation comes before the next weights."""
    if not isinstance(layer, FollowedBy):
        return layer
    after = next((each for each in following if isinstance(each, Weighted | Rectifies)), None)
    return layer.followed_by(after if isinstance(after, Rectifies) else None)
