"""The matrix product as a seam: by whom the layers with weights have their products computed.

NumPy's product is the default. That of torch works on the same memory; which of the two is faster depends on the
processor and on the shapes. They round differently, so the choice belongs to the layer, and to the record of a run.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from annex_actors.base.errors import ConfigError
from annex_actors.base.tables import Table
from annex_actors.base.types import Floats

_ALIGNMENT = 64
"""Bytes: where torch lets its own arrays begin, and a cache line."""


@runtime_checkable
class Kernels(Hashable, Protocol):
    """Computes matrix products; a value without state, which can be compared, hashed and pickled."""

    @property
    def name(self) -> str:
        """The name by which `kernels` finds them, such as ``torch``."""

    @property
    def description(self) -> str:
        """Name, version, and what else the bits of a product depend on."""

    def product(self, left: Floats, right: Floats) -> Floats:
        """Return ``left @ right``: a new C-contiguous array, the caller's to overwrite.

        Its bits depend on the numbers and on how they are laid out: neither on the thread that asks, nor on where in
        memory the numbers happen to be.

        Args:
            left: shape ``(rows, inner)``, C-contiguous or the transpose of an array that is; may be read-only.
            right: shape ``(inner, columns)``, likewise, of the same dtype.
        """


@runtime_checkable
class UsesKernels(Protocol):
    """A layer that computes matrix products through this seam, such as `Dense`, or one of your own."""

    def with_kernels(self, kernels: Kernels) -> Self:
        """Return the same layer with these kernels."""


@dataclass(frozen=True)
class NumpyKernels:
    """The product of the BLAS that NumPy comes with."""

    name = "numpy"
    description = f"numpy {np.__version__}"

    def product(self, left: Floats, right: Floats) -> Floats:
        """Return ``left @ right``."""
        result: Floats = left @ right
        return result


@dataclass(frozen=True)
class TorchKernels:
    """The product of torch on the CPU, of the same arrays; torch is imported when the first of these is made.

    Two things must not change bits. Its library splits a product over a number of threads that belongs to the thread
    that asks, and that no other can set: so every product sets it to one, and back. And it adds up in another order
    where an array begins in the middle of a vector register: so what does not begin at a multiple of 64 bytes is copied
    to where it does.

    Raises:
        ConfigError: torch is not installed.
    """

    name = "torch"

    def __post_init__(self) -> None:
        try:
            import torch
        except ImportError as error:
            raise ConfigError(
                "expected torch for kernels 'torch', got none; pip install annex-actors[torch]"
            ) from error
        read_only = np.empty(0, np.float32)
        read_only.flags.writeable = False
        with warnings.catch_warnings():
            # Once in a process torch warns of a read-only array, such as all of a layer's are; nobody writes to them.
            warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
            torch.from_numpy(read_only)

    def __reduce__(self) -> tuple[type[TorchKernels], tuple[()]]:
        return TorchKernels, ()  # by name, so that a process that unpickles it imports torch before there is work

    @property
    def description(self) -> str:
        """Version, and the vector instructions in use: ``torch 2.13.0 (AVX512)``."""
        import torch

        return f"torch {torch.__version__} ({torch.backends.cpu.get_cpu_capability()})"

    def product(self, left: Floats, right: Floats) -> Floats:
        """Return ``left @ right``."""
        import torch

        threads = torch.get_num_threads()
        if threads == 1:
            return _product(torch, left, right)
        torch.set_num_threads(1)
        try:
            return _product(torch, left, right)
        finally:
            torch.set_num_threads(threads)


NUMPY: Kernels = NumpyKernels()
"""What a layer uses unless it is told otherwise."""

KERNELS: Table[Callable[[], Kernels]] = Table("kernels", {"numpy": NumpyKernels, "torch": TorchKernels})
"""The kernels by name."""


def kernels(name: str) -> Kernels:
    """Return the kernels of that name: numpy or torch.

    Raises:
        ConfigError: there are none of this name, or what they need is not installed.
    """
    return KERNELS.find(name)()


def _product(torch: Any, left: Floats, right: Floats) -> Floats:
    result: Floats = torch.mm(_aligned(torch.from_numpy(left)), _aligned(torch.from_numpy(right))).numpy()
    return result


def _aligned(tensor: Any) -> Any:
    return tensor.clone() if tensor.data_ptr() % _ALIGNMENT else tensor
