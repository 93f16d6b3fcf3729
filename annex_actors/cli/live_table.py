"""The actors of a run as a table in the terminal that is looked at again and again, with keys to act on them.

Looks, examinations and kills wait in a thread of their own, so that keys are answered whatever the run does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Protocol

from rich.cells import cell_len
from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import DataTable, Footer, Input, Static

from annex_actors.base.errors import AnnexError, message_of
from annex_actors.base.texts import printable
from annex_actors.cli.status import cells, fitting, name_of, nested, summary
from annex_actors.control.findings import Diagnosis
from annex_actors.control.requests import Killed, Moved
from annex_actors.control.status import ActorStatus, Status


class Source(Protocol):
    """What is looked at; satisfied by `annex_actors.control.client.Client`."""

    def status(self) -> Status:
        """Return the run as it is now."""

    def doctor(self) -> Diagnosis:
        """Return what is wrong with its actors."""

    def kill(self, actor: str) -> tuple[Killed, ...]:
        """Kill an actor."""

    def move(self, actor: str) -> Moved:
        """Move an actor to the kind of worker where it does not live."""


_ORDERS: dict[str, Callable[[ActorStatus], float]] = {
    "restarts": lambda actor: actor.restarts_used,
    "mail": lambda actor: actor.mailbox or 0,
    "/s": lambda actor: actor.handled_per_second,
    "busy": lambda actor: actor.busy,
    "up": lambda actor: -actor.uptime,
}
"""The columns to sort by, and the number of an actor of which the largest comes first."""

_PADDING = 1
"""Columns on either side of a cell."""

_FAILED = ("failed", "hung", "restarting")


def arranged(actors: Sequence[ActorStatus], order: str, search: str) -> list[tuple[int, ActorStatus]]:
    """Return the actors to show, with how far each is indented: what has failed is first, and never left out.

    Args:
        actors: parents before their children.
        order: the column to sort by; empty: as the tree is.
        search: shows the actors that have it in their id, label, state or node.
    """
    shown = [each for each in nested(actors) if each[1].state not in _FAILED and _matches(each[1], search)]
    failed = [(0, actor) for actor in actors if actor.state in _FAILED]
    if order:
        key = _ORDERS[order]
        shown = [(0, actor) for _, actor in sorted(shown, key=lambda each: -key(each[1]))]
    return [*failed, *shown]


def _matches(actor: ActorStatus, search: str) -> bool:
    return search.casefold() in f"{actor.id} {actor.label} {actor.state} {actor.node}".casefold()


class Question(ModalScreen[bool]):
    """Asks before an actor is killed or moved.

    Args:
        text: the question.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape", "answer(False)", "No"),
    ]
    DEFAULT_CSS = "Question { align: center middle; } Question Static { width: auto; border: heavy; padding: 1 2; }"

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        """Yield the question."""
        yield Static(Text(f"{self._text}\n\ny: yes    n: no"))

    def action_answer(self, answer: bool) -> None:
        """Close the question with an answer."""
        self.dismiss(answer)


class LiveTable(App[None]):
    """The view.

    Args:
        source: what is looked at.
        every_s: seconds between two looks.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sort", "sort"),
        Binding("slash", "search", "search", key_display="/"),
        Binding("d", "doctor", "doctor"),
        Binding("k", "kill", "kill"),
        Binding("m", "move", "move"),
        Binding("escape", "leave", "clear", show=False),
        Binding("q", "quit", "quit"),
    ]
    CSS = """
    #summary { height: auto; padding: 0 1; }
    #search { display: none; height: 3; }
    #search.open { display: block; }
    #actors { height: 1fr; }
    #findings { height: auto; max-height: 10; padding: 0 1; }
    """
    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = "#actors"

    def __init__(self, source: Source, *, every_s: float = 1.0) -> None:
        super().__init__()
        self._source = source
        self._every_s = every_s
        self._now: Status | None = None
        self._order = ""
        self._search = ""
        self._over = False

    def compose(self) -> ComposeResult:
        """Yield the parts, from top to bottom."""
        yield Static(id="summary")
        yield Input(placeholder="search; Escape shows all again", id="search")
        yield DataTable[Text](id="actors", cursor_type="row", cell_padding=_PADDING)
        yield Static(id="findings")
        yield Footer()

    def on_mount(self) -> None:
        """Look for the first time, and then again and again."""
        self.look()
        self.set_interval(self._every_s, self.look)

    @work(thread=True, exclusive=True, group="look")
    def look(self) -> None:
        """Look at the run; once it has ended, its last state stays."""
        if self._over:
            return
        try:
            now = self._source.status()
        except AnnexError as error:
            self._over = True
            self.call_from_thread(self.say, message_of(error))
        else:
            self.call_from_thread(self.show, now)

    @work(thread=True, exclusive=True, group="act")
    def examine(self) -> None:
        """Have all actors examined, and show what is wrong."""
        self.call_from_thread(self.say, "examining")
        self.call_from_thread(self.say, self._attempt(lambda: _findings(self._source.doctor())))

    @work(thread=True, exclusive=True, group="act")
    def kill(self, actor: ActorStatus) -> None:
        """Kill an actor, and say so."""
        self.call_from_thread(self.say, self._attempt(lambda: _killed(self._source.kill(actor.id))))

    @work(thread=True, exclusive=True, group="act")
    def move_to_another_worker(self, actor: ActorStatus) -> None:
        """Move an actor, and say where."""

        def moved() -> str:
            done = self._source.move(actor.id)
            return f"{done.label}, incarnation {done.incarnation}, moves to a {done.worker}"

        self.call_from_thread(self.say, self._attempt(moved))

    def _attempt(self, do: Callable[[], str]) -> str:
        try:
            return do()
        except AnnexError as error:
            return message_of(error)

    def say(self, text: str) -> None:
        """Show a text below the table, unless the view is being closed."""
        for part in self.query("#findings").results(Static):
            part.update(Text(printable(text)))

    def show(self, now: Status) -> None:
        """Show a look at the run, unless the view is being closed."""
        if not self.query("#summary"):
            return
        self._now = now
        order = [f"sorted by {self._order}"] if self._order else []
        search = [f"only {self._search!r}, and what has failed"] if self._search else []
        lines = [*summary(now), ", ".join([*order, *search])]
        self.query_one("#summary", Static).update(Text(printable("\n".join(filter(None, lines)))))
        self._fill(arranged(now.actors, self._order, self._search))

    def _fill(self, shown: Sequence[tuple[int, ActorStatus]]) -> None:
        """Fill the table; the cursor stays on its actor, and the view where it is."""
        table: DataTable[Text] = self.query_one("#actors", DataTable)
        selected, scroll = self._selected(), table.scroll_y
        fit = fitting([cells(depth, actor) for depth, actor in shown], self.size.width - 2 * _PADDING) if shown else []
        rows = {actor.id: row for (_, actor), row in zip(shown, fit, strict=True)}
        table.clear(columns=True)
        for name in next(iter(rows.values()), {"actor": ""}):
            # Textual would measure the cells only after it has drawn them once.
            table.add_column(name, width=max(cell_len(each) for each in (name, *(row[name] for row in rows.values()))))
        for id, row in rows.items():
            table.add_row(*(Text(cell) for cell in row.values()), key=id)
        if selected is not None and selected.id in rows:
            table.move_cursor(row=list(rows).index(selected.id), animate=False, scroll=False)
        table.scroll_to(y=scroll, animate=False)

    def _selected(self) -> ActorStatus | None:
        table: DataTable[Text] = self.query_one("#actors", DataTable)
        if self._now is None or not table.row_count:
            return None
        key = table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value
        return next((actor for actor in self._now.actors if actor.id == key), None)

    def _show_again(self) -> None:
        if self._now is not None:
            self.show(self._now)

    def action_sort(self) -> None:
        """Sort by the next column; after the last one, show the tree again."""
        orders = ["", *_ORDERS]
        self._order = orders[(orders.index(self._order) + 1) % len(orders)]
        self._show_again()

    def action_search(self) -> None:
        """Open the field for a search."""
        field = self.query_one("#search", Input)
        field.add_class("open")
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search as it is typed."""
        self._search = event.value
        self._show_again()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go back to the table; the search stays."""
        self.query_one("#actors").focus()

    def action_leave(self) -> None:
        """End the search."""
        field = self.query_one("#search", Input)
        field.value = ""
        field.remove_class("open")
        self.query_one("#actors").focus()

    def action_doctor(self) -> None:
        """Examine all actors."""
        self.examine()

    def action_kill(self) -> None:
        """Kill the actor that is selected, after a question that names it."""
        self._ask("kill", "a layer, the reader or the trainer", self.kill)

    def action_move(self) -> None:
        """Move the actor that is selected to another worker, after a question that names it."""
        self._ask("move", "a layer or the reader", self.move_to_another_worker)

    def _ask(self, verb: str, kinds: str, act: Callable[[ActorStatus], object]) -> None:
        actor = self._selected()
        if actor is None or actor.kind not in kinds.replace(",", "").split():
            self.say(f"select {kinds} to {verb}")
            return

        def decided(answer: bool | None) -> None:
            if answer:
                act(actor)

        self.push_screen(Question(f"{verb.capitalize()} {printable(name_of(actor))} ({actor.id})?"), decided)


def _killed(actors: Sequence[Killed]) -> str:
    return ", ".join(f"killed {each.label}, incarnation {each.incarnation}" for each in actors)


def _findings(found: Diagnosis) -> str:
    wrong = [f"{each.label}: {each.verdict}: {each.text}" for each in found.actors if each.verdict != "fine"]
    return "\n".join([*filter(None, [found.text]), *wrong]) or "fine"
