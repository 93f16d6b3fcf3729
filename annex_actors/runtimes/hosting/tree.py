"""The supervision tree of a run: every child specification, and why it is as it is.

```
run (rest_for_one)
├── observers (one_for_one)
│   └── observer-0 …   progress, logs: temporary
├── layers (one_for_one unless told otherwise)
│   ├── stage-0   layer 0 dense:512
│   ├── stage-1   layer 1 relu
│   └── stage-n   cost
└── trainer
```

- **run** is rest_for_one: whoever stands to the right may rely on what stands to the left. It restarts the trainer,
  which is a peer like the layers, and never the layers' supervisor: when that gives up, the run has failed.
- **observers** come first, so that they see every start and every stop, and no restart of the trainer stops them. They
  and their supervisor are temporary: one that raises or is killed is gone, and nothing else notices.
- **layers** come up before the trainer feeds them, and are stopped after it.
- The **store** and the **registry** are tables without code that could fail, and outlive every actor of the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from annex_actors.protocol.messages import Address
from annex_actors.runtimes.program import Program, Supervision
from supervisors import ChildSpec, Hook, Registry, Restart, Strategy, Supervisor, SupervisorRef

LAYERS, OBSERVERS = "layers", "observers"


def start_tree(
    program: Program,
    peers: Mapping[Address, ChildSpec],
    observers: Sequence[ChildSpec],
    hooks: Sequence[Hook],
    registry: Registry,
) -> SupervisorRef:
    """Start the tree, from left to right, and return its root.

    Args:
        program: the run.
        peers: the specification of each of its peers.
        observers: theirs.
        hooks: told of every event in the tree, in this order, before a supervisor acts on it.
        registry: where the actors are found by their names.

    Raises:
        StartError: it does not come up.
    """
    limits = program.supervision
    layers = [peers[spec.address] for spec in program.stages]
    return Supervisor.start(
        [_observers(observers), _layers(layers, limits), peers[program.driver.address]],
        strategy=Strategy.REST_FOR_ONE,
        max_restarts=limits.max_restarts,
        max_seconds=limits.max_seconds,
        name="run",
        hooks=hooks,
        registry=registry,
    )


def _observers(children: Sequence[ChildSpec]) -> ChildSpec:
    return ChildSpec.of(
        Supervisor,
        children,
        strategy=Strategy.ONE_FOR_ONE,
        id=OBSERVERS,
        name=OBSERVERS,
        restart=Restart.TEMPORARY,
    )


def _layers(children: Sequence[ChildSpec], limits: Supervision) -> ChildSpec:
    return ChildSpec.of(
        Supervisor,
        children,
        strategy=limits.strategy,
        max_restarts=limits.max_restarts,
        max_seconds=limits.max_seconds,
        id=LAYERS,
        name=LAYERS,
        restart=Restart.TEMPORARY,
    )
