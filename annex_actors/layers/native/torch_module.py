"""A layer that computes with a module of torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import DType, Floats, Parameters, Shape
from annex_actors.layers import torch_library
from annex_actors.layers.layer import Factors, Saved
from annex_actors.layers.native.references import Factory, checked_factory, factory_in, file_and_name

NAME = "torch_module"
"""The layer's name in networks."""

_DEVICES = ("cpu", "cuda")


def torch_module(factory: Factory, *, device: str = "cpu") -> TorchModule:
    """Return a layer that computes with a torch module: any ``nn.Module`` of one input and one output.

    As text: ``torch_module:FILE.py:NAME``, where NAME is a class, a function or a module in a file of yours.

    Args:
        factory: a class or a function without arguments that returns the module, with a name in its file.
        device: "cpu", or "cuda": the first graphics processor.

    Raises:
        ConfigError: torch is not installed, there is no such device, or ``factory`` takes arguments or has no name.
    """
    return TorchModule(factory, device)


def named_module(file: str, name: str, device: str = "cpu") -> TorchModule:
    """Return a layer that computes with a torch module of a Python file of yours.

    ``torch_module:FILE.py:NAME``: samples have the shape that the module takes, outputs the one that it gives.

    Args:
        file: the file, which has run: the command line runs those that ``--layers`` names, and a file ``--load`` names.
        name: of a class or a function without arguments that returns the module, or of a module that is a template.
        device: see `torch_module`.

    Raises:
        ConfigError: there is no such file or name, or see `torch_module`.

    Source:
        Paszke et al. (2019), PyTorch: an imperative style, high-performance deep learning library.
    """
    return TorchModule(factory_in(checks.text("file", file), checks.text("name", name)), device)


@dataclass(frozen=True)
class TorchModule:
    """A layer that computes with a torch module; made by `torch_module`.

    Samples and outputs have the shapes that the module takes and returns, without its first axis, the batch. Its
    parameters and buffers have their names of the module's ``state_dict``; they are kept, updated, committed and saved
    like those of any other layer. The module is in training mode while the network trains, else in evaluation mode.

    Its random numbers depend on seed, layer, step and microbatch alone, in ``forward`` as when its weights are drawn.
    An operation of torch whose random numbers cannot be chosen so is refused. Those of ``numpy.random`` and ``random``
    cannot be seen here: a module must not draw from them, nor keep anything but parameters and buffers.

    Running statistics of batch and instance norm move by each microbatch's in order, as in torch. Other buffers that
    ``forward`` changes move by the sum of what each microbatch changed, since all of them meet the same.

    Raises:
        ConfigError: see `torch_module`.

    Source:
        Paszke et al. (2019), PyTorch: an imperative style, high-performance deep learning library.
    """

    factory: Factory
    device: str = "cpu"
    _program: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        torch = torch_library.imported("torch modules")
        checks.keep(self, factory=checked_factory(self.factory), device=_checked_device(torch, self.device))
        # Not at the top: it imports torch, which is an extra.
        from annex_actors.layers.native.program import Program

        object.__setattr__(self, "_program", Program(self.factory, self.device, self.spec()))

    def __reduce__(self) -> tuple[type[TorchModule], tuple[Factory, str]]:
        return TorchModule, (self.factory, self.device)

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return NAME

    def spec(self) -> str:
        """Return ``torch_module:FILE.py:NAME``, the file without its folder, and the device unless it is the CPU."""
        words = (self.name, *file_and_name(self.factory))
        return ":".join(words if self.device == "cpu" else (*words, f"device={self.device}"))

    @property
    def library(self) -> str:
        """Version of torch, and the instructions that it uses."""
        return torch_library.description()

    @property
    def mixes_rows(self) -> bool:
        """Whether there is a batch norm."""
        return bool(self._program.contents.mixes_rows)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of what the module returns for such a sample.

        Raises:
            ShapeError: the module does not take such samples, or returns something else than a row for each.
            ConfigError: its factory fails, or it does what a layer must not do.
        """
        shape: Shape = self._program.output_shape(input_shape)
        return shape

    def work(self, input_shape: Shape) -> int:
        """Return the multiplications of its products and convolutions, as torch counts them."""
        work: int = self._program.work(input_shape)
        return work

    def initial_parameters(self, input_shape: Shape, key: RandomKey, dtype: DType) -> Parameters:
        """Return the parameters of a new module, drawn for ``key`` as torch draws them."""
        parameters: Parameters = self._program.parameters(key, dtype)
        return parameters

    def initial_state(self, input_shape: Shape, dtype: DType) -> Parameters:
        """Return the buffers of a new module, and those of its parameters that need no gradient."""
        state: Parameters = self._program.state(dtype)
        return state

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return the module's outputs; save the graph that leads to them."""
        outputs: tuple[Floats, Saved] = self._program.forward(parameters, inputs, key)
        return outputs

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return dC/dinputs, and for each parameter its gradient, for each buffer its change, as arrays of one row.

        Factors are arrays, which may be stacked and outlive the microbatch; the graph cannot be one. So the gradients
        of the weights are computed here, in one pass with that of the inputs, and only their sum is left for later.
        """
        gradients: tuple[Floats | None, Factors] = self._program.backward(saved, grad_output, input_wanted)
        return gradients

    def weight_gradient(self, factors: Factors) -> dict[str, Floats]:
        """Return the sums of the microbatches' gradients."""
        gradients: dict[str, Floats] = self._program.weight_gradient(factors)
        return gradients

    def next_state(self, state: Parameters, factors: Sequence[Factors]) -> Parameters:
        """Return the buffers after these microbatches."""
        after: Parameters = self._program.next_state(state, factors)
        return after


def _checked_device(torch: Any, device: str) -> str:
    device = checks.text("device", device, wanted='"cpu" or "cuda"')
    if device not in _DEVICES:
        checks.unknown("device", device, _DEVICES)
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("expected a graphics processor for device 'cuda', got none; leave `device` out")
    return device
