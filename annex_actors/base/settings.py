"""Settings by name: build a value from its settings, and return a value's settings as a config file holds them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, TypeVar

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, UserError
from annex_actors.base.shown import shown

_Built = TypeVar("_Built")


def build(name: str, constructor: Callable[..., _Built], settings: Mapping[str, Any]) -> _Built:
    """Return what a constructor builds from these settings.

    Args:
        name: what users call the constructor, for error messages.
        constructor: the class, or a function that returns an instance.
        settings: its arguments by name.

    Raises:
        ConfigError: an unknown, missing or refused setting.
    """
    known = inspect.signature(constructor).parameters
    for setting in settings:
        if setting not in known:
            have = f"settings of {name} to be among {', '.join(known)}" if known else f"no settings of {name}"
            raise ConfigError(f"expected {have}, got {shown(setting)}{checks.did_you_mean(setting, known)}")
    for setting, parameter in known.items():
        if parameter.default is parameter.empty and setting not in settings:
            raise ConfigError(f"expected settings of {name} with `{setting}`, got none; it has no default")
    try:
        return constructor(**settings)
    except UserError:
        raise
    except Exception as error:  # a user's own class may raise anything when it refuses a setting
        raise ConfigError(
            f"expected settings that {name} takes, got {type(error).__name__}: {error}; correct them"
        ) from error


def settings_of(value: object) -> dict[str, Any]:
    """Return the settings of a dataclass by name, as a config file holds them.

    An enum becomes its value, and an object with a method ``spec`` becomes the text that it returns. None is left out,
    and so is what has no text form.
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
