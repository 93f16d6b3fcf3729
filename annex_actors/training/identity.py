"""The identity of a training: everything that decides its bits, as a value that is kept with every checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from annex_actors.base.described import Scalar
from annex_actors.base.errors import ConfigError, DataError
from annex_actors.base.texts import shortened

INITIAL_WEIGHTS = "initial_weights"
"""The setting that holds the fingerprint of the weights that the training began with; None: they were drawn."""

PREPARED = "preparation"
"""The setting that holds the fingerprint of what made numbers of a table; None: nothing did."""

_LONGEST = 100


@dataclass(frozen=True)
class Identity:
    """What decides the bits of a training, by name; made by `identity_of`, which lists it.

    Two trainings with the same identity have the same weights after the same number of steps, whatever else differs:
    epochs, runtime, supervision, checkpoints, crashes, and the number of stages with a synchronous schedule. Versions
    of libraries are not part of it: a run records them in its environment, and warns.

    Args:
        settings: in the order in which a difference is reported; the settings that imply others come first.
    """

    settings: Mapping[str, Scalar]

    @property
    def initial_weights(self) -> Scalar:
        """The fingerprint of the weights that the training began with; None: they were drawn."""
        return self.settings.get(INITIAL_WEIGHTS)

    def beginning_with(self, weights_sha256: Scalar) -> Self:
        """Return the identity of the same training, begun with the weights that have this fingerprint."""
        return replace(self, settings={**self.settings, INITIAL_WEIGHTS: weights_sha256})

    def check(self, now: Identity) -> None:
        """Refuse to go on with a training as another one, whose weights would be those of neither.

        Args:
            now: the identity of the training that is to go on with this one.

        Raises:
            ConfigError: they differ; the message names the first setting that does.
        """
        for name in {**self.settings, **now.settings}:
            began, given = (each.settings.get(name) for each in (self, now))
            if json.dumps(began) != json.dumps(given):  # else 1, 1.0 and true would be equal
                raise ConfigError(
                    f"expected the `{shortened(name)}` that the training began with, {_shown(began)}, "
                    f"got {_shown(given)}; go on with that, or begin a new training from "
                    "these weights: `initial_weights` in Python, `annex-actors train --from RUN`"
                )

    def to_json(self) -> str:
        """Return the settings as a JSON object."""
        return json.dumps(self.settings)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the identity with these settings.

        Raises:
            DataError: the text is not what `to_json` returns.
        """
        try:
            settings = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DataError(f"expected the identity of a training as JSON, got {_short(text)}") from error
        if not isinstance(settings, dict) or any(isinstance(value, dict | list) for value in settings.values()):
            raise DataError(f"expected the identity of a training, settings by name, got {_short(text)}")
        return cls(settings)


def _shown(value: Scalar) -> str:
    return _short(value if isinstance(value, str) else "none" if value is None else json.dumps(value))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
