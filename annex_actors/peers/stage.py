"""A stage: one layer (the default) or several neighbours, with their weights, optimizer and random key.

`Stage.handle` is a function of (weights at the stage's version, message, keyed randomness), so that its repetition
after a crash gives the same bits. It never blocks, sends or reads a clock.

- **F** keeps what backward needs, for each microbatch.
- **B** computes the input gradient and sends it first, since others wait for it; the weight gradient is deferred.
- **W** is usually one message at the end of the step: the factors of all microbatches are put together, and one matrix
  product serves them all. A discipline may ask for one message for each microbatch instead.
- If gradients are clipped by their global norm, the stage adds its part to a sum that goes up the chain, and waits for
  the norm, which comes down (`annex_actors.protocol.norms`).
- If the stage has replicas, each does F and B of its share of the microbatches, and tells the others what all of them
  need for W, and makes its rows of the next weights (`annex_actors.protocol.replicas`).
- Then the optimizer makes version t+1 beside version t, and the stage commits. A crash at any instruction leaves
  version t whole, and microbatches that must meet older versions still find them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import sqrt

from annex_actors.base.errors import DivergedError
from annex_actors.base.shown import brief
from annex_actors.base.types import Floats
from annex_actors.costs import Cost
from annex_actors.layers import AnyLayer, Tuning
from annex_actors.optimizers import Clipping, Optimizer
from annex_actors.peers.stage_division import Division, division_of
from annex_actors.peers.stage_layers import StageLayers
from annex_actors.peers.stage_mailbox import StageMailbox
from annex_actors.peers.stage_replicas import Replicas, add_share
from annex_actors.peers.stage_state import LayerState, StageState
from annex_actors.peers.stage_update import Update
from annex_actors.peers.stage_versions import Versions
from annex_actors.peers.stage_work import StepsUnderWay, StepWork, frozen_stack
from annex_actors.protocol.effects import Commit, Request
from annex_actors.protocol.instrument import NO_INSTRUMENT, Instrument
from annex_actors.protocol.messages import (
    WHOLE_STEP,
    Address,
    Backward,
    Control,
    Forward,
    Message,
    Post,
    Predict,
    Report,
    Target,
    WeightGradient,
    freeze,
)
from annex_actors.protocol.node import Node, every_step
from annex_actors.protocol.norms import GlobalNorm, SquaredNorm
from annex_actors.protocol.replicas import GradientRows, Rows, Share
from annex_actors.protocol.routing import Routing, stage_address
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.schedules.discipline import Discipline, Grouping


@dataclass(frozen=True, slots=True)
class StageSpec:
    """A stage as plain data, which can be sent to another process.

    Args:
        stage: s, from 0.
        first_layer: index of its first layer in the whole network; the cost counts as the layer after the last.
        layers: the stage's layers, in order; empty where the stage is the cost alone.
        cost: the cost, if this is the last stage; else None.
        optimizer: updates the weights.
        discipline: the schedule.
        initial: the state of the stage before its first commit.
        step: the version of ``initial``: 0, or the step where an earlier run ended.
        seed: of the run.
        run: the run's name.
        routing: the chain that the stage is part of.
        tuning: how each of its layers learns; empty: all alike.
        first_learner: index of the first layer in the whole network that learns: no gradient is needed below it.
        clipping: how gradients are clipped; None: not at all.
        replica: which replica of the stage, from 0.
    """

    stage: int
    first_layer: int
    layers: tuple[AnyLayer, ...]
    cost: Cost | None
    optimizer: Optimizer
    discipline: Discipline
    initial: StageState
    step: int
    seed: int
    run: str
    routing: Routing
    tuning: tuple[Tuning, ...] = ()
    first_learner: int = 0
    clipping: Clipping | None = None
    replica: int = 0

    __repr__ = brief

    @property
    def address(self) -> Address:
        """The stage's name among the peers."""
        return stage_address(self.stage, self.replica)

    @property
    def label(self) -> str:
        """One line for people: ``layer 0 dense:512``, or ``layer 0 dense:512, replica 1``."""
        return f"layer {self.first_layer} " + " + ".join(self.parts) + f", replica {self.replica}" * (self.replica > 0)

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of its layers, and of the cost as the last one."""
        return (*(layer.spec() for layer in self.layers), *([self.cost.name] if self.cost else []))

    @property
    def division(self) -> Division | None:
        """How its replicas divide weight gradients and updates; None where nothing is divided."""
        of = self.layers, self.tuning, self.initial.layers, self.address, self.routing
        return division_of(*of, self.optimizer, self.clipping)

    @property
    def is_saved(self) -> bool:
        """Whether a checkpoint needs its commits: what it keeps, no replica before it has."""
        return self.replica == 0 or (self.division is not None and self.division.updates)

    def node(
        self,
        snapshot: Snapshot | None,
        incarnation: int,
        instrument: Instrument = NO_INSTRUMENT,
        is_due: Callable[[int], bool] = every_step,
    ) -> Node:
        """Return the stage as a peer, at its last commit."""
        snapshot = snapshot or Snapshot(self.address, self.step, self.initial)
        mailbox = StageMailbox(
            self.discipline,
            self.address,
            self.routing,
            needs_targets=self.cost is not None,
            committed=snapshot.step,
            rows=self.division.order if self.division else (),
        )
        return Node(
            self.address,
            incarnation,
            run=self.run,
            routing=self.routing,
            behaviour=Stage(self, snapshot.state, snapshot.step, instrument),
            mailbox=mailbox,
            snapshot=snapshot,
            instrument=instrument,
            is_due=is_due,
            waits_for=mailbox.waits_for,
        )


class Stage:
    """The behaviour of one stage: ``versions`` of its weights, and the ``steps`` under way.

    Args:
        spec: the stage as plain data.
        state: its last commit, or its initial state.
        step: the version of ``state``.
        instrument: observes the layers' work at every `Point`.
    """

    def __init__(self, spec: StageSpec, state: StageState, step: int, instrument: Instrument = NO_INSTRUMENT) -> None:
        self._spec = spec
        self._edges = spec.routing.edges(spec.address)
        division = spec.division
        self._replicas = Replicas(spec.address, spec.routing, division)
        self.versions = Versions(state, step, spec.discipline.lag(spec.stage, spec.routing.stages))
        self.steps = StepsUnderWay()
        self._targets: dict[tuple[int, int], Target] = {}
        self._layers = StageLayers(
            spec.layers,
            spec.cost,
            tuning=spec.tuning,
            first_layer=spec.first_layer,
            first_learner=spec.first_learner,
            seed=spec.seed,
            instrument=instrument,
            division=division,
        )
        self._update = Update(spec.optimizer, spec.tuning, spec.clipping, division)
        self._reduces = spec.clipping is not None and spec.clipping.is_global

    def start(self) -> tuple[Request, ...]:
        """Return no request: a stage waits for its first message."""
        return ()

    def on_control(self, peer: Address, control: Control) -> tuple[Request, ...]:
        """Return no request: the node answers acknowledgements and resumptions."""
        return ()

    def handle(self, message: Message) -> list[Request]:
        """Do one piece of work.

        Raises:
            LayerError: a layer, the cost or the optimizer failed; the cause is chained.
            DivergedError: the cost of the microbatch is not finite.
        """
        try:
            return self._work(message)
        except DivergedError:
            raise
        except Exception as error:  # whatever a layer raises, the error names where
            raise self._layers.failure(message, self.versions.state.layers, str(self._spec.address)) from error

    def _work(self, message: Message) -> list[Request]:
        match message:
            case Forward():
                return self._forward(message)
            case Backward():
                return self._backward(message)
            case WeightGradient():
                return self._weight_gradient(message)
            case SquaredNorm():
                return self._add_norm(message, self.steps[message.step], message.number)
            case GlobalNorm():
                return self._clip(message, self.steps[message.step], message.number)
            case Predict():
                return [self._predict(message)]
            case Share() | Rows():
                return self._hear(message)
            case Target():
                self._targets[message.step, message.microbatch] = message
                return []
            case _:
                raise TypeError(f"expected a stage's message, got {message}")

    def _predict(self, message: Predict) -> Post:
        weights = self.versions.predicting(self._update)
        top, skips = frozen_stack(self._layers.predict(message, weights))
        penalty = self._layers.penalized(message.penalty, weights, self.versions.state.layers)
        edge = self._edges.outputs
        return self._post(Predict(message.run, message.step, message.microbatch, edge, top, skips, penalty))

    def _forward(self, message: Forward) -> list[Request]:
        weights, part = self.versions.of(message.step), message.part
        stack, microbatch = self._layers.forward(message, weights)
        work = self.steps.on(message.step, part)
        work.microbatches[message.microbatch] = microbatch
        top, skips = frozen_stack(stack)
        penalty = self._layers.penalized(part.penalty, weights, self.versions.state.layers)
        work.part = part = part if penalty == part.penalty else replace(part, penalty=penalty)
        if self._spec.cost is not None:
            return self._cost(self._spec.cost, message, work, top)
        edge = self._edges.outputs
        onward = Forward(message.run, message.step, message.microbatch, edge, top, part, skips)
        return [self._post(onward)]

    def _cost(self, cost: Cost, message: Forward, work: StepWork, outputs: Floats) -> list[Request]:
        target, edge = self._targets.pop((message.step, message.microbatch)), self._edges.outputs
        value, gradient = self._layers.evaluate(cost, message, outputs, target)
        work.costs[message.microbatch] = value
        back = Backward(message.run, message.step, message.microbatch, edge, freeze(gradient))
        is_last = len(work.costs) == work.part.microbatches and not self._replicas.others
        return [Post(self._spec.address, back), *([self._report(message, work)] if is_last else [])]

    def _report(self, message: Message, work: StepWork) -> Post:
        place = message.run, message.step, WHOLE_STEP, self._edges.outputs
        return self._post(Report(*place, work.cost, work.part.samples))

    def _backward(self, message: Backward) -> list[Request]:
        spec, work, edge = self._spec, self.steps[message.step], self._edges.inputs
        microbatch = work.microbatches[message.microbatch]
        weights = microbatch.weights if spec.discipline.stashes else self.versions.newest
        stack = self._layers.backward(message, microbatch, weights)
        microbatch.end_backward()
        requests: list[Request] = []
        if spec.stage > 0:
            back = Backward(message.run, message.step, message.microbatch, edge, *frozen_stack(stack))
            requests.append(self._post(back))
        return [*requests, *self._replicas.share(message, work), *self._defer(message, work)]

    def _hear(self, message: Share | Rows) -> list[Request]:
        """Add what another replica has made of a microbatch, or a replica's rows of the step."""
        if isinstance(message, Share):
            work = self.steps.on(message.step, message.part)
            add_share(work, message)
            return self._defer(message, work)
        work = self.steps[message.step]
        if not self._replicas.add_rows(message, work):
            return []
        if isinstance(message, GradientRows):
            return self._end_gradients(message, work)
        return self._commit(message, work, work.updated)

    def _defer(self, message: Message, work: StepWork) -> list[Request]:
        """Return the messages to itself about W, where the factors of one more microbatch make it possible."""
        each = self._spec.discipline.weight_gradients is Grouping.MICROBATCH
        return [
            Post(self._spec.address, WeightGradient(message.run, message.step, microbatch, self._edges.inputs))
            for microbatch in work.defer(message.microbatch, each=each)
        ]

    def _weight_gradient(self, message: WeightGradient) -> list[Request]:
        work, whole = self.steps[message.step], message.microbatch == WHOLE_STEP
        microbatches = work.take(sorted(work.microbatches) if whole else [message.microbatch])
        self._layers.add_weight_gradients(message, work, microbatches)
        if not whole and message.microbatch < work.part.microbatches - 1:
            return []
        return [*self._replicas.gradient_rows(message, work)] or self._end_gradients(message, work)

    def _end_gradients(self, message: Message, work: StepWork) -> list[Request]:
        """Go on with the weight gradients of all layers, which are complete but for the penalties."""
        self._layers.add_penalty_gradients(work, self.versions.of(message.step))
        # Replicas do not report when the last cost is known, which depends on timing: what a piece makes never does.
        reports = self._spec.cost is not None and self._replicas.others and self._replicas.is_first
        report = [self._report(message, work)] if reports else []
        if not self._reduces:
            return [*report, *self._finish_step(message, work)]
        begins = self._spec.stage == 0 and self._replicas.is_first
        return [*report, *self._add_norm(message, work, 0.0)] if begins else [*report]

    def _add_norm(self, message: Message, work: StepWork, before: float) -> list[Request]:
        """Add the squares of this stage's gradients to those of the stages before; the last stage then has the norm."""
        number = self._layers.add_squared_norms(work, before)
        if self._spec.cost is not None:
            return self._clip(message, work, sqrt(number))
        return [self._post(SquaredNorm(message.run, message.step, WHOLE_STEP, self._edges.outputs, number))]

    def _clip(self, message: Message, work: StepWork, norm: float) -> list[Request]:
        """Pass the global norm on to the stage before, and to other replicas, and finish the step with it."""
        return [*self._replicas.pass_on(message, norm), *self._finish_step(message, work, norm)]

    def _finish_step(self, message: Message, work: StepWork, norm: float | None = None) -> list[Request]:
        """Make the next version of the weights from the finished gradients, and commit it.

        Where replicas divide the update, this one has made its rows, and commits once it has those of all.
        """
        layers = self._layers.updated(message, work, self.versions.state.layers, self._update, norm)
        return [*self._replicas.weight_rows(message, work, layers)] or self._commit(message, work, layers)

    def _commit(self, message: Message, work: StepWork, layers: tuple[LayerState, ...]) -> list[Request]:
        self.versions.add(layers, None if self._spec.cost is None else work.cost)
        self._layers.commit(message)
        del self.steps[message.step]
        return [Commit(Snapshot(self._spec.address, self.versions.step, self.versions.state))]

    def _post(self, message: Message) -> Post:
        return Post(self._spec.routing.receiver(message), message)
