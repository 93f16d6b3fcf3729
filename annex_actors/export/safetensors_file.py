"""The weights of a trained network by name, as safetensors, with the architecture as JSON in the metadata."""

from __future__ import annotations

from annex_actors.base import checks
from annex_actors.costs import spec_of
from annex_actors.export.weights import by_name, predicting, trained
from annex_actors.training.learner import Learner
from annex_actors.training.weight_files import packed_weights


def safetensors_file(learner: Learner, *, source: str = "") -> bytes:
    """Return the content of a file of the weights that a learner predicts with; `load_weights` reads it.

    The names are those of `Checkpoint.weights`, such as ``0.weight``. The key ``architecture`` of the metadata holds
    JSON: the network as text, its layers with the shapes of a sample and of their weights, ``input_shape``, classes,
    cost, dtype, source and ``weights_sha256``.

    Args:
        learner: trained.
        source: where it is from, such as a run's folder.

    Raises:
        DataError: the learner has not been trained.
    """
    checks.instance("learner", learner, Learner, "a trained Learner")
    checks.instance("source", source, str, "a text")
    checkpoint, spec, weights = trained(learner), learner.spec, predicting(learner)
    shapes = spec.network.shapes(checkpoint.input_shape)
    layers = [
        {
            "layer": layer.spec(),
            "output_shape": shapes[index + 1],
            "weights": {name: array.shape for name, array in weights[index].items()},
        }
        for index, layer in enumerate(spec.network.layers)
    ]
    architecture = {
        "network": spec.network.spec(),
        "layers": layers,
        "input_shape": checkpoint.input_shape,
        "classes": learner.classes,
        "cost": spec_of(spec.cost),
        "dtype": spec.dtype.name,
        "source": source,
        "weights_sha256": checkpoint.weights_sha256,
    }
    return packed_weights(by_name(learner), architecture)
