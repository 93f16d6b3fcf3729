"""A torch module as pure functions of arrays: what computes a `TorchModule`.

The module itself holds no numbers here. Each call gives it the parameters and buffers that the stage has
(`torch.func.functional_call`), which is not safe on two threads at once: so each call takes a module that no other call
has, and gives it back. A call that never returns keeps its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.func import functional_call
from torch.utils.flop_counter import FlopCounterMode

from annex_actors.base.errors import ConfigError, ShapeError, UserError, message_of
from annex_actors.base.random_keys import RandomKey, Tag
from annex_actors.base.types import DType, Floats, Parameters, Shape, frozen
from annex_actors.layers.layer import Factors
from annex_actors.layers.native.contents import Contents, array_of, arrays_of, tensor_of
from annex_actors.layers.native.keyed import Keyed
from annex_actors.layers.torch_library import one_thread

_ROWS = 2
"""Samples to learn the shape of outputs from: with one, a batch norm would have no variance."""


class Saved(NamedTuple):
    """What a backward pass needs.

    Args:
        outputs: of the module, with the graph that leads to them.
        inputs: at the other end of the graph.
        weights: likewise, one for each parameter.
        updates: what the microbatch does to each buffer: an array with one row, or with none.
        has_drawn: whether random numbers were drawn.
    """

    outputs: Any
    inputs: Any
    weights: tuple[Any, ...]
    updates: Factors
    has_drawn: bool


@dataclass(eq=False)
class _Worker:
    """A module for one call at a time, and the weights that it last met, which all microbatches of a step share.

    Args:
        module: the module, without numbers.
        norms: the names of its norms with running statistics that have run in this call.
        arrays: the weights that it last met.
        weights: the same as tensors.
    """

    module: Any
    norms: list[str]
    arrays: tuple[Floats, ...] = ()
    weights: tuple[Any, ...] = ()

    def given(self, arrays: tuple[Floats, ...], device: str) -> tuple[Any, ...]:
        """Return the weights as tensors that gradients may be asked for."""
        if len(arrays) != len(self.arrays) or any(a is not b for a, b in zip(arrays, self.arrays, strict=True)):
            self.weights = tuple(tensor_of(each, device).requires_grad_() for each in arrays)
            self.arrays = arrays
        return self.weights


class Program:
    """The functions of a torch module.

    Args:
        factory: makes it.
        device: where it computes.
        label: of the layer, for errors.
    """

    def __init__(self, factory: Callable[[], Any], device: str, label: str) -> None:
        self._factory, self._device, self._label = factory, device, label
        self._free: dict[bool, list[_Worker]] = {True: [], False: []}  # by whether they train
        self._contents: Contents | None = None
        self._shapes: dict[Shape, Shape] = {}

    @property
    def contents(self) -> Contents:
        """What the module keeps."""
        if self._contents is None:
            self._contents = Contents.of(self._made(RandomKey(0)), self._label)
        return self._contents

    def parameters(self, key: RandomKey, dtype: DType) -> Parameters:
        """Return the parameters of a module made with the random numbers of ``key``."""
        made, names = dict(self._made(key).named_parameters()), self.contents.parameters
        if not set(names) <= made.keys():
            raise ConfigError(f"expected {self._label} to be the same module each time, got other parameters")
        return arrays_of({name: made[name] for name in names}, dtype, self._label)

    def state(self, dtype: DType) -> Parameters:
        """Return buffers and constants before training; those that are random are the same for all keys."""
        module = self._made(RandomKey(0))
        kept = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        return arrays_of({name: kept[name] for name in self.contents.state}, dtype, self._label)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one output sample; see `TorchModule.output_shape`."""
        if input_shape not in self._shapes:
            self._shapes[input_shape] = self._output_shape(input_shape)
        return self._shapes[input_shape]

    def work(self, input_shape: Shape) -> int:
        """Return the multiplications of a forward pass of one sample, as torch counts those of products."""
        with self._worker(training=False) as worker, FlopCounterMode(display=False) as counter:
            try:
                worker.module(torch.zeros((_ROWS, *input_shape), device="meta"))
            except Exception:  # noqa: BLE001 - a module may need numbers, and there are none on this device
                return sum(each.numel() for each in worker.module.parameters())
        return int(counter.get_total_flops()) // (2 * _ROWS)

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return the outputs, and what `backward` needs."""
        contents = self.contents
        state = {
            name: torch.zeros_like(each) if key and name in contents.momenta else each
            for name, each in self._state(parameters).items()
        }
        with _computing(), self._worker(training=key is not None) as worker:
            weights = worker.given(tuple(parameters[name] for name in contents.parameters), self._device)
            kept = {**dict(zip(contents.parameters, weights, strict=True)), **state}
            leaf = tensor_of(inputs, self._device).requires_grad_()
            with Keyed(self._label, key) as mode:
                # A clone, so that a module may write to what it is given.
                outputs = functional_call(worker.module, kept, (leaf.clone(),))
            self._check_unwritten(kept, weights)
            updates = tuple(self._updates(parameters, kept, worker.norms))
            return array_of(outputs), Saved(outputs, leaf, weights, updates, mode.has_drawn)

    def backward(self, saved: Saved, grad_output: Floats, input_wanted: bool) -> tuple[Floats | None, Factors]:
        """Return dC/dinputs, and a factor of one row for each parameter and each buffer."""
        wanted = (*saved.weights, *([saved.inputs] if input_wanted else []))
        mode = Keyed(self._label, None, when="going backward") if saved.has_drawn else nullcontext()
        with _computing(), mode:
            gradients = self._gradients(saved, wanted, tensor_of(grad_output, self._device))
        grad_input = gradients[-1] if input_wanted else None
        rows = tuple(each[np.newaxis] for each in gradients[: len(saved.weights)])
        return grad_input, (*rows, *saved.updates)

    def weight_gradient(self, factors: Factors) -> dict[str, Floats]:
        """Return the sums of the microbatches' gradients, in their order."""
        return {
            name: np.asarray(rows.sum(axis=0)) for name, rows in zip(self.contents.parameters, factors, strict=False)
        }

    def next_state(self, state: Parameters, factors: Sequence[Factors]) -> Parameters:
        """Return the state after these microbatches, in order."""
        after = {name: array.copy() for name, array in state.items()}
        for own in factors:
            for name, update in zip(self.contents.buffers, own[len(self.contents.parameters) :], strict=True):
                for each in update:  # one, or none
                    after[name] *= 1 - self.contents.momenta.get(name, 0)
                    after[name] += each
        return frozen(after)

    def _gradients(self, saved: Saved, wanted: tuple[Any, ...], grad_output: Any) -> list[Floats]:
        if not wanted:
            return []
        if not saved.outputs.requires_grad:  # they depend on nothing
            return [array_of(torch.zeros_like(each)) for each in wanted]
        # The graph is kept until the stage drops what was saved, so that the same call gives the same again.
        gradients = torch.autograd.grad(saved.outputs, wanted, grad_output, retain_graph=True, materialize_grads=True)
        return [array_of(each) for each in gradients]

    def _state(self, parameters: Parameters) -> dict[str, Any]:
        return {
            name: tensor_of(parameters[name], self._device, None if dtype.is_floating_point else dtype)
            for name, dtype in self.contents.state.items()
        }

    def _updates(self, before: Parameters, after: dict[str, Any], norms: list[str]) -> Iterator[Floats]:
        """Yield what a microbatch adds to each buffer, beginning from zeros where it is a running statistic."""
        for name in self.contents.buffers:
            old, new = before[name], array_of(after[name]).astype(before[name].dtype)
            if name in self.contents.momenta:
                yield new[np.newaxis][: norms.count(name.rpartition(".")[0])]
            else:  # compared by value: not every operation of torch says that it has changed a tensor
                yield (new - old)[np.newaxis] if (new != old).any() else np.empty((0, *old.shape), old.dtype)

    def _check_unwritten(self, kept: dict[str, Any], weights: tuple[Any, ...]) -> None:
        for name, each in zip(self.contents.parameters, weights, strict=True):
            if kept[name] is not each or each._version:
                raise ConfigError(_written(self._label, name))

    def _output_shape(self, input_shape: Shape) -> Shape:
        _ = self.contents  # or a module without shapes would be refused for what it does instead
        for device in ("meta", "cpu"):
            try:
                predicted, trained = (self._tried(input_shape, device, training=each) for each in (False, True))
                break
            except UserError:
                raise
            except Exception as error:
                if device == "cpu":
                    got = f"{type(error).__name__}: {message_of(error)}"
                    raise ShapeError(f"expected {self._label} to take samples {input_shape}, got {got}") from error
        if predicted != trained:
            got = f"{trained} while training, {predicted} when predicting"
            raise ShapeError(f"expected {self._label} to return outputs of one shape, got {got}")
        return predicted

    def _tried(self, input_shape: Shape, device: str, *, training: bool) -> Shape:
        """Return the shape of an output for zeros, on the device ``meta``, where there are only shapes, or another."""
        key, inputs = RandomKey(0) if training else None, torch.zeros((_ROWS, *input_shape), device=device)
        with self._worker(training=training) as worker:
            module = worker.module if device == "meta" else self._made(RandomKey(0)).train(training)
            parameters = dict(module.named_parameters())
            before = [each._version for each in parameters.values()]
            with _computing(), torch.no_grad(), Keyed(self._label, key):
                outputs = module(inputs)
            for (name, each), version in zip(parameters.items(), before, strict=True):
                if each._version != version:
                    raise ConfigError(_written(self._label, name))
            if len(worker.norms) > len(set(worker.norms)):
                norm = f"{self._label} to run its norm {max(worker.norms, key=worker.norms.count)} once"
                raise ConfigError(f"expected {norm} for each sample, got more; make two of it")
        return self._checked(outputs)

    def _checked(self, outputs: Any) -> Shape:
        wanted = "a float tensor with a row for each sample"
        if not isinstance(outputs, torch.Tensor):
            got = f"a {type(outputs).__name__}; return one of its parts"
            raise ShapeError(f"expected {self._label} to return {wanted}, got {got}")
        if outputs.dtype != torch.float32 or outputs.shape[:1] != (_ROWS,):
            raise ShapeError(
                f"expected {self._label} to return {wanted}, got {tuple(outputs.shape)} of {outputs.dtype}"
            )
        return tuple(outputs.shape[1:])

    def _made(self, key: RandomKey) -> Any:
        """Return a new module, made with the random numbers of ``key``."""
        with _computing(), Keyed(self._label, key, Tag.INITIAL_WEIGHTS):
            try:
                module = self._factory()
            except UserError:
                raise
            except Exception as error:
                got = f"{type(error).__name__}: {message_of(error)}"
                raise ConfigError(f"expected {self._label} to make a module, got {got}") from error
        if not isinstance(module, nn.Module):
            raise ConfigError(f"expected {self._label} to make a torch.nn.Module, got a {type(module).__name__}")
        return module

    @contextmanager
    def _worker(self, *, training: bool) -> Iterator[_Worker]:
        """Yield a module that no other call has; one that fails in the block is not used again."""
        try:
            worker = self._free[training].pop()
        except IndexError:
            worker = self._new_worker(training)
        worker.norms.clear()
        yield worker
        self._free[training].append(worker)

    def _new_worker(self, training: bool) -> _Worker:
        norms: list[str] = []
        module = _emptied(self._made(RandomKey(0)).train(training))
        for name, each in module.named_modules():
            if f"{name}.running_mean".removeprefix(".") in self.contents.momenta:
                each.register_forward_hook(lambda *_, own=name: norms.append(own))
        return _Worker(module, norms)


def _emptied(module: Any) -> Any:
    """Return a module whose parameters and buffers have shapes, but no numbers."""
    tied: dict[int, Any] = {}  # a parameter that two modules share stays one
    for each in module.modules():
        for name, parameter in list(each._parameters.items()):
            if parameter is not None:
                empty = nn.Parameter(torch.empty_like(parameter, device="meta"), parameter.requires_grad)
                setattr(each, name, tied.setdefault(id(parameter), empty))
        for name, buffer in list(each._buffers.items()):
            if buffer is not None:
                setattr(each, name, tied.setdefault(id(buffer), torch.empty_like(buffer, device="meta")))
    return module


@contextmanager
def _computing() -> Iterator[None]:
    """Compute on one thread, and record what gradients need, whatever the caller has turned off."""
    with one_thread(), torch.inference_mode(False), torch.enable_grad():
        yield


def _written(label: str, name: str) -> str:
    return (
        f"expected {label} to leave its parameters alone in `forward`, got a changed {name}; an optimizer changes them"
    )
