"""Settings by name: from text to the value that owns them, and back to what a config file can hold."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, TypeVar

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, UserError

_Made = TypeVar("_Made")


def made(name: str, make: Callable[..., _Made], settings: Mapping[str, Any]) -> _Made:
    """Return what ``make``, a class that users call by ``name``, makes of these settings.

    Raises:
        ConfigError: a setting that it does not have, lacks or refuses; the message lists those that it has.
    """
    known = inspect.signature(make).parameters
    for setting in settings:
        if setting not in known:
            have = f"settings of {name} to be among {', '.join(known)}" if known else f"no settings of {name}"
            raise ConfigError(f"expected {have}, got {setting!r}{checks.did_you_mean(setting, known)}")
    for setting, parameter in known.items():
        if parameter.default is parameter.empty and setting not in settings:
            raise ConfigError(f"expected settings of {name} with `{setting}`, got none; it has no default")
    try:
        return make(**settings)
    except UserError:
        raise
    except Exception as error:  # whatever a class of the user's own raises where a setting does not suit it
        raise ConfigError(
            f"expected settings that {name} takes, got {type(error).__name__}: {error}; correct them"
        ) from error


def settings_of(value: object) -> dict[str, Any]:
    """Return the settings of a dataclass by name, as a config file holds them.

    None and what has no text form are left out. An enum stands for its value, and an object with a method ``spec`` for
    the text that this returns.
    """
    names = [each.name for each in fields(value) if each.init] if is_dataclass(value) else []
    texts = {name: _text_form(getattr(value, name)) for name in names}
    return {name: text for name, text in texts.items() if isinstance(text, str | float | int | list)}


def _text_form(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_text_form(each) for each in value]
    return value.spec() if hasattr(value, "spec") else value
