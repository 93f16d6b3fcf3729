"""Begin a training with given weights, such as those of another one, instead of drawn ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from difflib import SequenceMatcher

import numpy as np
from numpy.typing import ArrayLike

from annex_actors.base.errors import ConfigError, DataError, ShapeError
from annex_actors.base.shown import shown
from annex_actors.base.types import Array, Floats
from annex_actors.base.words import counted
from annex_actors.data.arrays import as_array
from annex_actors.layers import Network
from annex_actors.optimizers import Optimizer
from annex_actors.peers.stage_state import LayerState
from annex_actors.protocol.messages import freeze
from annex_actors.training.checkpoint import Checkpoint


def with_weights(
    initial: Checkpoint,
    weights: Mapping[str, ArrayLike],
    network: Network,
    optimizer: Optimizer,
    *,
    setting: str = "initial_weights",
) -> Checkpoint:
    """Return a network before its first step with these weights, fresh optimizer slots, and their fingerprint.

    Args:
        initial: the network with drawn weights.
        weights: the weights and state of all layers, named as in `Checkpoint.weights`; kept as float32.
        network: its layers.
        optimizer: makes the slots.
        setting: what the weights are called where they were given, for the error.

    Raises:
        ConfigError: ``weights`` are not arrays by name.
        ShapeError: a layer has other weights; the message names it, and what may be the right ones under another name.
        DataError: weights that are not finite numbers.
    """
    if not isinstance(weights, Mapping) or not all(isinstance(name, str) for name in weights):
        raise ConfigError(
            f"expected `{setting}` to be arrays by name, such as learner.checkpoint.weights, got {shown(weights)}"
        )
    arrays = {name: as_array(array, f"initial weights {name}") for name, array in weights.items()}
    layers, unclaimed = [], {name: array for name, array in arrays.items() if name not in initial.weights}
    for index, (layer, drawn) in enumerate(zip(network.layers, initial.layers, strict=True)):
        given = _of_layer(f"layer {index} ({layer.spec()})", f"{index}.", arrays, drawn.weights, unclaimed)
        parameters = {name: given[name] for name in drawn.parameters}
        state = {name: given[name] for name in drawn.state}
        slots = {} if network.tunings[index].frozen else optimizer.initial_state(parameters)
        layers.append(LayerState(parameters, slots, state))
    if arrays:
        raise ShapeError(
            f"expected initial weights of {counted(len(layers), 'layer')}, got {min(arrays)} too; "
            "give the network the layers that they are of"
        )
    begun = replace(initial, layers=tuple(layers))
    identity = initial.identity and initial.identity.beginning_with(begun.weights_sha256)
    return replace(begun, identity=identity)


def _of_layer(
    label: str, prefix: str, arrays: dict[str, Array], drawn: Mapping[str, Floats], unclaimed: Mapping[str, Array]
) -> dict[str, Floats]:
    """Take the weights of a layer out of ``arrays``, and return them in the shapes and dtypes of the drawn ones."""
    names = [name for name in arrays if name.startswith(prefix)]
    given = {name.removeprefix(prefix): arrays.pop(name) for name in names}
    for name in sorted(drawn.keys() | given.keys()):
        expected, got = (_shape(each.get(name)) for each in (drawn, given))
        if expected != got:
            raise ShapeError(
                f"expected initial weights that fit {label}: {name} {expected}, got {got}; "
                f"{_cure(prefix, name, drawn, given, unclaimed)}"
            )
    return {name: _numbers(f"{label}: {name}", given[name], own) for name, own in drawn.items()}


def _cure(
    prefix: str, name: str, drawn: Mapping[str, Floats], given: Mapping[str, Array], unclaimed: Mapping[str, Array]
) -> str:
    """Return what to do about a weight that is missing, too much, or of another shape."""
    if name not in given:
        like = [each for each, array in unclaimed.items() if array.shape == drawn[name].shape]
        if like:
            return f"rename {_closest(prefix + name, like)}, which has this shape, to {prefix}{name}"
    elif name not in drawn:
        like = [each for each, array in drawn.items() if each not in given and array.shape == given[name].shape]
        if like:
            return f"rename it to {prefix}{_closest(name, like)}, which has this shape and is missing"
    elif given[name].shape == drawn[name].shape[::-1]:
        return "transpose it: a row is an input"
    return "give the network the layers that they are of"


def _closest(name: str, names: list[str]) -> str:
    return max(names, key=lambda each: SequenceMatcher(None, name, each).ratio())


def _shape(array: Array | None) -> str:
    return "none" if array is None else f"of shape {array.shape}"


def _numbers(what: str, array: Array, own: Floats) -> Floats:
    if array.dtype.kind not in "biuf":
        raise DataError(f"expected initial weights of {what} to be numbers, got an array of {array.dtype}")
    with np.errstate(over="ignore"):  # what overflows is reported below
        numbers = array.astype(own.dtype, order="C")
    if not np.isfinite(numbers).all() and np.isfinite(own).all():
        raise DataError(f"expected initial weights of {what} to be finite in {own.dtype}, got NaN or infinity")
    return freeze(numbers)
