"""Data sets: samples checked once and read-only, their order, and where they come from. Pure: no actors, no threads.

Start with `load`: a name of the `catalog`, or a path to your own ``.npz`` or ``.csv``; or with `Dataset.from_arrays`.
"""

from annex_actors.data.catalog import Entry, Suggestion, catalog, load
from annex_actors.data.dataset import Dataset, Samples
from annex_actors.data.npz import read_npz
from annex_actors.data.order import Batches, microbatch_slices, sample_order
from annex_actors.data.table import read_csv

__all__ = [
    "Batches",
    "Dataset",
    "Entry",
    "Samples",
    "Suggestion",
    "catalog",
    "load",
    "microbatch_slices",
    "read_csv",
    "read_npz",
    "sample_order",
]
