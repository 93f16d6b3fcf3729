"""The supervision tree of a run: every child specification, with the reasons.

```
run (rest_for_one)
├── observers (one_for_one)
│   └── observer-0 …   progress, logs: temporary
├── layers (one_for_one unless told otherwise)
│   ├── stage-0   layer 0 dense:512
│   ├── stage-1   layer 1 relu
│   └── stage-n   cost
├── inputs (one_for_one), where inputs stay in files
│   └── reader
└── trainer
```

- **run** is rest_for_one: each child may rely on the children to its left. It restarts the trainer, which is a peer
  like the layers, but never the supervisor of the layers: when that gives up, the run has failed.
- **observers** come first, so that they see every start and every stop, and no restart of the trainer stops them. They
  and their supervisor are temporary: one that raises or is killed is gone, and nothing else is affected.
- **layers** start before the trainer feeds them, and stop after it.
- **inputs** has a supervisor of its own, so that a reader is restarted without the layers or the trainer.
- The **store** and the **registry** are tables without code that could fail, and outlive every actor of the run.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from annex_actors.protocol.messages import Address
from annex_actors.runtimes.program import Program, Supervision
from supervisors import ChildSpec, Hook, Registry, Restart, Strategy, Supervisor, SupervisorRef

ROOT, LAYERS, OBSERVERS, INPUTS = "run", "layers", "observers", "inputs"

REPORTS = "annex_actors.supervisors"
"""The logger of a run's tree. Its reports are not printed unless the program asks for them, as `logging.basicConfig`
does: what ends a run is raised to its owner, and what did not end it is counted in the result and shown to observers.
Trees of the program's own report to the logger ``supervisors`` as ever."""

logging.getLogger(REPORTS).addHandler(logging.NullHandler())


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
        observers: the specifications of its observers.
        hooks: called in this order with every event in the tree, before the supervisor acts on it.
        registry: where the actors are found by name.

    Raises:
        StartError: a child does not start.
    """
    limits = program.supervision
    layers = [peers[spec.address] for spec in program.stages]
    inputs = [] if program.reader is None else [_inputs(peers[program.reader.address], limits)]
    return Supervisor.start(
        [_observers(observers), _layers(layers, limits), *inputs, peers[program.driver.address]],
        strategy=Strategy.REST_FOR_ONE,
        max_restarts=limits.max_restarts,
        max_seconds=limits.max_seconds,
        name=ROOT,
        hooks=hooks,
        registry=registry,
        logger=REPORTS,
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


def _inputs(reader: ChildSpec, limits: Supervision) -> ChildSpec:
    return ChildSpec.of(
        Supervisor,
        [reader],
        strategy=Strategy.ONE_FOR_ONE,
        max_restarts=limits.max_restarts,
        max_seconds=limits.max_seconds,
        id=INPUTS,
        name=INPUTS,
        restart=Restart.TEMPORARY,
    )
