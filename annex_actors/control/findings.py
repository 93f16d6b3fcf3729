"""What is wrong with the actors of a run, as JSON: what ``doctor`` shows."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from annex_actors.control.status import RunState

Verdict: TypeAlias = Literal["does not answer", "hangs", "restarting", "mailbox full", "slow", "fine"]
"""What is wrong with an actor; see `annex_actors.control.checkup`."""


class Checkup(BaseModel):
    """What was found out about an actor.

    Args:
        id: its name, such as ``stage-1``.
        label: for people.
        node: see `ActorStatus`.
        verdict: see the module.
        text: one line that says what is wrong; empty where nothing is.
        answer_ms: how long its host took to answer; None: it did not.
        mailbox: how many messages wait for it; None: not known.
        work: its current piece of work; None: it has none.
        work_seconds: how long it has worked at that.
        stack: the calls that its thread is in, innermost last; only where it does not come back.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    label: str
    node: str = ""
    verdict: Verdict = "fine"
    text: str = ""
    answer_ms: float | None = None
    mailbox: int | None = None
    work: str | None = None
    work_seconds: float | None = None
    stack: tuple[str, ...] = ()


class Diagnosis(BaseModel):
    """What is wrong with a run.

    Args:
        version: of this schema.
        run: the run's folder.
        state: how far it is.
        fine: whether nothing is wrong.
        text: what is wrong with the run as a whole; empty where nothing is.
        actors: what is wrong with each actor: layers in their order, then reader and trainer.
    """

    model_config = ConfigDict(frozen=True)

    version: int = 1
    run: str
    state: RunState
    fine: bool
    text: str = ""
    actors: tuple[Checkup, ...] = ()
