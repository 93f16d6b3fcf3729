"""The choice of kernels changes only the last digits of a product, and these depend on the numbers alone."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError
from annex_actors.base.types import Floats, Shape
from annex_actors.layers import Activation, Layer, Relu, activation, dense, dropout, flatten, parse_layers, sequence
from annex_actors.layers.kernels import KERNELS, NUMPY, Kernels, NumpyKernels, kernels
from annex_actors.layers.torch_kernels import TorchKernels
from annex_actors.testing import check_layer

Products = dict[str, Callable[[Floats, Floats, Floats], tuple[Floats, Floats]]]

PRODUCTS: Products = {
    "forward": lambda inputs, weight, grad: (inputs, weight),
    "backward": lambda inputs, weight, grad: (grad, weight.T),
    "weight gradient": lambda inputs, weight, grad: (inputs.T, grad),
}
"""The operands of the three products of a dense layer."""

SHAPES = [(1, 1, 1), (1, 5, 3), (4, 1, 7), (33, 31, 1), (8, 100, 4), (32, 64, 10), (100, 8, 10), (128, 200, 96)]


@pytest.fixture(params=KERNELS)
def each(request: pytest.FixtureRequest) -> Kernels:
    """Each of the installed kernels."""
    if request.param == "torch":
        pytest.importorskip("torch")
    return kernels(request.param)


@pytest.fixture
def torch() -> Any:
    """The module ``torch``."""
    return pytest.importorskip("torch")


@pytest.fixture
def two_threads(torch: Any) -> Iterator[None]:
    """Torch with two threads, as by default on a machine with several cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def numbers(shape: Shape, *, seed: int, dtype: str = "float32") -> Floats:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def arrays(rows: int, inner: int, columns: int, dtype: str = "float32") -> tuple[Floats, Floats, Floats]:
    shapes = (rows, inner), (inner, columns), (rows, columns)
    inputs, weight, grad = (numbers(shape, seed=seed, dtype=dtype) for seed, shape in enumerate(shapes))
    return inputs, weight, grad


def shifted(array: Floats, offset: int) -> Floats:
    """Return a copy that begins ``offset`` bytes after a multiple of 64."""
    memory = np.empty(array.nbytes + 256, np.uint8)
    first = -memory.ctypes.data % 64 + offset
    copy = memory[first : first + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    copy.flags.writeable = False
    return copy


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_product_is_the_sum_of_products(each: Kernels, shape: tuple[int, int, int], product: str, dtype: str) -> None:
    left, right = PRODUCTS[product](*arrays(*shape, dtype))
    result = each.product(left, right)
    expected = np.einsum("ij,jk->ik", left.astype(np.float64), right.astype(np.float64))
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4 if dtype == "float32" else 1e-12)
    assert result.dtype == dtype


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_product_is_a_new_array_that_may_be_overwritten(
    each: Kernels, shape: tuple[int, int, int], product: str
) -> None:
    given = arrays(*shape)
    result = each.product(*PRODUCTS[product](*given))
    assert result.flags.c_contiguous
    assert result.flags.writeable
    assert not any(np.shares_memory(result, array) for array in given)


@given(
    shape=st.tuples(*[st.integers(1, 40)] * 3),
    dtype=st.sampled_from(["float32", "float64"]),
    product=st.sampled_from(list(PRODUCTS)),
    offsets=st.tuples(*[st.integers(0, 15).map(lambda words: 4 * words)] * 3),
)
@pytest.mark.parametrize("name", KERNELS)
def test_the_bits_do_not_depend_on_where_in_memory_the_numbers_are(
    name: str, shape: tuple[int, int, int], dtype: str, product: str, offsets: tuple[int, int, int]
) -> None:
    if name == "torch":
        pytest.importorskip("torch")
    if dtype == "float64":
        offsets = (2 * offsets[0], 2 * offsets[1], 2 * offsets[2])
    here = arrays(*shape, dtype)
    there = tuple(shifted(array, offset) for array, offset in zip(here, offsets, strict=True))
    one, other = (kernels(name).product(*PRODUCTS[product](*given)) for given in (here, there))
    assert one.tobytes() == other.tobytes()


def test_the_bits_do_not_depend_on_the_thread(each: Kernels) -> None:
    # Few results, each a long sum: a library would divide the sum among threads.
    left, right = numbers((3, 50_000), seed=0), numbers((50_000, 5), seed=1)
    results = [each.product(left, right)]
    threads = [threading.Thread(target=lambda: results.append(each.product(left, right))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({result.tobytes() for result in results}) == 1


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("new", [False, True], ids=["this thread", "a new thread"])
def test_torch_computes_in_one_thread_and_restores_the_number_of_threads(
    torch: Any, new: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    mm, seen = torch.mm, []

    def counted(*given: Any) -> Any:
        seen.append(torch.get_num_threads())
        return mm(*given)

    def work() -> None:
        TorchKernels().product(*arrays(4, 3, 2)[:2])
        seen.append(torch.get_num_threads())

    monkeypatch.setattr(torch, "mm", counted)
    if new:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    else:
        work()
    assert seen == [1, 2]
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_torch_restores_the_number_of_threads_after_an_error(torch: Any) -> None:
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        TorchKernels().product(numbers((2, 3), seed=0), numbers((2, 3), seed=1))
    assert torch.get_num_threads() == 2


def test_aligned_arrays_are_not_copied(torch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mm, addresses = torch.mm, []

    def watched(*given: Any) -> Any:
        addresses.append([tensor.data_ptr() for tensor in given])
        return mm(*given)

    monkeypatch.setattr(torch, "mm", watched)
    left, right = shifted(numbers((4, 3), seed=0), 0), shifted(numbers((3, 2), seed=1), 0)
    result = TorchKernels().product(left, right)
    assert addresses == [[left.ctypes.data, right.ctypes.data]]
    TorchKernels().product(result, result.T)  # and results are aligned
    assert addresses[1] == [result.ctypes.data] * 2


def run(code: str) -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


@pytest.mark.usefixtures("torch")
def test_torch_does_not_warn_of_read_only_arrays() -> None:
    run(
        "import numpy as np; from annex_actors.layers import kernels; ones = np.ones((2, 2), np.float32);"
        "ones.flags.writeable = False; assert (kernels('torch').product(ones, ones) == 2).all()"
    )


def test_torch_is_imported_only_when_it_is_used() -> None:
    run("import sys, annex_actors.layers as layers; layers.kernels('numpy'); assert 'torch' not in sys.modules")


def test_kernels_are_values_that_compare_hash_and_pickle(each: Kernels) -> None:
    again = pickle.loads(pickle.dumps(each))
    assert again == each == kernels(each.name)
    assert hash(again) == hash(each)
    assert each.name in each.description


def test_the_description_of_torch_names_its_version(torch: Any) -> None:
    assert torch.__version__ in TorchKernels().description


def test_kernels_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ConfigError, match="expected `kernels` to be one of numpy, torch, got 'torhc'; did you mean"):
        kernels("torhc")


def test_without_torch_its_kernels_are_refused_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ConfigError) as caught:
        kernels("torch")
    assert str(caught.value) == "expected torch for kernels 'torch', got none; pip install 'annex-actors[torch]'"


# Layers


def test_a_dense_layer_with_any_kernels_keeps_its_promises(each: Kernels) -> None:
    for layer, shape in [(dense(3), 4), (dense(1), 1), (dense(20), 33), (dense(2, weights=[[1, 2], [3, 4]]), 2)]:
        check_layer(layer.with_kernels(each), (shape,))


def test_kernels_are_part_of_a_layer_and_not_of_its_text(each: Kernels) -> None:
    layer = dense(3).with_kernels(each)
    assert layer.kernels == each
    assert layer.spec() == "dense:3"
    assert (layer == dense(3)) == (each == NUMPY)
    assert pickle.loads(pickle.dumps(layer)) == layer
    assert hash(pickle.loads(pickle.dumps(layer))) == hash(layer)


def test_a_dense_layer_asks_its_kernels_for_all_three_products() -> None:
    class Counted:
        name = description = "counted"
        products = 0

        def product(self, left: Floats, right: Floats) -> Floats:
            self.products += 1
            return NUMPY.product(left, right)

    counted = Counted()
    layer = dense(2, weights=[[1, 2], [3, 4]]).with_kernels(counted)
    parameters = {"weight": numbers((2, 2), seed=0), "bias": numbers((2,), seed=1)}
    rows = numbers((3, 2), seed=2)
    _, saved = layer.forward(parameters, rows, None)
    assert counted.products == 1
    _, factors = layer.backward(parameters, saved, rows, True)
    assert counted.products == 2
    layer.weight_gradient(factors)
    assert counted.products == 3


def test_an_input_gradient_that_is_not_wanted_is_not_computed() -> None:
    class Refusing:
        name = description = "refusing"

        def product(self, left: Floats, right: Floats) -> Floats:
            raise AssertionError("no product is wanted")

    rows, layer = numbers((3, 2), seed=2), dense(2).with_kernels(Refusing())
    grad_input, factors = layer.backward({}, rows, rows, False)
    assert grad_input is None
    assert factors == (rows, rows)


@dataclass(frozen=True)
class Own(Activation):
    """A user's own layer that computes matrix products."""

    kernels: Kernels = NUMPY

    def with_kernels(self, kernels: Kernels) -> Own:
        return Own(self.function, kernels)


@dataclass(frozen=True)
class OtherKernels(NumpyKernels):
    """Kernels that are not equal to NumPy's."""


def test_a_network_passes_its_kernels_to_the_layers_that_use_kernels_and_to_no_others() -> None:
    others: list[Layer] = [activation("relu"), dropout(0.1), flatten()]
    network = sequence(*others, dense(2), Own(Relu()), dense(3)).with_kernels(OtherKernels())
    assert list(network.layers[:3]) == others
    assert [getattr(layer, "kernels", None) for layer in network.layers[3:]] == [OtherKernels()] * 3
    assert network.with_kernels(NUMPY) == sequence(*others, dense(2), Own(Relu()), dense(3))


def test_kernels_change_neither_the_text_nor_the_initial_weights_of_a_network(each: Kernels) -> None:
    plain = parse_layers("dense:4 relu dense:3")
    network = plain.with_kernels(each)
    assert network.spec() == plain.spec()
    one, other = (net.initial_parameters((5,), seed=1, dtype=np.dtype(np.float32)) for net in (plain, network))
    for before, after in zip(one, other, strict=True):
        assert {name: array.tobytes() for name, array in before.items()} == {
            name: array.tobytes() for name, array in after.items()
        }


def test_the_results_of_a_dense_layer_are_read_only_with_all_kernels(each: Kernels) -> None:
    layer: Layer = dense(3).with_kernels(each)
    parameters = {"weight": numbers((4, 3), seed=0), "bias": numbers((3,), seed=1)}
    outputs, saved = layer.forward(parameters, numbers((2, 4), seed=2), None)
    assert not outputs.flags.writeable
    grad_input, _ = layer.backward(parameters, saved, outputs, True)
    assert grad_input is not None
    assert not grad_input.flags.writeable
