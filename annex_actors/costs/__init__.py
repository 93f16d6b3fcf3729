"""Costs: what training minimizes; ``README.md`` beside this file says which there are.

Read the modules in this order:

1. `cost`: the protocol `Cost`, which has four members;
2. `encoding`: labels and targets, checked and converted to the form that costs take;
3. `arithmetic`: what several costs compute with, such as sums of rows that have weights;
4. `mean_squared_error`, `softmax_cross_entropy` and so on: a cost each;
5. `table`: the costs by name, and as text.
"""

from annex_actors.costs.arithmetic import scaled
from annex_actors.costs.cosine_similarity import CosineSimilarity
from annex_actors.costs.cost import Cost, check_takes_weights, takes_weights
from annex_actors.costs.focal import Focal
from annex_actors.costs.hinge import Hinge
from annex_actors.costs.huber import Huber
from annex_actors.costs.kl_divergence import KlDivergence
from annex_actors.costs.mean_absolute_error import MeanAbsoluteError
from annex_actors.costs.mean_squared_error import MeanSquaredError
from annex_actors.costs.poisson import Poisson
from annex_actors.costs.sigmoid_cross_entropy import SigmoidCrossEntropy
from annex_actors.costs.softmax_cross_entropy import SoftmaxCrossEntropy
from annex_actors.costs.table import COSTS, cost, register_cost, spec_of

__all__ = [
    "COSTS",
    "CosineSimilarity",
    "Cost",
    "Focal",
    "Hinge",
    "Huber",
    "KlDivergence",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Poisson",
    "SigmoidCrossEntropy",
    "SoftmaxCrossEntropy",
    "check_takes_weights",
    "cost",
    "register_cost",
    "scaled",
    "spec_of",
    "takes_weights",
]
