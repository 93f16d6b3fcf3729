"""The setting `stages`: which layers share an actor, checked, in one form whatever it was given as."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import shown
from annex_actors.base.words import counted
from annex_actors.layers import NUMPY, Kernels
from annex_actors.placement import Plan, PlannedStage
from annex_actors.schedules.discipline import Discipline
from annex_actors.training.assembly import check_replicas

PER_LAYER = "layer"
"""The placement with an actor for each layer."""

AUTO = "auto"
"""The plan that is fastest here and now; `annex_actors.training.automatic` finds it when a training begins."""

Stages: TypeAlias = str | int | Plan
"""`PER_LAYER`, `AUTO`, how many actors share the layers by their work, or a plan; as a setting also a plan's text."""

_WANTED = f'"{PER_LAYER}", "{AUTO}", an integer >= 1, or the layers of each stage, as "3,2,2"'
_DIGITS = 18
"""The most digits of a number; more are a mistake."""


def checked_stages(stages: Stages, layers: Sequence[str]) -> Stages:
    """Return the setting in its one form: `PER_LAYER`, `AUTO`, an integer, or a plan that says more than that.

    Args:
        stages: the setting. A text of digits alone is a number of actors, as on the command line.
        layers: the text of each layer of the network.

    Raises:
        ConfigError: something else, or a plan that does not place each layer once.
    """
    if isinstance(stages, Plan):
        stages.check(layers)
        return _normal(stages)
    if isinstance(stages, str):
        text = stages.strip()
        if text in (PER_LAYER, AUTO):
            return text
        if not text[:1].isdecimal() or not text.isascii():
            raise ConfigError(f"expected `stages` to be {_WANTED}, got {shown(stages)}")
        if not text.isdecimal():
            return _normal(Plan.parse(text, layers))
        stages = int(text) if len(text) <= _DIGITS else 10**_DIGITS
    return _checked_number(stages, len(layers))


def stages_setting(stages: Stages) -> str | int:
    """Return a checked setting as a config file or the file of a learner holds it."""
    return str(stages) if isinstance(stages, Plan) else stages


def replicas_of(stages: Stages) -> tuple[int, ...]:
    """Return how many replicas each stage has; empty where each has one."""
    counts = tuple(stage.replicas for stage in stages.stages) if isinstance(stages, Plan) else ()
    return counts if max(counts, default=1) > 1 else ()


def check_possible(stages: Stages, kernels: Kernels, schedule: Discipline) -> None:
    """Refuse a plan that asks for what no runtime carries out.

    All stages have the same number of BLAS threads. Only one holds in a process, and every plan must be possible on
    every runtime, since a run may go on on another one and few samples are predicted in the calling thread.

    Raises:
        ConfigError: a worker; replicas by a schedule whose steps overlap; unequal numbers of BLAS threads; or
            several with other kernels than NumPy's, which compute each product on one thread.
    """
    if not isinstance(stages, Plan):
        return
    for index, stage in enumerate(stages.stages):
        _refuse(index, "worker", stage.worker, stage.worker is None, "left out: each stage has an actor of its own")
    check_replicas(replicas_of(stages), schedule)
    numbers = sorted({stage.blas_threads for stage in stages.stages})
    if len(numbers) > 1:
        got = " and ".join(map(str, (numbers[0], numbers[-1])))
        raise ConfigError(
            f"expected `blas_threads` to be the same for all stages, since one number holds in a process, got {got}; "
            "choose one"
        )
    if numbers != [1] and kernels != NUMPY:
        cure = "leave it out, or choose the kernels numpy"
        raise ConfigError(f"expected `blas_threads` to be 1 with kernels {kernels.name!r}, got {numbers[0]}; {cure}")


def _refuse(index: int, name: str, value: object, possible: bool, wanted: str) -> None:
    if not possible:
        raise ConfigError(f"expected `{name}` of stage {index} to be {wanted}, got {shown(value)}; leave it out")


def _normal(plan: Plan) -> Stages:
    return 1 if plan.stages == (PlannedStage(plan.layers),) else plan


def _checked_number(stages: int, layers: int) -> int:
    number = checks.whole_number("stages", stages, at_least=1)
    if number > layers + 1:
        actors = f"an actor for each of {counted(layers, 'layer')} and one for the cost"
        raise ConfigError(f"expected `stages` to be at most {layers + 1}, {actors}, got {number}; ask for fewer")
    return number
