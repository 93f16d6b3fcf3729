"""Tables of what users choose by name: layers, costs, optimizers, schedules, runtimes.

A table begins with this package's entries. A Python file of the user's (``--load mine.py``) adds its own, which then
have a name in Python, in config files and on the command line alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Generic, NoReturn, TypeVar

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import shown
from annex_actors.base.texts import shortened

_Entry = TypeVar("_Entry")

_SHOWN = 300
"""Characters of the names that a table is shown with."""


class Table(Mapping[str, _Entry], Generic[_Entry]):
    """Entries by name, in the order in which they were added.

    Args:
        setting: what an entry is called in error messages, such as ``schedule``.
        entries: this package's own, by name.
    """

    def __init__(self, setting: str, entries: Mapping[str, _Entry]) -> None:
        self._setting = setting
        self._built_in = frozenset(entries)
        self._entries = dict(entries)

    def __getitem__(self, name: str) -> _Entry:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"<{self._setting}: {shortened(', '.join(self._entries), _SHOWN)}>"

    def find(self, name: object) -> _Entry:
        """Return the entry of that name.

        Raises:
            ConfigError: there is none; the message lists all names and suggests a similar one.
        """
        return self._entries[name] if isinstance(name, str) and name in self._entries else self.unknown(name)

    def unknown(self, name: object) -> NoReturn:
        """Raise ConfigError for a name that the table does not have."""
        checks.unknown(self._setting, name, self._entries)

    def register(self, name: str, entry: _Entry) -> None:
        """Add an entry of the user's; it replaces a user's entry of the same name, so that a file may run twice.

        Raises:
            ConfigError: the name is one of this package's, or is not a single word.
        """
        is_word = isinstance(name, str) and name.isprintable() and name.split() == [name]
        if not is_word or set(name) & set(":=()") or name in self._built_in:
            raise ConfigError(
                f"expected a new name for the {self._setting}, one word without colons, got {shown(name)}"
            )
        self._entries[name] = entry
