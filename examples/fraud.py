"""Find sites that are phishing, and the few intrusions among connections, beside scikit-learn's models."""

import warnings

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import recall_score, roc_auc_score
from sklearn.neural_network import MLPClassifier

from annex_actors import Adam, Learner, load, parse_layers
from annex_actors.base.types import Array

warnings.simplefilter("ignore", ConvergenceWarning)  # after the 200 epochs that are the default


def report(name: str, targets: Array, score: Array) -> None:
    """Print the area under the ROC curve, and how many of the frauds are found."""
    found = recall_score(targets, score > 0)
    print(f"  {name:<28}ROC AUC {roc_auc_score(targets, score):.3f}, found {found:.3f}")


for data, layers, rate, epochs in (
    ("phishing", "dense:32 relu dense:2", 0.005, 40),
    ("intrusions", "dense:64 relu dense:2", 0.003, 20),
):
    dataset = load(data)
    train, test = dataset.train, dataset.test
    print(f"{data}: {np.mean(test.targets):.1%} of {len(test)} are {(dataset.classes or ())[1]}")
    for weights in (None, "balanced"):
        learner = Learner(parse_layers(layers), optimizer=Adam(learning_rate=rate), class_weight=weights)
        learner.train(dataset, epochs=epochs, batch_size=32)
        outputs = learner.predict(test.inputs)
        title = f"annex-actors{', balanced' if weights else ''}"
        report(title, test.targets, outputs[:, 1] - outputs[:, 0])
    rivals = {
        "MLPClassifier": MLPClassifier(random_state=0),
        "gradient boosting, balanced": HistGradientBoostingClassifier(class_weight="balanced", random_state=0),
    }
    for name, model in rivals.items():
        model.fit(train.inputs, train.targets)
        report(name, test.targets, model.predict_proba(test.inputs)[:, 1] - 0.5)
