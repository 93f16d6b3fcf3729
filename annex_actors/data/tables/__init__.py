"""Tables as people have them: from files and data frames to columns of one kind each."""

from annex_actors.data.tables.columns import Column, Form, Kind, Table
from annex_actors.data.tables.frames import table_of
from annex_actors.data.tables.read import read_table

__all__ = ["Column", "Form", "Kind", "Table", "read_table", "table_of"]
