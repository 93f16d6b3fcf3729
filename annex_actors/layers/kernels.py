"""Kernels: the library that computes the matrix products of the layers with weights.

NumPy is the default. Torch works on the same memory; which of the two is faster depends on the processor and the
shapes. They round differently, so the choice is part of the layer, and is recorded with a run.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

import numpy as np

from annex_actors.base import checks
from annex_actors.base.tables import Table
from annex_actors.base.types import Floats
from annex_actors.layers.torch_kernels import TorchKernels
from annex_actors.layers.windows import Windows


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
class Convolves(Protocol):
    """Kernels that compute convolutions, too; with other kernels, layers make them of products.

    The promise of `Kernels.product` holds for all three results: new C-contiguous arrays, which the caller may
    overwrite, of bits that depend on the numbers only.
    """

    def convolve(self, images: Floats, weight: Floats, bias: Floats, *, windows: Windows, groups: int) -> Floats:
        """Return the product of each window with each filter, plus the filter's bias.

        Args:
            images: shape ``(samples, height, width, channels)``, C-contiguous.
            weight: shape ``(*kernel, channels / groups, filters)``, C-contiguous.
            bias: shape ``(filters,)``.
            windows: of the images.
            groups: into how many parts the channels and the filters are cut; a part's filters look at its channels.

        Returns:
            Shape ``(samples, *windows.counts, filters)``.
        """

    def convolution_input_gradient(
        self, grad_output: Floats, weight: Floats, *, windows: Windows, groups: int
    ) -> Floats:
        """Return dC/dimages, shape ``(samples, height, width, channels)``, from dC/doutputs."""

    def convolution_weight_gradient(
        self, images: Floats, grad_output: Floats, *, windows: Windows, groups: int
    ) -> Floats:
        """Return dC/dweight, shape ``(*kernel, channels / groups, filters)``, summed over the samples."""


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
