"""Unchecked settings: read from TOML and the command line, merged, and written as TOML."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from annex_actors.base.errors import ConfigError, message_of
from annex_actors.base.files import SMALL, read_file, reason
from annex_actors.base.shown import shown

Settings: TypeAlias = Mapping[str, Any]
"""Settings by section and key, as in TOML; they may be incomplete or wrong."""

_KEY = re.compile(r"""\s*"(?:[^"\\]|\\.)*"\s*|\s*'[^']*'\s*|[^."'=]+""")
_SETTING = re.compile(rf"((?:{_KEY.pattern})(?:\.(?:{_KEY.pattern}))*)=(.*)", re.DOTALL)


def read_settings(path: Path) -> Settings:
    """Return the settings in a TOML file.

    Raises:
        ConfigError: the file cannot be read or is not TOML; the message names it.
    """
    try:
        return tomllib.loads(read_file(path, limit=SMALL).decode())
    except OSError as error:
        raise ConfigError(f"expected a config file at {path}, got {reason(error)}; check the path") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"expected TOML in {path}, got: {message_of(error)}; correct the file") from None


def beside(path: Path, settings: Settings) -> Settings:
    """Return the settings of a file with the paths to data that lead to something beside that file, from anywhere.

    So a config and its data can be moved together. What is not there is looked for in the current folder.

    Args:
        path: the file.
        settings: what it holds.
    """
    data = settings.get("data")
    if not isinstance(data, Mapping):
        return settings
    found = {
        key: str(path.parent / str(data[key]))
        for key in ("name", "data_dir")
        if isinstance(data.get(key), str) and _is_there(path.parent / data[key], key)
    }
    return {**settings, "data": {**data, **found}}


def _is_there(path: Path, key: str) -> bool:
    try:
        return path.is_dir() if key == "data_dir" else bool(path.suffix) and path.exists()
    except (OSError, ValueError):  # no path that a file can have
        return False


def parse_setting(text: str) -> Settings:
    """Return the setting in a text such as ``optimizer.learning_rate=0.01``; a value that is not TOML is text.

    A key with a dot, a quote or an equals sign stands in quotes, as in TOML: ``data.transforms."size.cm"=log``.

    Raises:
        ConfigError: the name or the equals sign is missing, or a quote is not closed.
    """
    found = _SETTING.fullmatch(text)
    keys = [part.strip() for part in _KEY.findall(found[1])] if found else []
    if not found or not all(keys):
        raise ConfigError(f"expected a setting such as optimizer.learning_rate=0.01, got {shown(text)}")
    return nested((str(_toml_value(key)) if key[0] in "\"'" else key for key in keys), _toml_value(found[2].strip()))


def nested(keys: Iterable[str], value: Any) -> Settings:
    """Return ``value`` under nested keys, such as ``{"training": {"seed": 7}}``."""
    for key in reversed(list(keys)):
        value = {key: value}
    return value  # type: ignore[no-any-return]


def merged(*layers: Settings) -> Settings:
    """Return all settings; later ones replace earlier ones, key by key."""
    result: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
            result[key] = merged(result[key], value) if both else value
    return result


def flat(settings: Settings) -> dict[str, Any]:
    """Return settings by their whole keys, such as ``training.epochs``; None is left out."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        inner = flat(value) if isinstance(value, Mapping) else {}
        found |= {f"{name}.{key}": each for key, each in inner.items()}
        if value is not None and not isinstance(value, Mapping):
            found[name] = value
    return found


def to_toml(settings: Mapping[str, Any]) -> str:
    """Return settings as TOML: single values first, then a table for each mapping; None is left out."""
    values = [_line(name, value) for name, value in settings.items() if not isinstance(value, Mapping)]
    tables = [
        f"\n[{name}]\n" + "".join(_line(key, each) for key, each in table.items())
        for name, table in settings.items()
        if isinstance(table, Mapping)
    ]
    return "".join(values + tables).lstrip("\n")


def _line(name: str, value: Any) -> str:
    return "" if value is None else f"{name} = {toml_value(value)}\n"


def toml_value(value: Any) -> str:
    """Return a value as TOML."""
    if isinstance(value, list):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{toml_value(str(key))} = {toml_value(each)}" for key, each in value.items()) + "}"
    if isinstance(value, str | bool):
        # TOML's basic strings are JSON strings, except that TOML escapes the delete character.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):  # no TOML, or a number of more digits than Python reads
        return text
