"""Checkers for layers, costs, optimizers, transforms, schedules and runtimes: those of this package, and your own.

Each checker tests everything that the rest of the package relies on, and raises AssertionError with one line that says
what is wrong:

>>> from annex_actors.layers import dense
>>> check_layer(dense(3), input_shape=(4,))

Gradients are compared with central differences in float64, at random points, with a random cotangent. A function with
kinks passes as well: a random point hardly ever falls on one (if it does, take another seed).

Read `layers`, `stack_layers`, `costs`, `optimizers` and `transforms`, and `promises`, which they share; `disciplines`;
then `small_runs`, `runtime_work`, `runtime_faults`, `runtime_standstill` and `runtime_owner`, and `runtimes`, which
runs the checks of all four.
"""

from annex_actors.testing.costs import check_cost
from annex_actors.testing.disciplines import check_discipline
from annex_actors.testing.layers import check_layer
from annex_actors.testing.optimizers import check_optimizer
from annex_actors.testing.runtimes import check_runtime
from annex_actors.testing.stack_layers import check_stack_layer
from annex_actors.testing.transforms import check_transform

__all__ = [
    "check_cost",
    "check_discipline",
    "check_layer",
    "check_optimizer",
    "check_runtime",
    "check_stack_layer",
    "check_transform",
]
