"""In a coroutine an answer is awaited, and the event loop goes on meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pykka
import pytest

from supervisors import ActorDead, DeadlineExceeded, MailboxFull, MailboxLimit, ScheduledActor, Scheduler
from tests.supervisors.stubs import PATIENCE_S, Died, Gate, Worker, down


async def ticks_until(gate: Gate, asking: Any) -> int:
    """Open the gate after some ticks of the event loop, and return how many there were before the answer came."""
    task, ticks = asyncio.ensure_future(asking), 0
    while not task.done():
        await asyncio.sleep(0)
        ticks += 1
        if ticks == 100:
            gate.opened.set()
    await task
    return ticks


def test_the_event_loop_goes_on_while_an_answer_is_awaited() -> None:
    ref = Worker.start()

    async def ask() -> None:
        waits: list[Callable[[Gate], Any]] = [
            ref.ask_async,
            lambda gate: as_coroutine(ref.ask(gate, block=False)),
            lambda gate: as_coroutine(ref.proxy().on_receive(gate)),
        ]
        for wait in waits:
            gate = Gate()
            assert await ticks_until(gate, wait(gate)) >= 100

    asyncio.run(ask())
    ref.stop()


async def as_coroutine(future: Any) -> Any:
    return await future


def test_an_answer_is_awaited_from_actors_of_both_kinds() -> None:
    class Echo(ScheduledActor):
        def on_receive(self, message: Any) -> Any:
            return message

    with Scheduler(1) as scheduler:
        ref, other = Worker.start(), Echo.start(scheduler)

        async def ask() -> Any:
            return await asyncio.gather(ref.ask_async("ping"), other.ask_async("echo"), other.ask(3, block=False))

        assert asyncio.run(ask()) == [1, "echo", 3]
        ref.stop()


def test_a_crash_and_a_dead_actor_are_errors_of_the_one_that_awaits() -> None:
    ref = Worker.start()

    async def ask() -> None:
        with pytest.raises(Died):
            await ref.ask_async("die")
        down(ref)
        with pytest.raises(ActorDead):
            await ref.ask_async("ping")
        with pytest.raises(ActorDead):
            await ref.ask("ping", block=False)

    asyncio.run(ask())


def test_an_actor_that_is_killed_fails_what_is_awaited() -> None:
    ref, gate = Worker.start(), Gate()

    async def ask() -> None:
        first, second = ref.ask(gate, block=False), ref.ask("ping", block=False)
        await asyncio.to_thread(gate.entered.wait, PATIENCE_S)
        ref.actor_state.request_kill()
        gate.opened.set()
        for future in (first, second):
            with pytest.raises(ActorDead):
                await future

    asyncio.run(ask())


@pytest.mark.parametrize(("timeout", "text"), [(1, "1 second"), (0.25, "0.25 seconds"), (1 / 3, "0.333333 seconds")])
def test_a_timeout_says_after_how_many_seconds(timeout: float, text: str) -> None:
    ref, gate = Worker.start(), Gate()
    ref.tell(gate)
    asked = ref.ask("ping", block=False)
    with pytest.raises(pykka.Timeout) as caught:
        asked.get(timeout=timeout)
    assert str(caught.value) == text
    gate.opened.set()
    ref.stop()


def test_a_timeout_and_a_deadline_hold_in_a_coroutine() -> None:
    ref, gate = Worker.start(), Gate()

    async def ask() -> None:
        with pytest.raises(pykka.Timeout):
            await ref.ask_async(gate, timeout=0.01)
        with pytest.raises(DeadlineExceeded):
            await ref.ask_async("ping", deadline_s=0.01)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await ref.ask_async("ping")

    asyncio.run(ask())
    gate.opened.set()
    assert ref.ask("ping") == 1
    ref.stop()


def test_a_task_that_is_cancelled_leaves_nothing_and_the_actor_goes_on() -> None:
    ref, gate = Worker.start(), Gate()

    async def ask() -> None:
        asking = asyncio.create_task(ref.ask_async(gate))
        await asyncio.to_thread(gate.entered.wait, PATIENCE_S)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    asyncio.run(ask())
    gate.opened.set()
    assert ref.ask("ping") == 1
    ref.stop()


def test_an_answer_after_the_end_of_the_event_loop_harms_nobody() -> None:
    ref, gate = Worker.start(), Gate()

    async def ask() -> None:
        with pytest.raises(pykka.Timeout):
            await ref.ask_async(gate, timeout=0.01)
        asking = asyncio.ensure_future(as_coroutine(ref.ask("ping", block=False)))
        await asyncio.sleep(0)
        del asking

    asyncio.run(ask())
    gate.opened.set()
    assert ref.ask("ping") == 1
    ref.stop()


@pytest.mark.parametrize("overflow", ["block", "fail", "drop"])
def test_a_full_mailbox_does_not_hold_the_event_loop_up(overflow: Any) -> None:
    class Small(Worker):
        mailbox_limit = MailboxLimit(1, overflow)

    ref, gate = Small.start(), Gate()

    async def ask() -> None:
        ref.tell(gate)
        await asyncio.to_thread(gate.entered.wait, PATIENCE_S)
        ref.tell("ping")
        with pytest.raises(MailboxFull):
            await ref.ask_async("ping")

    asyncio.run(ask())
    gate.opened.set()
    ref.stop()


def test_a_future_that_was_made_of_another_can_be_awaited() -> None:
    ref = Worker.start()

    async def ask() -> Any:
        return await ref.ask("ping", block=False).map(lambda answer: answer + 1)

    assert asyncio.run(ask()) == 2
    ref.stop()
