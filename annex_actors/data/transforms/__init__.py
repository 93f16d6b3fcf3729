"""Transforms: from the cells of a table, of any kind, to the numbers that a network takes.

Each is fitted on training rows only, and is a pure function afterwards. Read the modules in this order:

1. `block`: columns of one kind, side by side, which pass from one transform to the next;
2. `transform`: the protocol `Transform`, which has four members;
3. `scaling`, `imputing`, `categories`, `dates`, `texts`: the transforms;
4. `table`: the transforms by name, and chains of them as text;
5. `fitted`: the transforms of a column, or of several together, and what they learned; `choices`, which columns a text
   names; `defaults`, the transforms of a column of which nothing was said;
6. `target`: the label's column; `preparation`: all columns together; `files`, how they are saved; `preview`, what they
   would be.
"""

from annex_actors.data.transforms.block import Block
from annex_actors.data.transforms.fitted import Fitted, fit
from annex_actors.data.transforms.preparation import Preparation
from annex_actors.data.transforms.table import TRANSFORMS, parse_transforms, register_transform, text_of
from annex_actors.data.transforms.target import Target
from annex_actors.data.transforms.transform import OutOfFold, State, Transform

__all__ = [
    "TRANSFORMS",
    "Block",
    "Fitted",
    "OutOfFold",
    "Preparation",
    "State",
    "Target",
    "Transform",
    "fit",
    "parse_transforms",
    "register_transform",
    "text_of",
]
