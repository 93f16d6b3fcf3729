"""``annex-actors settings``: list the settings of a config."""

from __future__ import annotations

import json as text
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from annex_actors.cli import options as shared
from annex_actors.cli.output import print_json, print_result, print_table

if TYPE_CHECKING:
    from annex_actors.runs.reference import Setting


def settings(
    key: Annotated[
        str | None, typer.Argument(metavar="[KEY]", help="One setting, such as training.stages, or a section.")
    ] = None,
    load: shared.Load = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
    debug: shared.Debug = False,
) -> None:
    """List the settings: the keys of config files and of --set, with type, default, meaning, and names to choose."""
    from annex_actors.base.user_files import run_user_files
    from annex_actors.runs.reference import settings as all_settings

    run_user_files(load or [])
    chosen = _chosen(all_settings(), key)
    if json:
        print_json(text.dumps([asdict(each) for each in chosen]))
        return
    for index, (title, group) in enumerate(groupby(chosen, _title)):
        print_result(("\n" if index else "") + title)
        print_table((), [(each.key.rpartition(".")[2], _meaning(each)) for each in group])
    if len({each.key for each in chosen}) == 1 and chosen[0].choices:
        print_result("")
        print_table((), list(chosen[0].choices.items()))


def _chosen(known: Sequence[Setting], key: str | None) -> list[Setting]:
    if key is None:
        return list(known)
    from annex_actors.base import checks

    found = [each for each in known if each.key == key or each.key.startswith(f"{key}.")]
    return found or checks.unknown("KEY", key, dict.fromkeys(each.key for each in known))


def _title(setting: Setting) -> str:
    section = setting.key.rpartition(".")[0]
    if not section:
        return "Of the whole run:"
    return f"[{section}]" + (f', with name = "{setting.of}":' if setting.of else "")


def _meaning(setting: Setting) -> str:
    from annex_actors.runs.reference import default_text

    names = f" Names: {', '.join(setting.choices)}." if setting.choices else ""
    return f"{setting.type}, {default_text(setting)}. {setting.meaning}{names}"
