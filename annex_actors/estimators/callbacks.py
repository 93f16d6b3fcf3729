"""scikit-learn's callbacks, from its version 1.9 on: a task for the fit, and one for each epoch in it.

With callbacks the training goes epoch by epoch, each resumed from the end of the last, which comes to the same bits: so
a callback is given the estimator as it is after each epoch, and may end the training there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from annex_actors.training.learner import Learner
from annex_actors.training.preparation import PreparedTraining

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing: this version of scikit-learn has no callbacks."""

    with_callbacks = None

__all__ = ["CallbackSupportMixin", "FitTask", "followed"]

_Method = TypeVar("_Method", bound=Callable[..., Any])


def followed(method: _Method) -> _Method:
    """Return a method at whose end, however it ends, callbacks are told so."""
    return method if with_callbacks is None else cast(_Method, with_callbacks(method))


@dataclass(frozen=True, eq=False)
class FitTask:
    """A call of ``fit`` that callbacks follow.

    Args:
        estimator: what is fitted.
        context: scikit-learn's, of the whole fit; None: it has no callbacks.
        given: ``X``, ``y`` and ``metadata``, as `fit` was called with them.
    """

    estimator: Any
    context: Any
    given: Mapping[str, Any]

    @classmethod
    def begun(cls, estimator: Any, inputs: Any, targets: Any, sample_weight: Any) -> FitTask:
        """Return the task of a fit, of which callbacks are told."""
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        given = {"X": inputs, "y": targets, "metadata": metadata}
        if not hasattr(estimator, "_init_callback_context"):
            return cls(estimator, None, given)
        context = estimator._init_callback_context(max_subtasks=estimator.max_iter)
        return cls(estimator, context.call_on_fit_task_begin(estimator=estimator, **given), given)

    def carry_out(self, learner: Learner, training: PreparedTraining, observers: list[Any]) -> None:
        """Run a training; epoch by epoch if callbacks are to be told of each."""
        if self.context is None or not getattr(self.estimator, "_skl_callbacks", ()):
            learner.carry_out(training, observers=observers)
            return
        for epochs in range(1, training.trainer.epochs + 1):
            task = self.context.subcontext(task_name="epoch").call_on_fit_task_begin(
                estimator=self.estimator, **self.given
            )
            part = replace(training, trainer=replace(training.trainer, epochs=epochs))
            if learner.result is not None:
                part = part.resumed(learner.result.last or learner.result.checkpoint)
            result = learner.carry_out(part, observers=observers)
            is_stopped = task.call_on_fit_task_end(
                estimator=self.estimator, reconstruction_attributes={"learner_": learner}, **self.given
            )
            if is_stopped or (training.trainer.halt is not None and training.trainer.halt(result.history)):
                return

    def end(self) -> None:
        """Tell callbacks that the fit has ended."""
        if self.context is not None:
            self.context.call_on_fit_task_end(
                estimator=self.estimator, reconstruction_attributes={"learner_": self.estimator.learner_}, **self.given
            )
