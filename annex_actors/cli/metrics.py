"""``annex-actors metrics``: list the metrics."""

from __future__ import annotations

from annex_actors.cli import options as shared
from annex_actors.cli.output import print_result, print_table
from annex_actors.cli.tables import Entry, print_page


def metrics(
    name: Entry = None,
    load: shared.Load = None,
    debug: shared.Debug = False,
) -> None:
    """List the metrics: what each takes, whether small or large values are good, and what it is."""
    from annex_actors.base.docstrings import noun_of
    from annex_actors.base.user_files import run_user_files
    from annex_actors.metrics import METRICS, usage_of

    run_user_files(load or [])
    if name is not None:
        print_page(name, METRICS)
        return
    rows = []
    for name, made_by in METRICS.items():
        made = made_by()
        mode = "-" if made.mode is None else made.mode.value
        rows.append([usage_of(name), made.takes.value, mode, noun_of(made_by)])
    print_table(["name", "takes", "good", "what it is"], rows)
    print_result("\nannex-actors train --metrics accuracy,f1 --halt early_stopping:5:monitor=f1 --validation 0.1")
