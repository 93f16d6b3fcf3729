"""How a worker says why it ends: its error with traceback and causes; where that cannot be read elsewhere, as text."""

from __future__ import annotations

import pickle

from tblib import pickling_support

from annex_actors.base.errors import LayerError, RemoteError, named
from annex_actors.runtimes.hosting.own_code import own_line, own_traceback
from annex_actors.runtimes.hosting.workers.control_messages import Ended


def ended_by(error: BaseException) -> Ended:
    """Return the last message of a worker whose peer has failed."""
    plain = pickled(as_remote(error))
    try:
        return Ended(pickled(error), plain)
    except Exception:  # noqa: BLE001 - an exception may hold anything; then only its text is sent
        return Ended(b"", plain)


def pickled(error: BaseException) -> bytes:
    """Return an exception as bytes, with its traceback and its causes."""
    pickling_support.install(error)
    return pickle.dumps(error)


def as_remote(error: BaseException) -> BaseException:
    """Return what any process can read of an exception: its place in a layer, its type, message and own traceback."""
    if isinstance(error, LayerError) and error.__cause__ is not None:
        place = {name: getattr(error, name) for name in ("address", "layer", "step", "microbatch", "work")}
        layer_error = LayerError(str(error), **place)
        layer_error.__cause__ = as_remote(error.__cause__)
        return layer_error
    remote = RemoteError(named(error), own_line(error))
    remote.add_note(own_traceback(error) or "")
    return remote
