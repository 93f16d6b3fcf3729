"""What makes a torch module, by name: a class or function of a module of Python's, or something in a user's file."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import shown
from annex_actors.base.user_files import user_module

Factory = Callable[[], Any]
"""Makes a torch module: a class or a function without arguments, found again by its name when it is unpickled."""


@dataclass(frozen=True)
class Template:
    """Copies a torch module that a user's file has made, and draws its weights.

    The numbers in the module itself do not count, since they were drawn when the file happened to run.

    Args:
        file: the name of the file.
        name: of the module in it.
    """

    file: str
    name: str

    def __call__(self) -> Any:
        """Return a copy, all of whose parameters are drawn.

        Raises:
            ConfigError: a part of it has parameters and no method ``reset_parameters`` that draws them.
        """
        module = deepcopy(getattr(user_module(self.file), self.name))
        for each in module.modules():
            reset = getattr(each, "reset_parameters", None) or getattr(each, "_reset_parameters", None)
            if reset is not None:
                reset()
            elif any(True for _ in each.parameters(recurse=False)):
                raise ConfigError(
                    f"expected {self.name} in {self.file} to be made of modules with a method `reset_parameters`, "
                    f"got {type(each).__name__}; write a function that returns the module"
                )
        return module


def factory_in(file: str, name: str) -> Factory:
    """Return what a text names: ``NAME`` in ``FILE.py``. The file has run before; nothing runs here.

    Only what the file itself defines counts: a text may come from anybody, and must not call what the file imports.

    Raises:
        ConfigError: no file of this name has run, or it has nothing such.
    """
    module = user_module(file)
    found = vars(module).get(name)
    if isinstance(found, type) or inspect.isfunction(found):
        if found.__module__ == module.__name__ and found.__qualname__ == name:
            return found
        got = f"one of {found.__module__}; define it there"
    elif hasattr(found, "named_parameters"):
        return Template(os.path.basename(file), name)
    else:
        got = "none" if name not in vars(module) else shown(found)
    wanted = f"a class, a function or a torch module of its own that is called {name}"
    raise ConfigError(f"expected {file} to have {wanted}, got {got}")


def checked_factory(factory: Any) -> Factory:
    """Return what makes a module, if it can be found again by name.

    Raises:
        ConfigError: it is a module and not what makes one, has no name, or takes arguments.
    """
    if isinstance(factory, Template):
        return factory
    if not (isinstance(factory, type) or inspect.isfunction(factory)) or "<" in factory.__qualname__:
        hint = ""
        if hasattr(factory, "named_parameters"):
            hint = ", which has weights, and a layer holds none: write a function that returns it"
        raise ConfigError(
            "expected `factory` to be a class or a function with a name in its file, which returns a torch module, "
            f"got {shown(factory)}{hint}"
        )
    try:
        inspect.signature(factory).bind()
    except TypeError as error:
        raise ConfigError(
            f"expected `factory` to take no arguments, got {factory.__qualname__}: {error}; "
            "write a function that calls it with them"
        ) from None
    except ValueError:  # a class whose arguments Python does not know
        pass
    return factory


def file_and_name(factory: Factory) -> tuple[str, str]:
    """Return the name of the file in which a factory is defined, and its own: they tell factories apart in texts."""
    if isinstance(factory, Template):
        return factory.file, factory.name
    module = sys.modules.get(factory.__module__)
    file = getattr(module, "__file__", None) or f"{factory.__module__}.py"
    return os.path.basename(file), factory.__qualname__
