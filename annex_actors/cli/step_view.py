"""A walk in the terminal: the actors, what one of them holds, what can be done now, and keys and words to do it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.widgets import DataTable, Footer, Input, OptionList, Static
from textual.widgets.option_list import Option

from annex_actors.base.columns import cut, wrapped
from annex_actors.base.errors import AnnexError, message_of
from annex_actors.base.texts import printable
from annex_actors.stepping.lines import brief, done_lines, headline, peer_lines
from annex_actors.stepping.point import Channel, PeerPoint, Point
from annex_actors.stepping.script import WORDS
from annex_actors.stepping.stepper import Stepper

_WIDE = 110
"""Columns from which what an actor holds stands beside the table, and not below it."""

_STYLES = {"▶": "bold green", "○": "yellow", "·": "dim", "!": "bold red"}
"""Of lines, by the mark at their beginning."""


class StepView(App[None]):
    """The view.

    Args:
        stepper: the walk.
        save: the file that `w` saves to; None: ``walk.json``.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f,space", "obey('f')", "forward"),
        Binding("b", "obey('b')", "back"),
        Binding("n", "of_layer('')", "next"),
        Binding("p", "of_layer('-')", "last"),
        Binding("k", "crash", "kill"),
        Binding("r", "obey('random:1')", "random"),
        Binding("m", "moves", "moves"),
        Binding("colon", "words", "words", key_display=":"),
        Binding("w", "save", "save"),
        Binding("escape", "leave", "leave", show=False),
        Binding("q", "quit", "quit"),
    ]
    CSS = """
    #headline { height: auto; padding: 0 1; text-style: bold; }
    #done { height: auto; max-height: 6; padding: 0 1; }
    #middle { height: 1fr; layout: vertical; }
    #peers { height: auto; max-height: 50%; }
    #holds { height: 1fr; border-top: solid $primary; padding: 0 1; }
    #moves { height: auto; max-height: 6; border: none; padding: 0; border-top: solid $primary; }
    #note { height: auto; max-height: 4; padding: 0 1; color: $warning; }
    #words { display: none; height: 3; }
    #words.open { display: block; }
    .-wide #middle { layout: horizontal; }
    .-wide #peers { width: 55%; height: 1fr; max-height: 100%; }
    .-wide #holds { width: 45%; border-top: none; border-left: solid $primary; }
    .-wide #moves { max-height: 8; }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (_WIDE, "-wide")]  # noqa: RUF012 - as Textual declares it
    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = "#peers"

    def __init__(self, stepper: Stepper, save: Path | None = None) -> None:
        super().__init__()
        self._stepper = stepper
        self._save = save or Path("walk.json")
        self.point = stepper.walk.point()

    def compose(self) -> ComposeResult:
        """Yield the parts, from top to bottom."""
        yield Static(id="headline")
        yield Static(id="done")
        with Container(id="middle"):
            yield DataTable[Text](id="peers", cursor_type="row")
            with VerticalScroll(id="holds", can_focus=False):
                yield Static(id="held")
        yield OptionList(id="moves")
        yield Static(id="note")
        yield Input(placeholder="; ".join(WORDS), id="words")
        yield Footer()

    def on_mount(self) -> None:
        """Show the first point."""
        self.show(self.point)

    def on_resize(self) -> None:
        """Fit the table to the new width."""
        self.call_after_refresh(self.show, self.point)

    def show(self, point: Point) -> None:
        """Show a point; the actor that is selected stays so."""
        self.point = point
        selected = self.selected
        self.query_one("#headline", Static).update(_painted([headline(point)]))
        done = ["the beginning"] if point.done is None else list(done_lines(point.done))
        self.query_one("#done", Static).update(_painted(done))
        table: DataTable[Text] = self.query_one("#peers", DataTable)
        width = self.size.width * 55 // 100 if self.size.width >= _WIDE else self.size.width
        table.clear(columns=True)
        for name in _COLUMNS:
            table.add_column(name)
        for peer in point.peers:
            table.add_row(*_cells(peer, width), key=peer.address)
        table.move_cursor(row=[each.address for each in point.peers].index(selected.address), animate=False)
        moves = self.query_one("#moves", OptionList)
        moves.clear_options()
        lines = (f"{number} {each.text}" for number, each in enumerate(point.choices, 1))
        moves.add_options([Option(Text(printable(line))) for line in lines])
        self._show_held()

    @property
    def selected(self) -> PeerPoint:
        """The actor under the cursor."""
        table: DataTable[Text] = self.query_one("#peers", DataTable)
        return self.point.peers[table.cursor_row if table.row_count else 0]

    def on_data_table_row_highlighted(self) -> None:
        """Show what the actor under the cursor holds."""
        self._show_held()

    def _show_held(self) -> None:
        peer = self.selected
        near = [each for each in self.point.channels if peer.address in (each.sender, each.to)]
        lines = [*peer_lines(peer), *(line for channel in near for line in _channel_lines(channel))]
        width = self.size.width * 45 // 100 if self.size.width >= _WIDE else self.size.width
        self.query_one("#held", Static).update(_painted(lines, width - 5))  # the border, the padding, the scroll bar

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Make the move that was chosen."""
        self._obey(f"choose:{event.option_index + 1}")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Do what was typed."""
        words, event.input.value = event.value, ""
        self.action_leave()
        self._obey(words)

    def action_obey(self, words: str) -> None:
        """Do what the words of a key say."""
        self._obey(words)

    def action_of_layer(self, back: str) -> None:
        """Go to the next message, or the last one, that the selected layer handles."""
        peer = self.selected
        if peer.layer is None:
            self._say(f"select a layer: {peer.address} is none")
        else:
            self._obey(f"{back}layer:{peer.layer}")

    def action_crash(self) -> None:
        """Kill the actor that is selected; going back undoes it."""
        self._obey(f"crash:{self.selected.address}")

    def action_moves(self) -> None:
        """Choose a move from the list."""
        moves = self.query_one("#moves", OptionList)
        moves.highlighted = 0 if moves.option_count else None
        moves.focus()

    def action_words(self) -> None:
        """Open the field for words."""
        field = self.query_one("#words", Input)
        field.add_class("open")
        field.focus()

    def action_leave(self) -> None:
        """Go back to the table."""
        self.query_one("#words").remove_class("open")
        self.query_one("#peers").focus()

    def action_save(self) -> None:
        """Save the walk."""
        from annex_actors.page.walk_page import save_walk

        try:
            save_walk(self._stepper, self._save)
        except AnnexError as error:
            self._say(message_of(error))
        else:
            self._say(f"saved in {self._save}")

    def _obey(self, words: str) -> None:
        """Do what words say; what is not possible is said, and the moves before it are shown."""
        note = ""
        try:
            self._stepper.obey(words)
        except AnnexError as error:
            note = message_of(error)
        self._say(note)
        self.show(self._stepper.walk.point())

    def _say(self, text: str) -> None:
        self.query_one("#note", Static).update(Text(printable(text)))


_COLUMNS = ("actor", "inc", "step", "flight", "mail", "next, or waits for")


def _cells(peer: PeerPoint, width: int) -> Iterator[Text]:
    """Yield the cells of an actor, in the order of `_COLUMNS`."""
    limits, following = peer.limits, next((each for each in peer.mailbox if each.verdict == "next"), None)
    flight = "" if limits is None else f"{limits.in_flight}/{'-' if limits.credit is None else limits.credit}"
    if following is not None:
        what, style = following.letter.piece or following.letter.kind, "bold green"
    else:
        what, style = (peer.waits_for or "").removeprefix("the "), "dim"
    label = max(12, min(30, width // 3))
    rest = max(8, width - label - 31)  # what the other columns and the padding take
    yield Text(printable(cut(peer.label, label)))
    yield Text(str(peer.incarnation), style="bold red" if peer.incarnation > 1 else "")
    yield Text(str(peer.committed))
    yield Text(flight)
    yield Text(str(len(peer.mailbox) or ""))
    yield Text(printable(cut(what, rest)), style=style)


def _channel_lines(channel: Channel) -> Iterator[str]:
    for _, _, letter in channel.letters:
        yield f"  on the way {channel.sender} → {channel.to}: {brief(letter)}"


def _painted(lines: list[str], width: int | None = None) -> Text:
    """Return lines as text, coloured by the mark at the beginning of each; wrapped, where there is a width."""
    shown = Text()
    for number, line in enumerate(map(printable, lines)):
        shown.append("\n" if number else "")
        shown.append(line if width is None else wrapped(line, width), style=_STYLES.get(line.lstrip()[:1], ""))
    return shown
