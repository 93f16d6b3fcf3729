"""Weight decay, as every optimizer has it: two settings, which parameters they concern, and the two ways to shrink.

*Coupled*, as in sgd, rmsprop and adagrad: ``weight_decay w`` is added to the gradient, the derivative of the penalty
``weight_decay |w|² / 2``. *Decoupled*, as in adam, adamw and lion: ``w`` shrinks by the factor ``1 - learning_rate
weight_decay``, whatever the optimizer makes of the gradient.

Biases, and the scales and shifts of norms, stay: they do not multiply inputs with each other, so shrinking them
regularizes nothing and costs accuracy. They are the parameters with fewer than two axes.

Source:
    Krogh, Hertz (1991), A simple weight decay can improve generalization.
    Loshchilov, Hutter (2019), Decoupled weight decay regularization.
    He, Zhang, Zhang, Zhang, Xie, Li (2019), Bag of tricks for image classification with convolutional neural networks,
    section 3.1: no decay of biases and norms.
"""

from __future__ import annotations

import numpy as np

from annex_actors.base import checks
from annex_actors.base.types import Floats, Parameters


def keep_checked(owner: object, weight_decay: float, decay_biases: bool) -> None:
    """Set the two settings of an optimizer to what was checked, in its ``__post_init__``."""
    checks.keep(
        owner,
        weight_decay=checks.real_number("weight_decay", weight_decay, at_least=0),
        decay_biases=checks.boolean("decay_biases", decay_biases),
    )


def decay_of(parameter: Floats, weight_decay: float, decay_biases: bool) -> float:
    """Return the weight decay of one parameter: 0 if it has fewer than two axes, unless ``decay_biases``."""
    return weight_decay if decay_biases or parameter.ndim > 1 else 0.0


def add_decay(gradients: dict[str, Floats], parameters: Parameters, weight_decay: float, decay_biases: bool) -> None:
    """Add the decay of every parameter to its gradient, in place: coupled weight decay."""
    if not weight_decay:
        return
    for name, parameter in parameters.items():
        decay = decay_of(parameter, weight_decay, decay_biases)
        if decay:
            gradients[name] += parameter * decay


def stepped(parameter: Floats, step: Floats, shrinkage: float = 0.0) -> Floats:
    """Return ``(1 - shrinkage) parameter - step``, in the memory of ``step`` where nothing shrinks.

    Args:
        parameter: version t; read-only.
        step: the optimizer's own, times the learning rate; overwritten.
        shrinkage: the learning rate times the decay: decoupled weight decay.
    """
    if not shrinkage:
        return np.subtract(parameter, step, out=step)
    result: Floats = parameter * (1 - shrinkage)
    result -= step
    return result
