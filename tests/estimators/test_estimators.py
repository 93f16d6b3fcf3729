"""The estimators in the hands of scikit-learn: settings, weights, several targets, searches, pickles."""

from __future__ import annotations

import gc
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine, make_multilabel_classification
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from annex_actors import AnnexError, Learner, ThreadsRuntime
from annex_actors.base.types import Array
from annex_actors.estimators import ActorClassifier, ActorRegressor
from tests.leaks import nothing_left

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def iris() -> tuple[Array, Array]:
    inputs, labels = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(inputs), labels


def numbers(outputs: int = 1) -> tuple[Array, Array]:
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(80, 3))
    targets = inputs @ generator.normal(size=(3, outputs))
    return inputs, targets[:, 0] if outputs == 1 else targets


def small(**settings: Any) -> Any:
    return ActorClassifier(**{"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0, **settings})


def same_weights(one: Any, other: Any) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one.coefs_, other.coefs_, strict=True))


def test_the_settings_of_scikit_learn_have_the_same_names_order_and_defaults() -> None:
    for own, theirs in ((ActorClassifier(), MLPClassifier()), (ActorRegressor(), MLPRegressor())):
        expected = {name: value for name, value in theirs.get_params().items() if name != "loss"}
        got = own.get_params()
        assert {name: got[name] for name in expected} == expected


@pytest.mark.parametrize("setting", [{"solver": "lbfgs"}, {"max_fun": 10}, {"shuffle": False}, {"activation": "no"}])
def test_what_has_no_meaning_here_is_refused_in_one_line(setting: dict[str, Any]) -> None:
    with pytest.raises(AnnexError) as caught:
        small(**setting).fit(*iris())
    assert next(iter(setting)) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("load", [load_wine, load_breast_cancer, load_digits])
def test_the_accuracy_is_that_of_scikit_learn_with_the_same_settings(load: Any) -> None:
    inputs, labels = load(return_X_y=True)
    means = []
    for kind in (MLPClassifier, ActorClassifier):
        scores = []
        for seed in range(3):
            parts = train_test_split(inputs, labels, random_state=seed, stratify=labels)
            settings: Any = {"max_iter": 60, "learning_rate_init": 0.005, "random_state": seed}
            network = make_pipeline(StandardScaler(), kind((32,), **settings)).fit(parts[0], parts[2])
            scores.append(network.score(parts[1], parts[3]))
        means.append(np.mean(scores))
    assert abs(means[0] - means[1]) <= 0.02


def test_the_attributes_are_those_of_scikit_learn() -> None:
    own, theirs = small().fit(*iris()), MLPClassifier((8,), max_iter=5, random_state=0).fit(*iris())
    names = ("n_iter_", "n_layers_", "n_outputs_", "out_activation_", "t_", "n_features_in_", "validation_scores_")
    assert {name: getattr(own, name) for name in names} == {name: getattr(theirs, name) for name in names}
    assert [each.shape for each in own.coefs_] == [each.shape for each in theirs.coefs_]
    assert [each.shape for each in own.intercepts_] == [each.shape for each in theirs.intercepts_]
    assert len(own.loss_curve_) == 5
    assert own.loss_ == own.loss_curve_[-1] == own.best_loss_
    assert list(own.classes_) == [0, 1, 2]


def test_before_fit_there_are_no_weights() -> None:
    assert not hasattr(small(), "coefs_")
    with pytest.raises(NotFittedError):
        small().predict([[0.0]])


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_the_first_step_is_that_of_scikit_learn_from_the_same_weights(solver: str) -> None:
    inputs, targets = numbers(2)
    settings: Any = {"hidden_layer_sizes": (4,), "solver": solver, "alpha": 0.5, "batch_size": 80}
    own = ActorRegressor(**settings, max_iter=1, random_state=0, warm_start=True).fit(inputs, targets)
    theirs = MLPRegressor(**settings, max_iter=1, random_state=0, warm_start=True).fit(inputs, targets)
    for mine, given in zip([*theirs.coefs_, *theirs.intercepts_], [*own.coefs_, *own.intercepts_], strict=True):
        mine[:] = given
    own.fit(inputs, targets)
    theirs.fit(inputs, targets)
    for mine, other in zip([*own.coefs_, *own.intercepts_], [*theirs.coefs_, *theirs.intercepts_], strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("runtime", ["threads", "schedulers", ThreadsRuntime()])
def test_every_runtime_and_number_of_actors_gives_the_same_weights(runtime: Any) -> None:
    expected = small().fit(*iris())
    with nothing_left():
        assert same_weights(small(runtime=runtime).fit(*iris()), expected)
    assert same_weights(small(runtime=runtime, stages=2).fit(*iris()), expected)


def test_layers_as_text_stand_before_the_outputs() -> None:
    network = small(layers="dense:6 tanh dropout:0.1 dense:5 relu").fit(*iris())
    assert [each.shape for each in network.coefs_] == [(4, 6), (6, 5), (5, 3)]


def test_partial_fit_makes_the_steps_of_fit_if_each_epoch_is_a_batch() -> None:
    inputs, targets = numbers()
    settings: Any = {"hidden_layer_sizes": (4,), "random_state": 0, "batch_size": 80}
    whole = ActorRegressor(**settings, max_iter=4).fit(inputs, targets)
    parts = ActorRegressor(**settings)
    for _ in range(4):
        parts.partial_fit(inputs, targets)
    assert parts.n_iter_ == 4
    for mine, other in zip(parts.coefs_, whole.coefs_, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-12)  # the order within the batch differs


def test_partial_fit_takes_classes_that_come_later() -> None:
    inputs, labels = iris()
    network = small().partial_fit(inputs[:60], labels[:60], classes=[0, 1, 2])
    assert network.predict_proba(inputs).shape == (150, 3)
    with pytest.raises(AnnexError, match="got 7"):
        network.partial_fit(inputs[:1], [7])


def test_partial_fit_refuses_another_solver_than_before() -> None:
    network = small().partial_fit(*iris(), classes=[0, 1, 2])
    with pytest.raises(AnnexError, match="call fit"):
        network.set_params(solver="sgd").partial_fit(*iris())


def test_a_warm_start_begins_with_the_weights_and_a_cold_one_does_not() -> None:
    network = small(warm_start=True).fit(*iris())
    first = network.loss_
    assert network.fit(*iris()).loss_curve_[5] < first
    assert len(network.loss_curve_) == 10
    assert same_weights(small().fit(*iris()), small().fit(*iris()).fit(*iris()))


def test_early_stopping_scores_samples_that_are_set_apart() -> None:
    network = small(early_stopping=True, max_iter=200, learning_rate_init=0.05).fit(*iris())
    assert network.n_iter_ < 200
    assert len(network.validation_scores_) == network.n_iter_
    assert network.best_validation_score_ == max(network.validation_scores_) > 0.8
    assert network.best_loss_ is None


def test_an_adaptive_learning_rate_ends_the_training_when_it_is_tiny() -> None:
    settings: Any = {"solver": "sgd", "learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 1}
    assert small(**settings, max_iter=100).fit(*iris()).n_iter_ < 30


def test_inverse_scaling_trains() -> None:
    network = small(solver="sgd", learning_rate="invscaling", learning_rate_init=0.5, max_iter=20).fit(*iris())
    assert network.loss_ < network.loss_curve_[0]


def test_class_weights_are_the_weights_of_their_samples() -> None:
    inputs, labels = iris()
    weights = np.where(labels == 2, 3.0, 1.0)
    by_class = small(class_weight={2: 3.0}).fit(inputs, labels)
    assert same_weights(by_class, small().fit(inputs, labels, sample_weight=weights))
    assert not same_weights(by_class, small().fit(inputs, labels))
    assert same_weights(small(class_weight="balanced").fit(inputs, labels), small().fit(inputs, labels))


def test_two_classes_have_one_output() -> None:
    inputs, labels = iris()
    named = np.array(["no", "yes"])[(labels == 0).astype(int)]
    network = small(max_iter=60, learning_rate_init=0.02).fit(inputs, named)
    assert network.n_outputs_ == 1
    assert network.out_activation_ == "logistic"
    assert network.score(inputs, named) == 1
    np.testing.assert_allclose(np.exp(network.predict_log_proba(inputs)), network.predict_proba(inputs))
    assert ((network.decision_function(inputs) > 0) == (network.predict(inputs) == "yes")).all()


def test_several_labels_are_rows_of_zeros_and_ones() -> None:
    inputs, labels = make_multilabel_classification(60, n_classes=3, random_state=0)
    network = small(early_stopping=True).fit(inputs, labels)
    assert network.predict(inputs).shape == network.predict_proba(inputs).shape == (60, 3)
    assert set(np.unique(network.predict(inputs))) <= {0, 1}


def test_several_numbers_are_predicted_at_once() -> None:
    inputs, targets = numbers(2)
    network = ActorRegressor((16,), max_iter=300, learning_rate_init=0.02, random_state=0).fit(inputs, targets)
    assert network.predict(inputs).shape == (80, 2)
    assert network.score(inputs, targets) > 0.95


def test_a_pickle_predicts_the_same_and_holds_no_more_than_arrays() -> None:
    inputs, labels = iris()
    network = small().fit(inputs, labels)
    expected = network.predict_proba(inputs)  # which prepares actors
    data = pickle.dumps(network)
    assert len(data) < 30_000
    assert np.array_equal(pickle.loads(data).predict_proba(inputs), expected)
    assert clone(network).get_params() == network.get_params()


@pytest.mark.parametrize("outputs", [1, 2])
def test_the_learner_is_saved_and_predicts_the_same(outputs: int, tmp_path: Path) -> None:
    inputs, targets = numbers(outputs)
    network = ActorRegressor((4,), random_state=0).partial_fit(inputs, targets).partial_fit(inputs, targets)
    network.learner_.save(tmp_path / "network.safetensors")
    loaded = Learner.load(tmp_path / "network.safetensors")
    assert np.array_equal(loaded.predict(inputs), network.learner_.predict(inputs))


def test_cross_validation_and_output_of_transformers_work() -> None:
    network = make_pipeline(FunctionTransformer(), small(max_iter=60, learning_rate_init=0.02)).set_output(
        transform="default"
    )
    assert cross_val_score(network, *iris(), cv=3).mean() > 0.85


def test_verbose_prints_the_cost_of_every_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    network = small(verbose=True).fit(*iris())
    assert capsys.readouterr().out.splitlines()[-1] == f"Iteration 5, loss = {network.loss_:.8f}"


def test_a_search_with_processes_finds_the_best_settings() -> None:
    code = """if True:
        from sklearn.datasets import load_iris
        from sklearn.model_selection import GridSearchCV
        from annex_actors.estimators import ActorClassifier
        settings = {"learning_rate_init": 0.02, "random_state": 0, "n_iter_no_change": float("inf")}
        network = ActorClassifier((8,), max_iter=60, **settings)
        search = GridSearchCV(network, {"alpha": [0.0, 100.0]}, cv=2, n_jobs=2).fit(*load_iris(return_X_y=True))
        print(search.best_params_)
    """  # in a process of its own, since joblib keeps its processes for the next search
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=100)
    assert run.stdout == "{'alpha': 0.0}\n", run.stderr


def test_a_search_of_24_fits_leaves_nothing_and_keeps_no_memory() -> None:
    grid = {"alpha": [0.0, 1e-4, 1e-2, 1.0], "stages": ["layer", 1]}
    search = GridSearchCV(small(runtime="threads"), grid, cv=3)
    search.fit(*iris())  # imports, allocates pools of memory
    gc.collect()
    before = psutil.Process().memory_info().rss
    with nothing_left():
        search.fit(*iris())
    gc.collect()
    assert psutil.Process().memory_info().rss - before < 20 * 2**20
