"""Whether a class of actors takes the arguments that it is to be started with; known before anything starts."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from supervisors.rules.options import did_you_mean

_FITTING: WeakKeyDictionary[type, set[tuple[object, ...]]] = WeakKeyDictionary()
"""Which numbers and names of arguments were found to fit a class: to find out takes as long as to start an actor, and
depends on nothing else."""


def refused_arguments(
    actor_class: type,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    *,
    options: Iterable[str] = (),
    whole: bool = True,
) -> str | None:
    """Return what is wrong with the arguments for a class of actors, as the end of a sentence; None if nothing is.

    Args:
        actor_class: whose ``__init__`` gets them.
        args: by position.
        kwargs: by name.
        options: what else the call takes by name, for a hint at a misspelt one.
        whole: whether these are all; otherwise some positional ones may come before them.
    """
    shape = (len(args), *kwargs, whole)
    fitting = _FITTING.get(actor_class)
    if fitting is not None and shape in fitting:
        return None
    signature = inspect.signature(actor_class)
    parameters = signature.parameters
    if not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
        for name in kwargs:
            if name not in parameters:
                return f"got an unexpected keyword argument {name!r}{did_you_mean(name, [*parameters, *options])}"
    try:
        signature.bind(*args, **kwargs) if whole else signature.bind_partial(*args, **kwargs)
    except TypeError as error:
        return str(error)
    _FITTING.setdefault(actor_class, set()).add(shape)
    return None
