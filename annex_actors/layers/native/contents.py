"""What a torch module keeps: its parameters and buffers by name, as arrays of ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from annex_actors.base.errors import ConfigError
from annex_actors.base.types import DType, Floats, Parameters, frozen

_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)

_NORMS = (*_BATCH_NORMS, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
"""Modules whose running statistics move by a share of each microbatch's, which they do not read while training."""


@dataclass(frozen=True)
class Contents:
    """The names of what a module keeps, which are those of its ``state_dict``.

    Args:
        parameters: what gradients change, in order.
        buffers: what no gradient changes, with its dtype in the module: all buffers. Here all of them have the dtype of
            the network.
        constants: parameters that need no gradient, likewise.
        momenta: the share of a microbatch in running statistics, by the name of the buffer.
        mixes_rows: whether there is a batch norm.
    """

    parameters: tuple[str, ...]
    buffers: Mapping[str, Any]
    constants: Mapping[str, Any]
    momenta: Mapping[str, float]
    mixes_rows: bool

    @classmethod
    def of(cls, module: Any, label: str) -> Contents:
        """Return the contents of a module.

        Raises:
            ConfigError: parameters that are no floating numbers or have no shape yet, or a batch norm without momentum.
        """
        parameters = dict(module.named_parameters())
        for name, each in parameters.items():
            if nn.parameter.is_lazy(each):
                raise ConfigError(
                    f"expected {label} to know the shape of its {name}, got a lazy module; give its sizes"
                )
            if each.requires_grad and not each.is_floating_point():
                raise ConfigError(f"expected {label} to have floating parameters, got {name} of {each.dtype}")
        return cls(
            tuple(name for name, each in parameters.items() if each.requires_grad),
            {name: each.dtype for name, each in module.named_buffers()},
            {name: each.dtype for name, each in parameters.items() if not each.requires_grad},
            dict(_momenta(module, label)),
            any(isinstance(each, _BATCH_NORMS) for each in module.modules()),
        )

    @property
    def state(self) -> Mapping[str, Any]:
        """The buffers and the constants."""
        return {**self.buffers, **self.constants}


def _momenta(module: Any, label: str) -> Iterator[tuple[str, float]]:
    for prefix, each in module.named_modules():
        kind = next((kind for kind in _NORMS if isinstance(each, kind)), None)
        if kind is None or type(each).forward is not kind.forward or each.running_mean is None:
            continue
        if each.momentum is None:
            raise ConfigError(
                f"expected the momentum of {label}'s {type(each).__name__} to be a number, got None; give it one"
            )
        for name in ("running_mean", "running_var"):
            yield f"{prefix}.{name}" if prefix else name, each.momentum


def arrays_of(tensors: Mapping[str, Any], dtype: DType, label: str) -> Parameters:
    """Return tensors as new read-only arrays.

    Raises:
        ConfigError: a tensor whose numbers ``dtype`` does not hold, such as complex ones, or too large an integer.
    """
    arrays: dict[str, Floats] = {}
    for name, tensor in tensors.items():
        own = tensor.detach().cpu().numpy()
        array = np.array(own, dtype, order="C") if own.dtype.kind in "biuf" else np.empty(0, dtype)
        if own.shape != array.shape or (own.dtype.kind in "biu" and (array.astype(own.dtype) != own).any()):
            raise ConfigError(
                f"expected the numbers of {label} to fit {dtype}, got {name} of {tensor.dtype}; "
                "make it again in `forward`, or keep it as a plain attribute"
            )
        arrays[name] = array
    return frozen(arrays)


def tensor_of(array: Floats, device: str, dtype: Any = None) -> Any:
    """Return a new tensor with an array's numbers: aligned, as torch's sums depend on that, and safe to write to."""
    tensor = torch.from_numpy(array)
    return tensor.to(device=device, dtype=dtype or tensor.dtype, copy=True)


def array_of(tensor: Any) -> Floats:
    """Return a tensor as a C-contiguous read-only array, without a copy where there need be none."""
    array: Floats = tensor.detach().cpu().contiguous().numpy()
    array.flags.writeable = False  # or a message would copy it, since torch owns its memory
    return array
