"""Choose loans, of which a bad one costs five times what a good one earns, beside scikit-learn's models."""

import warnings

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from sklearn.neural_network import MLPClassifier

from annex_actors import Adam, Learner, load, parse_layers
from annex_actors.base.types import Array

COSTS = {"bad": 5, "good": 1}  # of taking one for the other, as the publication of the data says
warnings.simplefilter("ignore", ConvergenceWarning)  # after the 200 epochs that are the default


def report(name: str, targets: Array, score: Array) -> None:
    """Print the area under the ROC curve, and what a wrong answer costs on average."""
    wrong = (score > 0) != (targets == 1)
    cost = np.mean(wrong * np.where(targets == 0, COSTS["bad"], COSTS["good"]))
    print(f"{name:<30}ROC AUC {roc_auc_score(targets, score):.3f}, cost of a loan {cost:.3f}")


credit = load("german-credit")
train, test = credit.train, credit.test
report("a loan for everybody", test.targets, np.ones(len(test)))
for costs in (None, COSTS):
    learner = Learner(
        parse_layers("dense:64 relu dropout:0.5 dense:2"), optimizer=Adam(learning_rate=0.001), class_weight=costs
    )
    learner.train(credit, epochs=30, batch_size=32)
    outputs = learner.predict(test.inputs)
    report(f"annex-actors{', with costs' if costs else ''}", test.targets, outputs[:, 1] - outputs[:, 0])
weights = np.where(train.targets == 0, COSTS["bad"], COSTS["good"])
rivals = {
    "MLPClassifier": MLPClassifier(random_state=0),
    "gradient boosting": HistGradientBoostingClassifier(random_state=0),
}
for name, model in rivals.items():
    for sample_weight in (None, weights):
        model.fit(train.inputs, train.targets, sample_weight=sample_weight)
        title = f"{name}{'' if sample_weight is None else ', with costs'}"
        report(title, test.targets, model.predict_proba(test.inputs)[:, 1] - 0.5)
