"""A wait in a coroutine: the event loop goes on meanwhile."""

from __future__ import annotations

from contextlib import suppress

from supervisors.threads.latch import Latch


async def latch_is_set(latch: Latch, timeout: float | None = None) -> bool:
    """Wait until ``latch`` is set, without blocking the event loop; return whether it is.

    Args:
        latch: what to wait for; set in any thread.
        timeout: seconds to wait; None waits for ever.

    Raises:
        asyncio.CancelledError: the task was cancelled; nothing is left of the wait.
    """
    import asyncio  # not with the package: importing it takes longer than all the rest

    if latch.is_set():
        return True
    loop = asyncio.get_running_loop()
    is_set = asyncio.Event()

    def wake() -> None:
        with suppress(RuntimeError):  # the loop has ended, and with it the wait
            loop.call_soon_threadsafe(is_set.set)

    latch.on_set(wake)
    try:
        await asyncio.wait_for(is_set.wait(), timeout)
    except TimeoutError:
        return latch.is_set()
    finally:
        latch.forget(wake)
    return True
