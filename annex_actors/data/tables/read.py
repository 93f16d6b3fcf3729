"""Read a table from a file, whatever its form, by the ending of its name.

pyarrow reads all forms that it knows, CSV too: it is fast, needs no data frame's library, and its columns are what data
frames exchange. A form of file is one function that
returns its table.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, DataError
from annex_actors.base.files import reading, user_path
from annex_actors.base.shown import shown
from annex_actors.data.tables.arff import read_arff
from annex_actors.data.tables.arrow_files import read_arrow, read_parquet
from annex_actors.data.tables.columns import Form, Table
from annex_actors.data.tables.json_files import read_json, read_json_lines
from annex_actors.data.tables.sqlite import SCHEME, parts_of, read_query
from annex_actors.data.tables.text_file import read_text

_PACKED = ".gz"
_TEXT = (".csv", ".tsv", ".tab", ".txt", ".data")
"""How the names of tables of cells between separators end; ``.data`` is what the UCI repository calls them."""

_TYPED: Mapping[str, Callable[[Path, Mapping[str, Form]], Table]] = MappingProxyType(
    {
        ".parquet": read_parquet,
        ".feather": read_arrow,
        ".arrow": read_arrow,
        ".jsonl": read_json_lines,
        ".ndjson": read_json_lines,
        ".json": read_json,
        ".arff": read_arff,
    }
)
"""The readers of tables that say the types of their columns, by the ending of the name."""

_BINARY = (".parquet", ".feather", ".arrow")

ENDINGS = (
    *_TEXT,
    *_TYPED,
    *(f"{ending}{_PACKED}" for ending in (*_TEXT, *_TYPED) if ending not in _BINARY),
)
"""How the names of tables end."""

MOST_COLUMNS = 2**31
"""More than any table has."""

_SEPARATORS = (",", ";", "|", "\t")


def is_table(name: str) -> bool:
    """Return whether a name ends as that of a table, or is a query, ``sqlite:FILE.db#SELECT ...``."""
    return name.startswith(SCHEME) or name.lower().endswith(ENDINGS)


def file_of(name: str | Path) -> Path:
    """Return the file of a table: that of a query, or the path itself."""
    text = os.fspath(name)
    return user_path(parts_of(text)[0] if text.startswith(SCHEME) else Path(name))


def resolved(name: str) -> str:
    """Return the name of the same table with the absolute path of its file."""
    path = str(file_of(name).resolve())
    return f"{SCHEME}{path}#{parts_of(name)[1]}" if name.startswith(SCHEME) else path


def read_table(
    path: str | Path,
    *,
    header: bool | None = None,
    label: str | int | None = None,
    separator: str | None = None,
    forms: Mapping[str, Form] | None = None,
) -> Table:
    """Return the table in a file, or the answer to a query against one.

    - ``.csv``, ``.tsv``, ``.tab``, ``.txt``, ``.data``: cells in UTF-8 with any separator. Each column gets the kind
      that all of its cells have. Cells that are empty, NA, N/A, nan, null, ? or - are missing. A decimal comma is
      understood where another separator is used. Of columns with one name the second ``x`` is ``x.2``. A first column
      without a name that only counts the rows is left out.
    - ``.parquet``, ``.feather``, ``.arrow``: columns have the kind that the file says; see `typed_table`.
    - ``.jsonl``, ``.ndjson``, ``.json``: an object on each line, or one list of objects.
    - ``.arff``: of Weka.
    - ``sqlite:FILE.db#SELECT ...``: what a query selects from an SQLite file.

    All files of text may be packed by gzip, such as ``.csv.gz``.

    Args:
        path: the file, or the query.
        header: whether the first line of a file of cells holds names; None: found out.
        label: the label's column, by name, which the header then has, or by index; by default the last.
        separator: between cells, one of ``,``, ``;``, ``|`` and a tab; None: found out.
        forms: how the cells of columns are written that were read before, by name: ``preparation.forms``.

    Raises:
        DataError: another ending, a file that cannot be read, lines of different lengths, or no line of data.
        ConfigError: an argument of another kind, or one that this form of file does not use.
    """
    checks.path("path", path)
    if header is not None:
        checks.boolean("header", header)
    if label is not None and not isinstance(label, str):
        label = checks.whole_number("label", label, at_least=-MOST_COLUMNS, limit=MOST_COLUMNS)
    given = checks.instance(
        "forms", {} if forms is None else forms, Mapping, "forms by name, such as preparation.forms"
    )
    for name, form in given.items():
        checks.instance(f"forms[{shown(name)}]", form, Form, "a form, such as that of a column")
    if separator is not None and not (isinstance(separator, str) and separator in _SEPARATORS):
        checks.unknown("separator", separator, _SEPARATORS)
    name = os.fspath(path)
    is_query = name.startswith(SCHEME)
    if is_query or _form(name) in _TYPED:
        _check_unused(name, header=header, separator=separator)
    if is_query:
        return _answer(name, given)
    path = file_of(path)
    if not _form(name):
        known = ", ".join((*_TEXT, *_TYPED))
        raise DataError(f"expected a file that ends in {known}, got {shown(path.name)}; save the table as CSV")
    with reading(path):
        if _form(name) in _TYPED:
            return _TYPED[_form(name)](path, given)
        return read_text(path, header=header, label=label, separator=separator, forms=given).table


def _form(name: str) -> str:
    """Return the ending of a table's name, without that of gzip; empty if there is none that is known."""
    lower = name.lower()
    return next((each.removesuffix(_PACKED) for each in ENDINGS if lower.endswith(each)), "")


def _answer(name: str, forms: Mapping[str, Form]) -> Table:
    file, query = parts_of(name)
    with reading(file):
        return read_query(user_path(file), query, forms)


def _check_unused(name: str, **settings: object) -> None:
    for setting, given in settings.items():
        if given is not None:
            raise ConfigError(
                f"expected `{setting}` with a file of cells ({', '.join(_TEXT)}) only, got {shown(given)} "
                f"for {shown(name)}; leave it out"
            )
