"""Neural networks whose layers are supervised actors.

Every layer is an actor that exchanges activation and gradient messages with its neighbours, shares nothing, and lives
under a tree of supervisors. The weights are the same to the last bit on every runtime, whatever crashes during the run.

>>> from annex_actors import Learner, activation, dense, load, sequence
>>> learner = Learner(sequence(dense(8), activation("tanh"), dense(2)), microbatches=1, seed=1)
>>> result = learner.train(load("xor"), epochs=300, batch_size=4)
>>> result.test_accuracy
1.0

What to read next: `layers` (the mathematics), `protocol` and `peers` (messages and the stages that exchange them: the
idea), `runtimes` (hosts and the supervision tree), `training` (the learner), `cli`; and `supervisors`, a separate
package.
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
    # `public` is imported when a name in it is first used: `annex-actors --help` uses none, and so stays fast.
    if name in _MODULES or (name.startswith("__") and name not in ("__all__", "__version__")):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import annex_actors.public as public

    return getattr(public, name)
