"""The environment of a run: another version or kernel may round differently."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import version

from annex_actors.layers import NUMPY, AnyLayer, Kernels, UsesLibrary
from annex_actors.runtimes.blas import blas_description

PACKAGES = ("annex-actors", "numpy", "scipy", "pykka")
"""The distributions that a run's bits may depend on."""


def environment(kernels: Kernels = NUMPY, layers: Iterable[AnyLayer] = ()) -> dict[str, str]:
    """Return by name: the versions in use, the platform, the BLAS libraries with their kernels, and ``kernels``.

    And the libraries of those ``layers`` that have their own.
    """
    libraries = sorted({layer.library for layer in layers if isinstance(layer, UsesLibrary)})
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        **{name: version(name) for name in PACKAGES},
        "blas": blas_description(),
        "kernels": kernels.description,
        **({"layers": ", ".join(libraries)} if libraries else {}),
    }
