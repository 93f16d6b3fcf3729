"""Begin a run with the weights of another one, or of a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from annex_actors.base.errors import ConfigError, DataError
from annex_actors.base.types import Array
from annex_actors.runs.config import RunConfig
from annex_actors.runs.saved_run import SavedRun
from annex_actors.training.preparation import PreparedTraining
from annex_actors.training.weight_files import read_weights


def begun(config: RunConfig, training: PreparedTraining) -> tuple[RunConfig, PreparedTraining]:
    """Return the training with the weights that its config names, and the config with their fingerprint.

    With the fingerprint the config repeats the run to the bit, or is refused because the weights have changed since.

    Args:
        config: the run's settings.
        training: the same run with drawn weights.

    Raises:
        UserError: there is no such run, its weights do not fit the network, or they have another fingerprint.
    """
    run, expected = config.training.initial_weights, config.training.initial_weights_sha256
    if run is None:
        if expected is not None:
            raise ConfigError(
                "expected `training.initial_weights`, the folder of the run with the weights of "
                "`training.initial_weights_sha256`, got none; give both or neither"
            )
        return config, training
    training = training.beginning_with(_weights(Path(run)))
    found = training.identity.initial_weights
    if expected not in (None, found):
        raise DataError(
            f"expected the weights in {run} that the run began with, {expected}, got {found}; "
            "to begin with these leave out `training.initial_weights_sha256`"
        )
    settings = config.training.model_copy(update={"initial_weights_sha256": found})
    return config.model_copy(update={"training": settings}), training


def _weights(path: Path) -> Mapping[str, Array]:
    return read_weights(path).arrays if path.is_file() else SavedRun.open(path).weights()
