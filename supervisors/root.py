"""What a whole tree of supervisors shares, given to its root."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from supervisors.lifecycle.context import LOGGER, StartContext
from supervisors.lifecycle.hooks import Hook, Hooks
from supervisors.lifecycle.registry import Registry
from supervisors.rules.errors import BadSpec
from supervisors.rules.options import number
from supervisors.rules.printing import shown
from supervisors.threads.clock import Clock, SystemClock, checked_clock
from supervisors.threads.timers import Timers


class TreeOptions(TypedDict, total=False):
    """The keyword arguments of every supervisor's ``start`` that hold for the whole tree below it."""

    hooks: Iterable[Hook] | Hooks
    """Called with every event in the tree; none by default."""

    clock: Clock | None
    """Where the tree takes the time from; None, the default, for the system's clock."""

    registry: Registry | None
    """Where the named children of the tree are registered; None, the default, for a new registry."""

    mailbox_sample_s: float | None
    """How often the hooks are called with the depth of each child's mailbox, in seconds > 0; None, the default, for
    never."""

    logger: str
    """The name of the logger that the tree's reports go to; ``supervisors`` by default. A program that gives another
    one decides what is printed: a handler of that logger, or none."""


def root_context(
    name: str,
    *,
    hooks: Iterable[Hook] | Hooks = (),
    clock: Clock | None = None,
    registry: Registry | None = None,
    mailbox_sample_s: float | None = None,
    logger: str = LOGGER,
) -> tuple[StartContext, Timers]:
    """Return the context of a supervisor that has none above it, and the timers of its tree, to be stopped at its end.

    The options are `TreeOptions`.

    Raises:
        BadSpec: an option is wrong.
    """
    if not isinstance(name, str) or not name:
        raise BadSpec(f"expected `name` to be a non-empty string, got {shown(name)}")
    if registry is not None and not isinstance(registry, Registry):
        raise BadSpec(f"expected `registry` to be a Registry or None, got {shown(registry)}")
    if not isinstance(logger, str):
        raise BadSpec(f"expected `logger` to be the name of a logger, got {shown(logger)}")
    if mailbox_sample_s is not None:
        number("mailbox_sample_s", mailbox_sample_s, above=0, expected="seconds > 0 or None")
    clock = SystemClock() if clock is None else checked_clock(clock)
    timers = Timers(clock)
    context = StartContext(
        id=name,
        name=name,
        registry=Registry() if registry is None else registry,
        clock=clock,
        hooks=hooks if isinstance(hooks, Hooks) else Hooks(hooks),
        timers=timers,
        mailbox_sample_s=mailbox_sample_s,
        logger=logger,
    )
    return context, timers
