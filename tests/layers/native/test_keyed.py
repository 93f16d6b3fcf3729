"""Random numbers of torch modules: every operation that can draw is keyed or refused, and none is overlooked."""

from __future__ import annotations

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.base.random_keys import RandomKey

torch = pytest.importorskip("torch")

from annex_actors.layers.native.keyed import Keyed  # noqa: E402 - it imports torch

KEY = RandomKey(3, 1, 2, 4)

OPERATIONS = {
    "rand": lambda x: torch.rand(3, 4),
    "rand64": lambda x: torch.rand(3, 4, dtype=torch.float64),
    "randn": lambda x: torch.randn(3, 4),
    "randint": lambda x: torch.randint(9, (3, 4)),
    "randint from": lambda x: torch.randint(1, 9, (3, 4)),
    "randperm": lambda x: torch.randperm(9),
    "rand_like": torch.rand_like,
    "randn_like": torch.randn_like,
    "randint_like": lambda x: torch.randint_like(x, 9),
    "randint_like from": lambda x: torch.randint_like(x, 5, 9),
    "normal": lambda x: torch.normal(x, 1.0),
    "normal_": lambda x: x.normal_(),
    "uniform_": lambda x: x.uniform_(),
    "bernoulli": torch.bernoulli,
    "bernoulli_": lambda x: x.bernoulli_(0.5),
    "exponential_": lambda x: x.exponential_(),
    "geometric_": lambda x: x.geometric_(0.3),
    "log_normal_": lambda x: x.log_normal_(),
    "cauchy_": lambda x: x.cauchy_(),
    "random_": lambda x: x.random_(7),
    "multinomial": lambda x: torch.multinomial(x, 2),
    "poisson": torch.poisson,
    "binomial": lambda x: torch.binomial(x + 9, x),
    "gamma": lambda x: torch.distributions.Gamma(x + 1, x + 1).sample(),
    "dirichlet": lambda x: torch.distributions.Dirichlet(x + 1).sample(),
    "dropout": torch.nn.functional.dropout,
    "dropout1d": torch.nn.functional.dropout1d,
    "alpha_dropout": lambda x: torch.nn.functional.alpha_dropout(x, training=True),
    "native_dropout": lambda x: torch.native_dropout(x, 0.5, True)[0],
    "rrelu": lambda x: torch.nn.functional.rrelu(-x, training=True),
    "gumbel_softmax": torch.nn.functional.gumbel_softmax,
    "own generator": lambda x: torch.rand(3, 4, generator=torch.Generator()),
    "attention": lambda x: torch.nn.functional.scaled_dot_product_attention(x[None], x[None], x[None], dropout_p=0.5),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_draws_from_the_key_alone(name: str) -> None:
    before = torch.get_rng_state()
    results = []
    for key in (KEY, KEY, RandomKey(3, 1, 2, 5)):
        with Keyed("a layer", key) as mode:
            results.append(OPERATIONS[name](torch.full((3, 4), 0.5)))
        assert mode.has_drawn
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


@pytest.mark.parametrize("name", OPERATIONS)
def test_without_a_key_nothing_may_be_drawn(name: str) -> None:
    with Keyed("a layer", None), pytest.raises(ConfigError, match="expected a layer to draw no random numbers when"):
        OPERATIONS[name](torch.full((3, 4), 0.5))


def test_an_operation_that_takes_no_generator_is_refused() -> None:
    query = torch.zeros(1, 1, 3, 8)
    with Keyed("a layer", KEY), pytest.raises(ConfigError, match=r"flash_attention.*, which takes none; use another"):
        torch.ops.aten._scaled_dot_product_flash_attention(query, query, query, 0.5)


def test_what_drops_nothing_needs_no_key() -> None:
    query = torch.zeros(1, 1, 3, 8)
    with Keyed("a layer", None) as mode:
        torch.nn.functional.scaled_dot_product_attention(query, query, query)
        torch.nn.functional.dropout(query, 0.5, training=False)
        torch.nn.functional.rrelu(query)
    assert not mode.has_drawn


def test_a_mode_ends_with_its_block() -> None:
    with Keyed("a layer", KEY) as mode:
        pass
    torch.rand(3)
    assert not mode.has_drawn
