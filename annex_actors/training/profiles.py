"""Profile a learner's network: measure it, or find what was measured before of the same work on the same machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, DivergedError
from annex_actors.base.files import read_file
from annex_actors.data import Dataset
from annex_actors.placement.plan import Plan, PlannedStage
from annex_actors.placement.profile import Hop, LayerProfile, Profile
from annex_actors.profiling import LayerBytes, Measured, Workload, layer_bytes, machine, measure_hop, measure_layers
from annex_actors.protocol.instrument import NO_INSTRUMENT, Instrument
from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes import InlineRuntime, Program, RayRuntime, runtime
from annex_actors.stores import MemoryStore
from annex_actors.training import kept_profiles
from annex_actors.training.blocks import block, prepared_blocks
from annex_actors.training.learner_spec import LearnerSpec, checked_spec
from annex_actors.training.preparation import PreparedTraining

RUNTIMES = ("schedulers", "threads", "processes")
"""Those whose actors work at once, and so have hops; so has ``ray``, which only starts where it is named."""

_SHARE = 0.6
"""Of the time, that which is for the layers; the rest is for the hops."""


def profile(
    spec: LearnerSpec,
    dataset: Dataset,
    *,
    batch_size: int = 32,
    microbatches: Sequence[int] | None = None,
    runtimes: Sequence[str] = RUNTIMES,
    seconds: float = 5.0,
    fresh: bool = False,
    blas_threads: int = 1,
) -> Profile:
    """Return what each layer of a learner's network costs on this machine, and what a message does.

    It is kept in the user's cache, under ``$XDG_CACHE_HOME`` or ``~/.cache``, by all that times depend on: layers and
    their settings, shapes, cost, optimizer, sizes of microbatches, machine and versions. Hops are kept by the machine
    alone. The code of a layer of your own does not count, unless it is in a file of ``load``.

    Args:
        spec: the learner's settings. No weights are changed, and the learner's runtime is not used.
        dataset: of whose training samples microbatches are made.
        batch_size: samples in a step, >= 1.
        microbatches: into how many a step is cut, each >= 1; the profile is for the first, with the others beside it.
            None: as the learner does.
        runtimes: names of those whose hops are measured.
        seconds: about how long to measure, > 0. It ends sooner where times are known within a percent.
        fresh: whether to measure again what is known.
        blas_threads: on how many threads the BLAS library computes each product of the layers.

    Raises:
        UserError: settings or data that do not fit.
    """
    checked_spec(spec)
    checks.instance("dataset", dataset, Dataset, 'a data set, such as load("iris")')
    batch_size = checks.whole_number("batch_size", batch_size, at_least=1)
    fresh = checks.boolean("fresh", fresh)
    seconds = checks.real_number("seconds", seconds, above=0)
    names = [_checked_runtime(each) for each in checks.several("runtimes", runtimes, "a list of runtimes")]
    size = min(batch_size, len(dataset.train))
    given = [spec.parts(size)] if microbatches is None else _checked_parts(microbatches, size)
    threads = checks.whole_number("blas_threads", blas_threads, at_least=1)
    plan = Plan((PlannedStage(len(spec.network.layers) + 1, blas_threads=threads),))
    alone = [replace(spec, stages=plan, microbatches=each, runtime=InlineRuntime()) for each in given]
    trainings = {
        size // parts: prepared_blocks(of, dataset, size // parts) for of, parts in zip(alone, given, strict=True)
    }
    found = machine(spec.kernels)
    key = _key(trainings, found, threads)
    known = None if fresh else kept_profiles.layers(key)
    hops = _hops(names, found, seconds * (1 - _SHARE), fresh=fresh)
    if known is None:
        known = replace(_measured(trainings, found, seconds * _SHARE), blas_threads=threads)
        kept_profiles.keep_layers(key, known)
    return replace(known, hops=hops)


def bytes_of_layers(spec: LearnerSpec, dataset: Dataset, batch_size: int) -> tuple[LayerBytes, ...]:
    """Return the bytes of each layer's arrays for a microbatch of a training, the cost as the last layer.

    Args:
        spec: the learner's settings. No weights are changed, and the learner's runtime is not used.
        dataset: of whose training samples the microbatch is made.
        batch_size: samples in a step, >= 1.
    """
    size = min(batch_size, len(dataset.train))
    parts = spec.parts(size)
    alone = replace(spec, stages=1, microbatches=1, runtime=InlineRuntime())
    return layer_bytes(_program(prepared_blocks(alone, dataset, -(-size // parts)), 1, NO_INSTRUMENT))


def _checked_runtime(name: str) -> str:
    found = runtime(name).name
    if found not in (*RUNTIMES, RayRuntime.name, InlineRuntime.name):
        raise ConfigError(f"expected `runtimes` of {', '.join(RUNTIMES)}, ray, got {found}; leave it out")
    return found


def _checked_parts(microbatches: Sequence[int], size: int) -> list[int]:
    several = checks.several("microbatches", microbatches, "a list of numbers, such as [1, 4]")
    numbers = [checks.whole_number("microbatches", each, at_least=1) for each in several]
    if not numbers or max(numbers) > size:
        raise ConfigError(f"expected `microbatches` from 1 to {size}, the samples of a batch, got {list(several)}")
    return numbers


def _program(training: PreparedTraining, steps: int, instrument: Instrument) -> Program:
    store = MemoryStore([stage_address(0)], depth=training.trainer.overlap + 1)
    return replace(block(training, steps, store), instruments=(instrument,))


def _measured(trainings: Mapping[int, PreparedTraining], found: Mapping[str, str], seconds: float) -> Profile:
    workloads = [Workload(rows, each.trainer.microbatches, partial(_program, each)) for rows, each in trainings.items()]
    try:
        times = measure_layers(workloads, seconds=seconds)
    except DivergedError as error:
        raise ConfigError(f"expected a network that can be trained to be profiled, but {error}") from None
    layers = {rows: _layers(each, of) for (rows, each), of in zip(trainings.items(), times, strict=True)}
    rows, first = next(iter(layers.items()))
    return Profile(
        rows=rows,
        layers=first,
        hops={},
        machine=found,
        others={size: each for size, each in layers.items() if size != rows},
        trainer=times[0].trainer,
        beside=times[0].work,
    )


def _layers(training: PreparedTraining, measured: Measured) -> tuple[LayerProfile, ...]:
    program = _program(training, 1, NO_INSTRUMENT)
    names = [layer.spec() for layer in training.spec.network.layers] + [training.spec.cost.name]
    sizes: Sequence[LayerBytes] = layer_bytes(program)
    return tuple(
        LayerProfile(
            name,
            times.forward,
            times.backward,
            times.weight_gradient,
            times.update,
            output_bytes=size.output,
            parameter_bytes=size.parameters,
            saved_bytes=size.saved,
            optimizer_bytes=size.optimizer,
            factor_bytes=size.factors,
            divided_rows=size.divided_rows,
            divided_bytes=size.divided_slots,
        )
        for name, times, size in zip(names, measured.layers, sizes, strict=True)
    )


def _hops(names: Sequence[str], found: Mapping[str, str], seconds: float, *, fresh: bool) -> dict[str, Hop]:
    """Return the hops of these runtimes: those that are kept of this machine, and the others measured."""
    key = _digest("hops", *map(str, sorted(found.items())))
    known = {} if fresh else kept_profiles.hops(key)
    wanted = dict.fromkeys((InlineRuntime.name, *names))
    missing = [name for name in wanted if name not in known]
    for name in missing:
        known[name] = measure_hop(runtime(name), seconds=seconds / len(missing))
    if missing:
        kept_profiles.keep_hops(key, {**kept_profiles.hops(key), **known})
    return {name: known[name] for name in wanted}


def _key(trainings: Mapping[int, PreparedTraining], found: Mapping[str, str], threads: int) -> str:
    """Return the name of a profile: a fingerprint of all that the times depend on, but for the samples' numbers."""
    first = next(iter(trainings.values()))
    settings = {
        name: value
        for name, value in first.identity.settings.items()
        if name not in ("seed", "microbatches", "batch_size") and not name.endswith(" data")
    }
    sizes = [(rows, each.trainer.microbatches) for rows, each in trainings.items()]
    loaded = [sha256(read_file(Path(each))).hexdigest() for each in first.spec.load]
    return _digest(
        "layers, and what of them is divided",
        str(sorted(settings.items(), key=str)),
        str(sizes),
        *map(str, sorted(found.items())),
        *loaded,
    )


def _digest(*words: str) -> str:
    return sha256("\n".join(words).encode()).hexdigest()[:32]
