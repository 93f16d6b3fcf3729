"""Modules of torch as layers: they survive a crash to the last bit, and the trained network goes back to torch."""

import torch
from torch import nn

from annex_actors import Crash, Learner, load, reshape, sequence, to_torch, torch_module


def convolutions() -> nn.Module:
    """Return the lower half of a network: images with channels first, as torch has them."""
    return nn.Sequential(nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())


def classifier() -> nn.Module:
    """Return the upper half. What dropout drops depends on the seed, the layer, the step and the microbatch."""
    return nn.Sequential(nn.Linear(144, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 10))


if __name__ == "__main__":
    digits = load("digits")
    network = sequence(reshape(1, 8, 8), torch_module(convolutions), torch_module(classifier))

    def train(*crashes: Crash) -> Learner:
        """Return a trained learner, whose layers crash at these places."""
        learner = Learner(network, microbatches=2, runtime="threads", seed=1)
        learner.train(digits, epochs=3, batch_size=32, crashes=crashes)
        return learner

    calm, crashed = train(), train(Crash(layer=1, step=7), Crash(layer=2, step=60, at="backward"))
    assert calm.checkpoint is not None
    assert crashed.result is not None
    same = calm.checkpoint.weights_sha256 == crashed.result.checkpoint.weights_sha256
    print(f"test accuracy {crashed.result.test_accuracy:.2f}")
    print(f"{crashed.result.restarts} restarts, weights {'bit-identical' if same else 'different'}")

    model = to_torch(network, calm.checkpoint)
    with torch.no_grad():
        classes = model(torch.tensor(digits.test.inputs)).argmax(1)
    right = (classes == torch.tensor(digits.test.targets)).float().mean().item()
    print(f"in torch {right:.2f}, weights {', '.join(list(model.state_dict())[:2])} ...")
