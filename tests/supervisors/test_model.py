"""The supervisor does what a small reference model says, over random sequences of whatever can happen to it."""

from __future__ import annotations

import logging
import random
from typing import Any

import pykka
import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from supervisors import (
    KILLED,
    NORMAL,
    SHUTDOWN,
    ActorDead,
    ChildEvent,
    ChildInfo,
    ChildSpec,
    ChildState,
    Crashed,
    Ignore,
    Restart,
    Strategy,
    SupervisionError,
    Supervisor,
    SupervisorRef,
)
from supervisors.calls import Call
from supervisors.testing import ManualClock, ScriptedStart
from tests.supervisors.model import Model
from tests.supervisors.stubs import PATIENCE_S, Died, Gate, Recorder, down

REASONS = {"normal": NORMAL, "shutdown": SHUTDOWN, "killed": KILLED, "crash": Crashed(Died())}

ids = st.sampled_from("abcd")
restarts = st.sampled_from([restart.value for restart in Restart])
seldom = st.sampled_from([False, False, False, True])
crashes = st.tuples(st.just("crash"), st.integers(0, 3), st.sampled_from(sorted(REASONS)))
actions = st.one_of(
    crashes,
    crashes,
    crashes,
    st.tuples(st.sampled_from(["terminate_child", "restart_child", "delete_child"]), ids),
    st.tuples(st.just("start_child"), ids, restarts, seldom),
)


class HeldUp(Supervisor):
    """A supervisor that can be held up, so that what comes meanwhile is handled in a known order."""

    def on_receive(self, message: Gate) -> None:
        message.pass_through()


class Comparison(RuleBasedStateMachine):
    """Does the same things to a supervisor of scripted children and to the model."""

    tree: SupervisorRef | None = None

    @initialize(
        strategy=st.sampled_from([strategy.value for strategy in Strategy]),
        max_restarts=st.sampled_from([3, 2, 1, 50, 0]),
        max_seconds=st.integers(1, 3),
        auto_shutdown=st.sampled_from(["never", "never", "never", "any_significant", "all_significant"]),
        children=st.lists(st.tuples(restarts, seldom), min_size=2, max_size=4),
    )
    def begin(self, strategy: Any, max_restarts: int, max_seconds: int, auto_shutdown: Any, children: Any) -> None:
        self.clock, self.recorder = ManualClock(), Recorder()
        self.starts = {id: ScriptedStart() for id in "abcd"}
        self.model = Model(strategy, max_restarts, max_seconds, auto_shutdown, outcomes={id: [] for id in "abcd"})
        self.tree = HeldUp.start(
            [],
            strategy=strategy,
            max_restarts=max_restarts,
            max_seconds=max_seconds,
            auto_shutdown=auto_shutdown,
            clock=self.clock,
            hooks=[self.recorder],
        )
        self.do([("start_child", id, restart, sign) for id, (restart, sign) in zip("abcd", children, strict=False)])

    def running(self) -> bool:
        return self.tree is not None and self.model.alive

    @precondition(running)
    @rule(batch=st.lists(actions, min_size=2, max_size=4))
    def do(self, batch: list[Any]) -> None:
        """Let several things happen before the supervisor comes to any of them."""
        assert self.tree is not None
        gate = Gate()
        self.tree.tell(gate)
        assert gate.entered.wait(PATIENCE_S)
        pairs = [self.happen(*action) for action in batch]
        gate.opened.set()
        self.model.settle()
        outcomes = [
            (self.outcome(future), expected[0] if expected else "ActorDead") for future, expected in filter(None, pairs)
        ]
        assert [real for real, _ in outcomes] == [expected for _, expected in outcomes]
        self.come_to_rest()

    def happen(self, name: str, id: Any, *args: Any) -> tuple[Any, list[Any]] | None:
        if name == "crash":
            self.crash(id, args[0])
            return None
        expected = self.model.call(name, id, *args)
        if name == "start_child":
            restart, significant = args
            if significant and restart == "permanent":
                return None
            spec = ChildSpec(id, self.starts[id], restart=Restart(restart), significant=significant)
            return self.ask(name, spec), expected
        return self.ask(name, id), expected

    def crash(self, number: int, reason: str) -> None:
        """Let one of the children that run end by itself."""
        running = [child.id for child in self.model.children.values() if child.state == "running"]
        if running:
            id = running[number % len(running)]
            self.model.crash(id, reason)
            self.starts[id].child.exit(REASONS[reason])

    def ask(self, name: str, *args: Any) -> pykka.Future[Any]:
        assert self.tree is not None
        return self.tree.ask(Call(name, args), block=False)

    def outcome(self, future: pykka.Future[Any]) -> str:
        try:
            answer = future.get(timeout=PATIENCE_S)
        except ActorDead:
            return "ActorDead"
        except SupervisionError as error:
            return type(error).__name__
        return answer.state.value if isinstance(answer, ChildInfo) else "ok"

    def come_to_rest(self) -> None:
        """Wait until the supervisor has nothing more to do."""
        assert self.tree is not None
        try:
            while any(info.state is ChildState.RESTARTING for info in self.tree.which_children()):
                pass
        except ActorDead:
            down(self.tree)

    @precondition(running)
    @rule(id=ids, outcomes=st.lists(st.sampled_from(["fail", "ignore", "child"]), max_size=4))
    def script(self, id: str, outcomes: list[str]) -> None:
        """Say how the next starts of a child go."""
        self.model.outcomes[id] = list(outcomes)
        real = {"fail": Died("scripted"), "ignore": Ignore(), "child": None}
        self.starts[id].outcomes = [real[outcome] for outcome in outcomes]

    @precondition(running)
    @rule(beyond=st.sampled_from([0, 1, None]))
    def let_time_pass(self, beyond: int | None) -> None:
        """Go on to the edge of the window, just beyond it, or not so far."""
        seconds = 1 if beyond is None else self.model.max_seconds + beyond
        self.model.now += seconds
        self.clock.advance(seconds)

    @precondition(running)
    @rule(really=st.sampled_from([False] * 29 + [True]))
    def stop(self, really: bool) -> None:
        assert self.tree is not None
        if not really:
            return
        self.tree.stop()
        self.model.finish()

    @precondition(lambda self: self.tree is not None and not self.model.alive)
    @rule()
    def ask_one_that_has_ended(self) -> None:
        assert self.tree is not None
        with pytest.raises(ActorDead):
            self.tree.which_children()

    @invariant()
    def the_two_agree(self) -> None:
        if self.tree is None:
            return
        events = [event for event in self.recorder.events if isinstance(event, ChildEvent)]
        trace = [(type(event).__name__, event.id, event.incarnation) for event in events]
        told = [entry for entry in trace if entry[0] != "ChildShutdownFailed"]
        assert told == self.model.trace
        assert (self.tree.exit_reason is None) == self.model.alive
        if self.model.alive:
            children = [(info.id, info.state.value, info.incarnation) for info in self.tree.which_children()]
            assert children == self.model.which_children()
        else:
            assert down(self.tree).is_orderly

    def teardown(self) -> None:
        if self.tree is not None:
            self.tree.stop()


@pytest.mark.timeout(1800)
def test_case_x12_random_sequences_end_as_in_the_reference_model(
    whole: bool, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "supervisors")  # ten thousand crashes are meant, and not news
    number = random.SystemRandom().randrange(2**32)
    examples = 2000 if whole else 200
    with capsys.disabled():
        print(f"\n{examples} random sequences of supervision, seed {number}")  # noqa: T201 - the seed is to be seen
    run_state_machine_as_test(
        seed(number)(Comparison),
        settings=settings(
            max_examples=examples,
            stateful_step_count=50,
            deadline=None,
            print_blob=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
