"""Data sets: where they come from, their samples (checked once, then read-only) and the order of the samples.

There are no actors or threads here. Start with `load`, which takes a name of the `catalog` or a path to your own
``.npz``, ``.csv``, ``.tsv`` or ``.jsonl`` file or folder of pictures, or with `Dataset.from_arrays`. `tables` reads and
describes tables of any columns, `transforms` makes numbers of them, and `Dataset.from_table` is their use. `sources`
leaves inputs that are larger than memory in their files: `open_array` is their use.
"""

from annex_actors.data.catalog import DATA, catalog, register_data
from annex_actors.data.dataset import Dataset
from annex_actors.data.entry import Entry, Suggestion
from annex_actors.data.images import read_images
from annex_actors.data.loading import load
from annex_actors.data.npz import read_npz
from annex_actors.data.order import Batches, microbatch_slices, sample_order
from annex_actors.data.samples import Samples
from annex_actors.data.sequences import read_sequences
from annex_actors.data.sources import open_array

__all__ = [
    "DATA",
    "Batches",
    "Dataset",
    "Entry",
    "Samples",
    "Suggestion",
    "catalog",
    "load",
    "microbatch_slices",
    "open_array",
    "read_images",
    "read_npz",
    "read_sequences",
    "register_data",
    "sample_order",
]
