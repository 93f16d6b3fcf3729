"""Kernels that are torch's: products and convolutions on the CPU, on the same memory as NumPy's arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from annex_actors.base.types import Floats
from annex_actors.layers.torch_library import description, imported, one_thread
from annex_actors.layers.windows import Windows

_ALIGNMENT = 64
"""Bytes: torch aligns its own arrays to this, which is also the size of a cache line."""


@dataclass(frozen=True)
class TorchKernels:
    """Torch's products and convolutions; torch is imported with the first instance.

    Two things could change bits. Torch splits its work over several threads, whose number each calling thread sets for
    itself: so every call sets it to one, and back. And a product sums in another order if an array is not aligned:
    so an array that does not begin at a multiple of 64 bytes is copied first. Convolutions do not.

    Raises:
        ConfigError: torch is not installed.
    """

    name = "torch"

    def __post_init__(self) -> None:
        imported("kernels 'torch'")

    def __reduce__(self) -> tuple[type[TorchKernels], tuple[()]]:
        return TorchKernels, ()  # calls the constructor, so that unpickling imports torch before the first work arrives

    @property
    def description(self) -> str:
        """Version and vector instructions in use, such as ``torch 2.13.0 (AVX512)``."""
        return description()

    def product(self, left: Floats, right: Floats) -> Floats:
        """Return ``left @ right``."""
        with one_thread() as torch:
            result: Floats = torch.mm(_aligned(torch.from_numpy(left)), _aligned(torch.from_numpy(right))).numpy()
        return result

    def convolve(self, images: Floats, weight: Floats, bias: Floats, *, windows: Windows, groups: int) -> Floats:
        """Return the product of each window with each filter, plus the filter's bias."""
        with one_thread() as torch:
            given = _pixels_first(torch, windows.pad(images) if _is_lopsided(windows) else images)
            outputs = torch.nn.functional.conv2d(
                given, _filters_first(torch, weight), torch.from_numpy(bias), **_settings(windows), groups=groups
            )
            return _pixels_last(outputs)

    def convolution_input_gradient(
        self, grad_output: Floats, weight: Floats, *, windows: Windows, groups: int
    ) -> Floats:
        """Return dC/dimages, shape ``(samples, height, width, channels)``, from dC/doutputs."""
        size = windows.padded if _is_lopsided(windows) else windows.image
        with one_thread() as torch:
            gradient, filters = _pixels_first(torch, grad_output), _filters_first(torch, weight)
            shape = len(grad_output), weight.shape[2] * groups, *size
            images = torch.empty(shape, dtype=filters.dtype, memory_format=torch.channels_last)  # only its shape counts
            result = _backward(torch, gradient, images, filters, windows, groups)
            return np.ascontiguousarray(windows.inside(result)) if _is_lopsided(windows) else result

    def convolution_weight_gradient(
        self, images: Floats, grad_output: Floats, *, windows: Windows, groups: int
    ) -> Floats:
        """Return dC/dweight, shape ``(*kernel, channels / groups, filters)``, summed over the samples."""
        with one_thread() as torch:
            given = _pixels_first(torch, windows.pad(images) if _is_lopsided(windows) else images)
            shape = grad_output.shape[-1], images.shape[-1] // groups, *windows.kernel
            filters = torch.empty(shape, dtype=given.dtype)  # only its shape counts
            return _backward(torch, _pixels_first(torch, grad_output), given, filters, windows, groups, of_weight=True)


def _aligned(tensor: Any) -> Any:
    return tensor.clone() if tensor.data_ptr() % _ALIGNMENT else tensor


def _pixels_first(torch: Any, images: Floats) -> Any:
    """Return images as torch sees them, channels before pixels, on the same memory."""
    return torch.from_numpy(images).permute(0, 3, 1, 2)


def _pixels_last(images: Any) -> Floats:
    array: Floats = images.permute(0, 2, 3, 1).numpy()
    return np.ascontiguousarray(array)  # a copy in float64 only, where torch leaves the order that it was given


def _filters_first(torch: Any, weight: Floats) -> Any:
    return torch.from_numpy(weight).permute(3, 2, 0, 1)


def _is_lopsided(windows: Windows) -> bool:
    """Return whether the padding before and after differs, which torch does not know."""
    return windows.before != windows.after


def _settings(windows: Windows) -> dict[str, Any]:
    padding = (0, 0) if _is_lopsided(windows) else windows.before
    return {"stride": windows.stride, "padding": padding, "dilation": windows.dilation}


def _backward(
    torch: Any, gradient: Any, images: Any, filters: Any, windows: Windows, groups: int, *, of_weight: bool = False
) -> Floats:
    """Return the gradient with respect to the images, or to the weight."""
    results = torch.ops.aten.convolution_backward(
        gradient,
        images,
        filters,
        None,
        *_settings(windows).values(),
        False,  # not transposed
        (0, 0),
        groups,
        (not of_weight, of_weight, False),
    )
    if not of_weight:
        return _pixels_last(results[0])
    weight: Floats = results[1].permute(2, 3, 1, 0).numpy()
    return np.ascontiguousarray(weight)
