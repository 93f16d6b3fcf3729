"""What a runtime does when nothing can happen any more: it notices, and says which peers wait for what."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace

from annex_actors.peers.stage import StageSpec
from annex_actors.peers.trainer_state import TrainerState
from annex_actors.protocol.instrument import NO_INSTRUMENT, Instrument
from annex_actors.protocol.mailbox import Mailbox, Urgency
from annex_actors.protocol.messages import Forward, Message
from annex_actors.protocol.node import Node, every_step
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes import Program, Runtime, StandstillError
from annex_actors.testing.promises import require
from annex_actors.testing.small_runs import TIMEOUT_S, after_step, committed, prepared, program, same


def notices_that_a_message_is_lost(runtime: Runtime) -> None:
    """A message that is lost for good ends the run; the error says which peers wait for what."""
    run = program()
    lost = _losing(prepared().spec.stage_specs(prepared().initial, run.run)[2], step=3, microbatch=1)
    run = replace(run, stages=(*run.stages[:2], lost, *run.stages[3:]))
    _require_standstill(
        runtime,
        run,
        "trainer waits for the cost of step 3; "
        "layer 0 dense:6 and layer 1 relu wait for the gradient of step 3 microbatch 1; "
        "layer 2 dropout:0.3 and 2 more wait for the activation of step 3 microbatch 1",
    )
    require(committed(run).step == 3, f"expected the last step that all committed, 3, got {committed(run).step}")
    require(same(committed(run), after_step(3)), "expected a run that stands still to leave the bits of the oracle")


def notices_that_the_trainer_is_ahead(runtime: Runtime) -> None:
    """A trainer that begins after a step of the layers ends the run; the error says which peers wait for what."""
    ahead = replace(prepared().trainer, resumed=TrainerState().with_report(0.5, 5))
    _require_standstill(
        runtime,
        replace(program(), driver=ahead),
        "trainer waits for the cost of step 1; "
        "layer 0 dense:6 and 4 more wait for the activation of step 0 microbatch 0",
    )


def _require_standstill(runtime: Runtime, run: Program, waits: str) -> None:
    error = _failure(runtime, run)
    require(isinstance(error, StandstillError), f"expected a run that stands still to fail, got {error!r}")
    expected = f"the run stands still: {waits}"
    require(str(error) == expected, f"expected the error {expected!r}, got {str(error)!r}")


def _failure(runtime: Runtime, run: Program) -> Exception | None:
    """Return the error of a run; raise AssertionError if it goes on for too long."""
    job, errors = runtime.start(run), list[Exception]()

    def wait() -> None:
        try:
            job.wait()
        except Exception as error:  # noqa: BLE001 - returned below, in the thread that checks
            errors.append(error)

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    waiting.join(TIMEOUT_S)
    goes_on = waiting.is_alive()
    job.close()
    waiting.join()
    require(not goes_on, "expected a run that stands still to end, got one that waits for ever")
    return errors[0] if errors else None


def _losing(stage: StageSpec, *, step: int, microbatch: int) -> StageSpec:
    values = {each.name: getattr(stage, each.name) for each in fields(StageSpec)}
    return Forgetful(**values, lost=(step, microbatch))


@dataclass(frozen=True)
class Forgetful(StageSpec):
    """A stage whose mailbox loses one activation, however often it is sent."""

    lost: tuple[int, int] = field(kw_only=True)

    def node(
        self,
        snapshot: Snapshot | None,
        incarnation: int,
        instrument: Instrument = NO_INSTRUMENT,
        is_due: Callable[[int], bool] = every_step,
    ) -> Node:
        """Return the stage as a peer."""
        node = super().node(snapshot, incarnation, instrument, is_due)
        node.mailbox = _ForgetfulMailbox(node.mailbox, self.lost)
        return node


@dataclass(frozen=True)
class _ForgetfulMailbox:
    """A mailbox that loses one activation."""

    inner: Mailbox
    lost: tuple[int, int]

    @property
    def waiting(self) -> int:
        """How many messages are here."""
        return self.inner.waiting

    def put(self, message: Message) -> None:
        """Store a message, or lose it."""
        if not isinstance(message, Forward) or (message.step, message.microbatch) != self.lost:
            self.inner.put(message)

    def next(self) -> Message | None:
        """Return the next message."""
        return self.inner.next()

    def urgency(self) -> Urgency | None:
        """Return how urgent it is."""
        return self.inner.urgency()

    def commit(self, step: int) -> None:
        """Record a commit."""
        self.inner.commit(step)
