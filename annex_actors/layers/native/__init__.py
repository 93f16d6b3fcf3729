"""Native code: layers that compute with modules of torch, an extra; nothing here imports torch before it is used.

1. `references`: what makes a module, by name, so that a layer holds no weights and can be pickled;
2. `keyed`: random numbers that depend on a key;
3. `contents`: the parameters and buffers of a module, as arrays;
4. `program`: a module as pure functions;
5. `torch_module`: the layer;
6. `texts`: the files that a network's text names;
7. `conversion`, with `from_modules`, `to_modules`, `equivalents` and `branched`: networks from torch and to torch.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from annex_actors.layers.layer import Layer
from annex_actors.layers.native.conversion import Trained, from_torch, to_torch
from annex_actors.layers.native.texts import files_in
from annex_actors.layers.native.torch_module import NAME, TorchModule, named_module, torch_module

NATIVE_LAYERS: Mapping[str, Callable[..., Layer]] = MappingProxyType({NAME: named_module})
"""The constructors of the layers by name."""

__all__ = [
    "NATIVE_LAYERS",
    "TorchModule",
    "Trained",
    "files_in",
    "from_torch",
    "named_module",
    "to_torch",
    "torch_module",
]
