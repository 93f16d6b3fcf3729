"""``annex-actors schedules``: list the pipeline schedules, the orders in which layers can work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annex_actors.cli import options as shared
from annex_actors.cli.output import print_result, print_table

if TYPE_CHECKING:
    from annex_actors.schedules.discipline import Discipline

_STAGES = 4


def schedules(
    load: shared.Load = None,
    debug: shared.Debug = False,
) -> None:
    """List the schedules: whether steps wait for each other, how many versions stages keep, and what each does."""
    from annex_actors.base.user_files import run_user_files
    from annex_actors.schedules.table import DISCIPLINES

    run_user_files(load or [])
    rows = [[name, _kind(row), _versions(row), row.summary] for name, row in DISCIPLINES.items()]
    print_table(["name", "kind", f"versions, S={_STAGES}", "what it is"], rows)
    print_result(
        "\nAll synchronous schedules give the same weights. To see an order of work:\n"
        "annex-actors simulate --schedule NAME\n"
        "What a discipline, credit and bubble are: annex-actors explain"
    )


def _kind(row: Discipline) -> str:
    if not row.stashes:
        return "teaching"
    return "synchronous" if row.is_synchronous(_STAGES) else "asynchronous"


def _versions(row: Discipline) -> str:
    return " ".join(str(row.lag(s, _STAGES) + 1) for s in range(_STAGES))
