"""Inputs that stay in files, and are read row by row: for data larger than memory.

`stored` has what takes the place of an array, `StoredInputs`, and the protocol of what it reads from; `array_file` and
`pictures` are such sources. Only inputs stay in files: targets, weights and the order of the samples, a few numbers for
each sample, are in memory.
"""

from annex_actors.data.sources.array_file import open_array
from annex_actors.data.sources.stored import Source, StoredInputs

__all__ = ["Source", "StoredInputs", "open_array"]
