"""Random traces: of any schedule, on any host, with crashes; a seed gives the same training and crashes again."""

from __future__ import annotations

from functools import cache
from random import Random

from annex_actors.runtimes import Crash, CrashPlan, Runtime
from annex_actors.runtimes.simulated import SimulatedRuntime
from annex_actors.runtimes.tracing.kept import InMemory
from annex_actors.runtimes.tracing.scope import Scope
from annex_actors.runtimes.tracing.tracing import Tracing, activated
from annex_actors.tracing.trace import Trace
from annex_actors.training.traced import traced
from tests.trainings import Training, carry_out, host_named, undisturbed

SEEDS = range(50)

SCHEDULES = ("sequential", "gpipe", "1f1b", "1f1b-latency-hiding", "zb-h1", "zb-h2", "pipedream", "2bw", "no-stash")
HOSTS = ("threads", "schedulers", "schedulers", "inline", "inline", "simulated", "processes")


@cache
def random_trace(seed: int) -> tuple[Trace, str]:
    """Return the trace of a random training, with random crashes, and the name of its host."""
    numbers = Random(seed)
    training = Training(
        schedule=numbers.choice(SCHEDULES), microbatches=numbers.randint(1, 4), epochs=numbers.randint(1, 3), seed=seed
    )
    crashes = [
        Crash(
            layer=numbers.randrange(4), step=numbers.randrange(training.steps), at=numbers.choice(["forward", "update"])
        )
        for _ in range(numbers.choice([0, 1, 2]))
    ]
    name = numbers.choice(HOSTS)
    host: Runtime = SimulatedRuntime() if name == "simulated" else host_named(name)
    kept: list[InMemory] = []

    def keep() -> InMemory:
        kept.append(InMemory())
        return kept[-1]

    with activated(Tracing(Scope.of(numbers.choice(["all", "all", "2"])), keep)):
        program = traced(training.program(crashes=CrashPlan(crashes)), host)
        outcome = carry_out(program, host, training.initial)
    assert outcome.fingerprints == undisturbed(training).fingerprints, "a trace changes no bit"
    return Trace(kept[0].header, kept[0].records), name
