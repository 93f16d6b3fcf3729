"""Neural networks whose layers are supervised actors.

Every layer is an actor that exchanges activation and gradient messages with its neighbours, shares nothing, and lives
under a tree of supervisors. The weights are the same to the last bit on every runtime, and whatever crashes on the way.

>>> from annex_actors import Learner, activation, dense, load, sequence
>>> learner = Learner(sequence(dense(8), activation("tanh"), dense(2)), microbatches=1, seed=1)
>>> result = learner.train(load("xor"), epochs=300, batch_size=4)
>>> result.test_accuracy
1.0

Where to read on: `layers` (the mathematics), `protocol` (messages, mailbox, stage: the idea), `runtimes` (hosts and the
supervision tree), `training` (trainer and learner), `cli`; and `supervisors`, a package of its own.
"""

from __future__ import annotations

import os
import pkgutil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from annex_actors.public import *  # noqa: F403
    from annex_actors.public import __version__ as __version__

_MODULES = {module.name for module in pkgutil.iter_modules([os.path.dirname(__file__)])}


def __getattr__(name: str) -> Any:
    # The names of `public` are imported when the first is asked for: `annex-actors --help` asks for none.
    if name in _MODULES or (name.startswith("__") and name not in ("__all__", "__version__")):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import annex_actors.public as public

    return getattr(public, name)
