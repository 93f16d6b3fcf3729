"""Plan which neighbouring layers share a worker: exact for chains, a pure function of numbers.

Read `problem` (what is given), `stages` (what a stage costs), `formulas` (how long a step takes with each schedule) and
`search`: dynamic programming over the `ways` to place the last layers, pruned by bounds of what the layers before them
will cost (`ahead`) and of how many layers the stages before them can have (`reach`). Then `planned`: the best plan and
the reasons, which `texts` puts into sentences.

`placement.partition` solves a special case: one number for each layer, no hops, and the largest part as small as
possible. It stays, since with asynchronous schedules its placement decides bits, and shapes alone decide it.
"""

from annex_actors.placement.planner.planned import Planned, plan
from annex_actors.placement.planner.problem import Chain, LayerCosts, Link, Objective, Problem, Worker

__all__ = ["Chain", "LayerCosts", "Link", "Objective", "Planned", "Problem", "Worker", "plan"]
