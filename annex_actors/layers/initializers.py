"""Initial weights: large enough that signals survive many layers, small enough that signals do not explode.

An initializer is a name, perhaps with numbers behind commas: ``he``, ``constant,0.1``. Commas, since colons and equals
signs separate a layer's own arguments: ``dense:10:initializer=constant,0.1``.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import ClassVar, Self, TypeAlias

import numpy as np

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError, UserError
from annex_actors.base.shown import shown
from annex_actors.base.tables import Table
from annex_actors.base.types import DType, Floats, Shape

Fan: TypeAlias = tuple[int, int]
"""How many inputs contribute to an output, and to how many outputs an input contributes."""

Draw: TypeAlias = Callable[..., Floats]
"""Called as ``draw(shape, fan, generator, *numbers)``; returns an array of that shape, drawn in float64."""


class Initializer(str):
    """How a layer draws its initial weights: a text, of which there is one object for each content.

    So it is compared, pickled, saved and told apart from another as the text it is, and may take numbers, which the
    members of an enumeration cannot. `of` makes and checks it.
    """

    __slots__ = ()

    AUTO: ClassVar[Initializer]
    """He if a relu follows, else Glorot."""
    GLOROT: ClassVar[Initializer]
    """Uniform with variance 2 / (fan_in + fan_out)."""
    HE: ClassVar[Initializer]
    """Normal with variance 2 / fan_in, of which a relu passes on half."""

    _made: ClassVar[dict[str, Initializer]] = {}

    def __new__(cls, text: str) -> Self:
        """Return the initializer with this text, also where a layer is unpickled."""
        return cls._made.setdefault(text, super().__new__(cls, text))  # type: ignore[return-value]  # it has no subclass

    @classmethod
    def of(cls, name: str) -> Initializer:
        """Return the initializer of this name.

        Args:
            name: such as ``he`` or ``constant,0.1``; an initializer is returned as it is.

        Raises:
            ConfigError: there is no initializer of this name, or its numbers are not those that it takes.
        """
        if isinstance(name, cls):
            return name
        first, *words = name.split(",") if isinstance(name, str) else [name]
        draw = INITIALIZERS.find(first)
        numbers = [_number(each, name) for each in words]
        _try(draw, numbers, name)
        return cls(",".join([_SHORT.get(first, first), *map(str, numbers)]))

    @property
    def value(self) -> str:
        """The text."""
        return str(self)

    def draw(self, shape: Shape, fan: Fan, generator: np.random.Generator, dtype: DType) -> Floats:
        """Return initial weights; AUTO stands for Glorot.

        They are drawn in float64 and rounded to ``dtype``, so that both precisions start from the same point.

        Args:
            shape: of the array, with any number of axes, the last one of outputs.
            fan: how many inputs contribute to an output, and to how many outputs an input contributes; for a dense
                layer ``(in_features, out_features)``.
            generator: from `RandomKey.generator` with `Tag.INITIAL_WEIGHTS`. A layer with several arrays draws them
                one after the other from one generator.
            dtype: float32 or float64.

        Raises:
            ConfigError: an argument of another kind, or a size below 1.
        """
        wanted = "two whole numbers, inputs and outputs, such as (64, 10)"
        fan_in, fan_out = checks.sizes("fan", fan, wanted, count=2)
        shape = checks.sizes("shape", shape, "the shape of an array, such as (64, 10)")
        dtype = checks.floating("dtype", dtype)
        checks.instance("generator", generator, np.random.Generator, "a generator, made by RandomKey.generator")
        name, *numbers = self.split(",")
        drawn = np.asarray(INITIALIZERS.find(name)(shape, (fan_in, fan_out), generator, *map(float, numbers)))
        if drawn.shape != shape:
            raise ConfigError(f"expected initializer {name} to draw an array of shape {shape}, got {drawn.shape}")
        return drawn.astype(dtype, order="C")


def auto(shape: Shape, fan: Fan, generator: np.random.Generator) -> Floats:
    """Return numbers as of he if a relu follows the layer, which then asks for these, else as of glorot."""
    return glorot_uniform(shape, fan, generator)


def glorot_uniform(shape: Shape, fan: Fan, generator: np.random.Generator) -> Floats:
    """Return numbers that are uniform with variance ``2 / (fan_in + fan_out)``.

    Source:
        Glorot, Bengio (2010), Understanding the difficulty of training deep feedforward neural networks, equation 16.
    """
    return uniform(shape, fan, generator, math.sqrt(6 / sum(fan)))


def glorot_normal(shape: Shape, fan: Fan, generator: np.random.Generator) -> Floats:
    """Return numbers that are normal with variance ``2 / (fan_in + fan_out)``.

    Source:
        Glorot, Bengio (2010), Understanding the difficulty of training deep feedforward neural networks, equation 12.
    """
    return normal(shape, fan, generator, math.sqrt(2 / sum(fan)))


def glorot_truncated_normal(shape: Shape, fan: Fan, generator: np.random.Generator) -> Floats:
    """Return numbers of a normal distribution cut at two deviations, with variance ``2 / (fan_in + fan_out)``."""
    return truncated_normal(shape, fan, generator, math.sqrt(2 / sum(fan)) / _LEFT)


def he_uniform(shape: Shape, fan: Fan, generator: np.random.Generator) -> Floats:
    """Return numbers that are uniform with variance ``2 / fan_in``, of which a relu passes on half."""
    return uniform(shape, fan, generator, math.sqrt(6 / fan[0]))


def he_normal(shape: Shape, fan: Fan, generator: np.random.Generator) -> Floats:
    """Return numbers that are normal with variance ``2 / fan_in``, of which a relu passes on half.

    Source:
        He, Zhang, Ren, Sun (2015), Delving deep into rectifiers, equation 10.
    """
    return normal(shape, fan, generator, math.sqrt(2 / fan[0]))


def he_truncated_normal(shape: Shape, fan: Fan, generator: np.random.Generator) -> Floats:
    """Return numbers of a normal distribution cut at two deviations, with variance ``2 / fan_in``."""
    return truncated_normal(shape, fan, generator, math.sqrt(2 / fan[0]) / _LEFT)


def lecun_uniform(shape: Shape, fan: Fan, generator: np.random.Generator) -> Floats:
    """Return numbers that are uniform with variance ``1 / fan_in``."""
    return uniform(shape, fan, generator, math.sqrt(3 / fan[0]))


def lecun_normal(shape: Shape, fan: Fan, generator: np.random.Generator) -> Floats:
    """Return numbers that are normal with variance ``1 / fan_in``.

    Source:
        LeCun, Bottou, Orr, Müller (1998), Efficient backprop, equation 16.
    """
    return normal(shape, fan, generator, math.sqrt(1 / fan[0]))


def lecun_truncated_normal(shape: Shape, fan: Fan, generator: np.random.Generator) -> Floats:
    """Return numbers of a normal distribution cut at two deviations, with variance ``1 / fan_in``."""
    return truncated_normal(shape, fan, generator, math.sqrt(1 / fan[0]) / _LEFT)


def orthogonal(shape: Shape, fan: Fan, generator: np.random.Generator, gain: float = 1.0) -> Floats:
    """Return orthogonal rows or columns of length ``gain``; all axes but the last one count as one.

    Source:
        Saxe, McClelland, Ganguli (2014), Exact solutions to the nonlinear dynamics of learning in deep linear networks.
        Mezzadri (2007), How to generate random matrices from the classical compact groups: the signs.
    """
    rows, columns = math.prod(shape[:-1]), shape[-1]
    basis, triangle = np.linalg.qr(generator.standard_normal((max(rows, columns), min(rows, columns))))
    basis *= np.where(np.diag(triangle) < 0, -gain, gain)
    return np.reshape(basis if rows >= columns else basis.T, shape)


def zeros(shape: Shape, fan: Fan, generator: np.random.Generator) -> Floats:
    """Return zeros."""
    return np.zeros(shape)


def ones(shape: Shape, fan: Fan, generator: np.random.Generator) -> Floats:
    """Return ones."""
    return np.ones(shape)


def constant(shape: Shape, fan: Fan, generator: np.random.Generator, value: float) -> Floats:
    """Return this number everywhere."""
    return np.full(shape, value)


def uniform(shape: Shape, fan: Fan, generator: np.random.Generator, limit: float = 0.05) -> Floats:
    """Return numbers that are uniform between ``-limit`` and ``limit``."""
    limit = checks.real_number("limit", limit, at_least=0)
    return generator.uniform(-limit, limit, shape)


def normal(shape: Shape, fan: Fan, generator: np.random.Generator, deviation: float = 0.05) -> Floats:
    """Return numbers that are normal with this standard deviation."""
    return generator.normal(0.0, checks.real_number("deviation", deviation, at_least=0), shape)


def truncated_normal(shape: Shape, fan: Fan, generator: np.random.Generator, deviation: float = 0.05) -> Floats:
    """Return numbers of a normal distribution with this standard deviation, those beyond two of it drawn again."""
    deviation = checks.real_number("deviation", deviation, at_least=0)
    numbers = generator.standard_normal(shape)
    while (beyond := np.abs(numbers) > _CUT).any():
        numbers[beyond] = generator.standard_normal(int(beyond.sum()))
    return deviation * numbers


def annex(shape: Shape, fan: Fan, generator: np.random.Generator) -> Floats:
    """Return numbers that are uniform between -1 and 1, as in Annex, whose biases begin as ones.

    Source:
        Goldberger (2019), Annex, revision 6f472a3: lib/annex/utils.ex, random_float, and lib/annex/layer/dense.ex.
    """
    return uniform(shape, fan, generator, 1.0)


_CUT = 2.0

_LEFT = math.sqrt(1 - _CUT * math.sqrt(2 / math.pi) * math.exp(-(_CUT**2) / 2) / math.erf(_CUT / math.sqrt(2)))
"""The standard deviation of a normal distribution of deviation 1 that is cut at -2 and 2: 0.8796."""

_SHORT = {"glorot_uniform": "glorot", "he_normal": "he"}
"""What is written for a longer name, since it came first."""

INITIALIZERS: Table[Draw] = Table(
    "initializer",
    {
        "auto": auto,
        "glorot": glorot_uniform,
        "glorot_uniform": glorot_uniform,
        "glorot_normal": glorot_normal,
        "glorot_truncated_normal": glorot_truncated_normal,
        "he": he_normal,
        "he_uniform": he_uniform,
        "he_normal": he_normal,
        "he_truncated_normal": he_truncated_normal,
        "lecun_uniform": lecun_uniform,
        "lecun_normal": lecun_normal,
        "lecun_truncated_normal": lecun_truncated_normal,
        "orthogonal": orthogonal,
        "zeros": zeros,
        "ones": ones,
        "constant": constant,
        "uniform": uniform,
        "normal": normal,
        "truncated_normal": truncated_normal,
        "annex": annex,
    },
)
"""What draws the weights, by name; `register_initializer` adds your own."""

Initializer.AUTO, Initializer.GLOROT, Initializer.HE = map(Initializer, ("auto", "glorot", "he"))


def register_initializer(name: str, draw: Draw) -> Draw:
    """Register your own initializer by name, for layers, config files and the command line; return its function.

    Args:
        name: one word without commas; it replaces your earlier initializer of that name.
        draw: called as ``draw(shape, fan, generator, *numbers)``, with ``fan`` as for `Initializer.draw`; returns an
            array of that shape. Further parameters are numbers of its text, such as ``mine,0.5``.

    Raises:
        ConfigError: the name is one of this package's or not a single word, or ``draw`` is not such a function.
    """
    checks.function("draw", draw, wanted="a function of shape, fan and generator")
    if isinstance(name, str) and "," in name:
        raise ConfigError(f"expected a new name for the initializer, one word without commas, got {shown(name)}")
    INITIALIZERS.register(name, draw)
    return draw


def usage_of(name: str) -> str:
    """Return how to write an initializer, such as ``constant,value`` or ``normal[,deviation=0.05]``."""
    numbers = list(inspect.signature(INITIALIZERS[name]).parameters.values())[3:]
    words = (f",{each.name}" if each.default is each.empty else f"[,{each.name}={each.default}]" for each in numbers)
    return name + "".join(words)


def _number(word: str, text: str) -> float:
    try:
        return checks.real_number("initializer", float(word))
    except ValueError:
        raise ConfigError(f"expected `initializer` to be a name and finite numbers, got {shown(text)}") from None


def _try(draw: Draw, numbers: list[float], text: str) -> None:
    """Draw once, so that wrong numbers are refused where they are given."""
    usage = f"expected `initializer` as {usage_of(text.partition(',')[0])}, got {shown(text)}"
    arguments = ((1, 1), (1, 1), np.random.default_rng(0), *numbers)
    try:
        inspect.signature(draw).bind(*arguments)
    except TypeError:
        raise ConfigError(usage) from None
    try:
        draw(*arguments)
    except UserError as error:
        raise ConfigError(f"initializer {shown(text)}: {error}") from None
    except Exception as error:  # a user's own may raise anything when it refuses a number
        raise ConfigError(f"{usage}: {type(error).__name__}: {error}") from error
