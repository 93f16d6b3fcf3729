"""Read a table from a file, whatever its form, by the ending of its name."""

from __future__ import annotations

from pathlib import Path

from annex_actors.base import checks
from annex_actors.base.errors import DataError
from annex_actors.base.files import reading, user_path
from annex_actors.base.shown import shown
from annex_actors.data.tables.columns import Table
from annex_actors.data.tables.text_file import TextFile, read_text

ENDINGS = (".csv", ".tsv", ".tab", ".csv.gz", ".tsv.gz", ".tab.gz")
"""How the names of tables end."""

_SEPARATORS = (",", ";", "|", "\t")


def is_table(name: str) -> bool:
    """Return whether a name ends as that of a table."""
    return name.lower().endswith(ENDINGS)


def read_table(
    path: str | Path, *, header: bool | None = None, label: str | None = None, separator: str | None = None
) -> Table:
    """Return the table in a file: CSV or TSV, packed by gzip or not, in UTF-8, with any separator.

    Each column gets the kind that all of its cells have. Cells that are empty, NA, N/A, nan, null, ? or - are missing.
    A decimal comma is understood where another separator is used. Of columns with one name the second ``x`` is ``x.2``.
    A first column without a name that only counts the rows is left out.

    Args:
        path: the file.
        header: whether the first line holds names; None: found out.
        label: the name of a column, which the header then has; by default the last column is the label.
        separator: between cells, one of ``,``, ``;``, ``|`` and a tab; None: found out.

    Raises:
        DataError: another ending, a file that cannot be read, lines of different lengths, or no line of data.
        ConfigError: an argument of another kind.
    """
    path = user_path(checks.path("path", path))
    if header is not None:
        checks.boolean("header", header)
    if label is not None:
        checks.text("label", label)
    if separator is not None and not (isinstance(separator, str) and separator in _SEPARATORS):
        checks.unknown("separator", separator, _SEPARATORS)
    with reading(path):
        return open_table(path, header=header, label=label, separator=separator).table


def open_table(
    path: Path, *, header: bool | None = None, label: str | int | None = None, separator: str | None = None
) -> TextFile:
    """Return the cells of a table, each with its place in the file; for arguments and errors see `read_text`."""
    if not is_table(path.name):
        raise DataError(
            f"expected a file that ends in {', '.join(ENDINGS)}, got {shown(path.name)}; save the table as CSV"
        )
    return read_text(path, header=header, label=label, separator=separator)
