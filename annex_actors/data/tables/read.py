"""Read a table from a file, whatever its form, by the ending of its name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from annex_actors.base import checks
from annex_actors.base.errors import DataError
from annex_actors.base.files import reading, user_path
from annex_actors.base.shown import shown
from annex_actors.data.tables.columns import Form, Table
from annex_actors.data.tables.text_file import read_text

ENDINGS = (".csv", ".tsv", ".tab", ".csv.gz", ".tsv.gz", ".tab.gz")
"""How the names of tables end."""

MOST_COLUMNS = 2**31
"""More than any table has."""

_SEPARATORS = (",", ";", "|", "\t")


def is_table(name: str) -> bool:
    """Return whether a name ends as that of a table."""
    return name.lower().endswith(ENDINGS)


def read_table(
    path: str | Path,
    *,
    header: bool | None = None,
    label: str | int | None = None,
    separator: str | None = None,
    forms: Mapping[str, Form] | None = None,
) -> Table:
    """Return the table in a file: CSV or TSV, packed by gzip or not, in UTF-8, with any separator.

    Each column gets the kind that all of its cells have. Cells that are empty, NA, N/A, nan, null, ? or - are missing.
    A decimal comma is understood where another separator is used. Of columns with one name the second ``x`` is ``x.2``.
    A first column without a name that only counts the rows is left out.

    Args:
        path: the file.
        header: whether the first line holds names; None: found out.
        label: the label's column, by name, which the header then has, or by index; by default the last.
        separator: between cells, one of ``,``, ``;``, ``|`` and a tab; None: found out.
        forms: how the cells of columns are written that were read before, by name: ``preparation.forms``.

    Raises:
        DataError: another ending, a file that cannot be read, lines of different lengths, or no line of data.
        ConfigError: an argument of another kind.
    """
    path = user_path(checks.path("path", path))
    if header is not None:
        checks.boolean("header", header)
    if label is not None and not isinstance(label, str):
        label = checks.whole_number("label", label, at_least=-MOST_COLUMNS, limit=MOST_COLUMNS)
    given = checks.instance("forms", forms or {}, Mapping, "forms by name, such as preparation.forms")
    for name, form in given.items():
        checks.instance(f"forms[{shown(name)}]", form, Form, "a form, such as that of a column")
    if separator is not None and not (isinstance(separator, str) and separator in _SEPARATORS):
        checks.unknown("separator", separator, _SEPARATORS)
    if not is_table(path.name):
        raise DataError(
            f"expected a file that ends in {', '.join(ENDINGS)}, got {shown(path.name)}; save the table as CSV"
        )
    with reading(path):
        return read_text(path, header=header, label=label, separator=separator, forms=forms).table
