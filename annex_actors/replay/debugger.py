"""Python's debugger at a layer's own lines: before a piece in the layer's method, or where the layer has raised."""

from __future__ import annotations

import inspect
import os
import pdb
import sys
import sysconfig
from bdb import BdbQuit
from collections.abc import Callable
from types import TracebackType
from typing import Any

from annex_actors.layers import Weighted
from annex_actors.peers.stage import StageSpec
from annex_actors.protocol.messages import Backward, Forward, Message, WeightGradient
from annex_actors.runtimes.hosting.own_code import origin, own_frames

_LIBRARIES = tuple(sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib"))

_LEFT = "left the debugger"


class Debugger:
    """Opens the debugger before each piece, and where one fails; ``quit`` ends the replay.

    Args:
        note: called with a line that says where it opens.
    """

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note

    def enter(self, stage: StageSpec, message: Message, layer: int | None = None) -> None:
        """Open it in the method of a layer that the work on a message calls next; of ``layer``, or of the first one."""
        methods = _methods(stage, message)
        chosen = methods.get(layer) if layer is not None else next(iter(methods.values()), None)
        if chosen is None:  # no layer has work in it, such as a commit of layers without weights
            return
        self._note(f"{message.kind} at {message.place}: the debugger opens in {chosen.__qualname__}")
        code, debugger = chosen.__code__, pdb.Pdb()
        debugger.set_break(code.co_filename, code.co_firstlineno, temporary=True, funcname=code.co_name)
        debugger.reset()
        debugger.botframe = inspect.currentframe()
        debugger.set_continue()  # to the breakpoint
        sys.settrace(debugger.trace_dispatch)

    def leave(self) -> None:
        """Close it after a piece, wherever in the piece it was left."""
        sys.settrace(None)

    def explain(self, error: Exception) -> None:
        """Open it where the original error was raised.

        Raises:
            KeyboardInterrupt: the user has left the debugger within the piece.
        """
        self.leave()
        first = origin(error)
        if isinstance(first, BdbQuit):
            raise KeyboardInterrupt(_LEFT)
        trace = _own(error)
        if trace is not None:
            self._note(f"{type(first).__name__}: {first}; the debugger opens where it was raised")
            debugger = pdb.Pdb()
            debugger.reset()
            debugger.interaction(None, trace)


def _own(error: Exception) -> TracebackType | None:
    """Return the traceback of what a layer raised: without the machinery, and its last frame no library's."""
    own, frames, trace = {(each.filename, each.lineno) for each in own_frames(error)}, [], origin(error).__traceback__
    while trace is not None:
        if (trace.tb_frame.f_code.co_filename, trace.tb_lineno) in own:
            frames.append(trace)
        trace = trace.tb_next
    while len(frames) > 1 and frames[-1].tb_frame.f_code.co_filename.startswith(_LIBRARIES):
        frames.pop()
    cut: TracebackType | None = None
    for each in reversed(frames):
        cut = TracebackType(cut, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return cut


def _methods(stage: StageSpec, message: Message) -> dict[int, Callable[..., object]]:
    """Return the method of each layer, by its index, that the work on a message calls, in that order."""
    layers: list[tuple[int, Any]] = list(enumerate(stage.layers, stage.first_layer))
    match message:
        case Forward():
            found = {index: type(layer).forward for index, layer in layers}
            if stage.cost is not None:
                found[stage.first_layer + len(layers)] = type(stage.cost).evaluate
            return found
        case Backward():
            return {index: type(layer).backward for index, layer in reversed(layers)}
        case WeightGradient():
            return {index: type(layer).weight_gradient for index, layer in layers if isinstance(layer, Weighted)}
    return {}
