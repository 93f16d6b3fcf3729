"""Kernels: the library that computes the matrix products of the layers with weights.

NumPy is the default. Torch works on the same memory; which of the two is faster depends on the processor and the
shapes. They round differently, so the choice is part of the layer, and is recorded with a run.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.tables import Table
from annex_actors.base.types import Floats

_ALIGNMENT = 64
"""Bytes: torch aligns its own arrays to this, which is also the size of a cache line."""


@runtime_checkable
class Kernels(Hashable, Protocol):
    """A library that computes matrix products, as a stateless value that can be compared, hashed and pickled."""

    @property
    def name(self) -> str:
        """Name by which `kernels` finds them, such as ``torch``."""

    @property
    def description(self) -> str:
        """Name, version, and anything else that the bits of a product depend on."""

    def product(self, left: Floats, right: Floats) -> Floats:
        """Return ``left @ right``: a new C-contiguous array, which the caller may overwrite.

        Its bits depend on the numbers and their layout (C order or transposed) only: neither on the calling thread nor
        on the arrays' addresses in memory.

        Args:
            left: shape ``(rows, inner)``, C-contiguous or the transpose of a C-contiguous array; may be read-only.
            right: shape ``(inner, columns)``, likewise, of the same dtype.
        """


@runtime_checkable
class UsesKernels(Protocol):
    """A layer that lets kernels compute its matrix products, such as `Dense`."""

    def with_kernels(self, kernels: Kernels) -> Self:
        """Return the same layer with these kernels."""


@dataclass(frozen=True)
class NumpyKernels:
    """NumPy's matrix product, computed by the BLAS library that NumPy comes with."""

    name = "numpy"
    description = f"numpy {np.__version__}"

    def product(self, left: Floats, right: Floats) -> Floats:
        """Return ``left @ right``."""
        result: Floats = left @ right
        return result


@dataclass(frozen=True)
class TorchKernels:
    """Torch's matrix product on the CPU, on the same memory; torch is imported with the first instance.

    Two things could change bits. Torch splits a product over several threads, whose number each calling thread sets for
    itself: so every product sets it to one, and back. And torch sums in another order if an array is not aligned: so
    an array that does not begin at a multiple of 64 bytes is copied first.

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
            # Torch warns of a read-only array once per process. All arrays here are read-only, and none is written to.
            warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
            torch.from_numpy(read_only)

    def __reduce__(self) -> tuple[type[TorchKernels], tuple[()]]:
        return TorchKernels, ()  # calls the constructor, so that unpickling imports torch before the first work arrives

    @property
    def description(self) -> str:
        """Version and vector instructions in use, such as ``torch 2.13.0 (AVX512)``."""
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
"""The default kernels."""

KERNELS: Table[Callable[[], Kernels]] = Table("kernels", {"numpy": NumpyKernels, "torch": TorchKernels})
"""The kernels by name."""


def kernels(kernels: str | Kernels) -> Kernels:
    """Return the kernels of this name, numpy or torch, or the kernels themselves.

    Raises:
        ConfigError: there are no kernels of this name, or torch is not installed; or something that is no kernels.
    """
    if isinstance(kernels, str):
        return KERNELS.find(kernels)()
    return checks.instance("kernels", kernels, Kernels, 'a name such as "numpy", or kernels such as NumpyKernels()')


def _product(torch: Any, left: Floats, right: Floats) -> Floats:
    result: Floats = torch.mm(_aligned(torch.from_numpy(left)), _aligned(torch.from_numpy(right))).numpy()
    return result


def _aligned(tensor: Any) -> Any:
    return tensor.clone() if tensor.data_ptr() % _ALIGNMENT else tensor
