"""A supervisor in a hundred lines: no threads, no actors, one list of messages. What the real one is compared with.

Written from the semantics alone, and on purpose without `RestartWindow`, `Strategy.plan` or `Restart.verdict`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Trace = tuple[str, str, int]
"""What a hook would be told: the kind of event, the child, its incarnation."""


class Over(Exception):
    """Leaves the handling of a message."""


@dataclass
class ModelChild:
    """One child: ``ended`` is why it ended, while the supervisor has not seen that yet."""

    id: str
    restart: str
    significant: bool
    state: str = "stopped"
    incarnation: int = 0
    ended: str | None = None
    retry: int = 0


@dataclass
class Model:
    """The reference: the same options, and for each child the outcomes of its next starts."""

    strategy: str
    max_restarts: int
    max_seconds: int
    auto_shutdown: str
    now: int = 0
    alive: bool = True
    children: dict[str, ModelChild] = field(default_factory=dict)
    outcomes: dict[str, list[str]] = field(default_factory=dict)
    trace: list[Trace] = field(default_factory=list)
    restarts: list[int] = field(default_factory=list)
    mailbox: deque[Callable[[], None]] = field(default_factory=deque)

    # What happens to it

    def crash(self, id: str, reason: str) -> None:
        child = self.children.get(id)
        if child is not None and child.state == "running" and child.ended is None:
            child.ended = reason
            incarnation = child.incarnation
            self.mailbox.append(lambda: self.gone(child, incarnation))

    def call(self, name: str, *args: Any) -> list[Any]:
        """Queue a call; the list that is returned gets its outcome."""
        outcome: list[Any] = []
        self.mailbox.append(lambda: outcome.append(getattr(self, name)(*args)))
        return outcome

    def settle(self) -> None:
        """Handle messages until there are none, or the end."""
        try:
            while self.mailbox:
                self.mailbox.popleft()()
        except Over:
            self.mailbox.clear()
            self.finish()

    def finish(self) -> None:
        self.alive = False
        for child in reversed(self.children.values()):
            self.stop(child)

    # What it does

    def start(self, child: ModelChild) -> bool:
        """Try to start a child; False means that it failed."""
        child.incarnation += 1
        child.retry = 0
        self.trace.append(("ChildStarting", child.id, child.incarnation))
        queue = self.outcomes.get(child.id, [])
        outcome = queue.pop(0) if queue else "child"
        child.state, child.ended = ("running" if outcome == "child" else "stopped"), None
        if outcome == "child":
            self.trace.append(("ChildReady", child.id, child.incarnation))
        if outcome == "fail":
            self.trace.append(("ChildStartFailed", child.id, child.incarnation))
        if outcome == "ignore" and child.restart == "temporary":
            del self.children[child.id]
        return outcome != "fail"

    def stop(self, child: ModelChild) -> None:
        if child.state == "running":
            self.trace.append(("ChildExited", child.id, child.incarnation))
        child.state, child.ended, child.retry = "stopped", None, 0

    def stop_and_maybe_drop(self, child: ModelChild) -> None:
        self.stop(child)
        if child.restart == "temporary":
            del self.children[child.id]

    def gone(self, child: ModelChild, incarnation: int) -> None:
        if child.state != "running" or child.incarnation != incarnation or child.ended is None:
            return
        orderly = child.ended in ("normal", "shutdown")
        self.stop(child)
        if child.restart == "permanent" or (child.restart == "transient" and not orderly):
            self.restart(child)
            return
        if child.restart == "temporary":
            del self.children[child.id]
        others = [other for other in self.children.values() if other.significant and other.state != "stopped"]
        if child.significant and (self.auto_shutdown == "any_significant" or not others):
            raise Over

    def restart(self, child: ModelChild) -> None:
        self.restarts = [self.now, *(then for then in self.restarts if self.now - then <= self.max_seconds)]
        child.state = "restarting"
        if len(self.restarts) > self.max_restarts:
            self.trace.append(("Escalated", child.id, child.incarnation))
            raise Over
        child.state = "stopped"
        ids = list(self.children)
        first = {"one_for_one": len(ids), "one_for_all": 0, "rest_for_one": ids.index(child.id)}[self.strategy]
        for id in reversed(ids[first:]):
            if id != child.id:
                self.stop_and_maybe_drop(self.children[id])
        for id in [id for id in ids[first:] if id in self.children] or [child.id]:
            if not self.restart_one(self.children[id]):
                return

    def restart_one(self, child: ModelChild) -> bool:
        if self.start(child):
            if child.state == "running":
                self.trace.append(("ChildRestarted", child.id, child.incarnation))
            return True
        child.state, child.retry = "restarting", child.incarnation
        token = child.retry
        self.mailbox.append(lambda: self.restart(child) if child.retry == token else None)
        return False

    # Calls: each returns what a caller would see

    def start_child(self, id: str, restart: str, significant: bool) -> str:
        if significant and (restart == "permanent" or self.auto_shutdown == "never"):
            return "BadSpec"
        if id in self.children:
            return "AlreadyStarted" if self.children[id].state == "running" else "AlreadyPresent"
        child = self.children[id] = ModelChild(id, restart, significant)
        if not self.start(child):
            del self.children[id]
            return "StartError"
        return child.state

    def terminate_child(self, id: str) -> str:
        if id not in self.children:
            return "NotFound"
        self.stop_and_maybe_drop(self.children[id])
        return "ok"

    def restart_child(self, id: str) -> str:
        refusal = self.refusal(id)
        if refusal:
            return refusal
        child = self.children[id]
        return child.state if self.start(child) else "StartError"

    def delete_child(self, id: str) -> str:
        refusal = self.refusal(id)
        if not refusal:
            del self.children[id]
        return refusal or "ok"

    def refusal(self, id: str) -> str:
        if id not in self.children:
            return "NotFound"
        return {"running": "StillRunning", "restarting": "StillRestarting", "stopped": ""}[self.children[id].state]

    def which_children(self) -> list[tuple[str, str, int]]:
        return [(child.id, child.state, child.incarnation) for child in reversed(self.children.values())]
