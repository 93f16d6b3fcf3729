"""Learn to tell ten shapes in small colour images, as those of CIFAR-10: a residual convolutional network."""

import numpy as np

from annex_actors import Dataset, Learner, parse_layers
from annex_actors.layers import Floats
from annex_actors.optimizers import optimizer

SIDE = 32
NAMES = ["disc", "square", "diamond", "triangle", "plus", "times", "ring", "frame", "bar", "pillar"]


def inside(name: str, x: Floats, y: Floats) -> Floats:
    """Return which points belong to a shape with a radius of 1, `y` downwards."""
    far, near, sides = np.hypot(x, y), np.minimum(abs(x), abs(y)), np.maximum(abs(x), abs(y))
    shapes = {
        "disc": far < 1,
        "square": sides < 0.9,
        "diamond": abs(x) + abs(y) < 1.1,
        "triangle": (y < 0.8) & (y > 2 * abs(x) - 1),
        "plus": (near < 0.3) & (sides < 1),
        "times": (abs(abs(x) - abs(y)) < 0.4) & (sides < 0.9),
        "ring": (far < 1) & (far > 0.6),
        "frame": (sides < 0.9) & (sides > 0.55),
        "bar": (abs(x) < 1.1) & (abs(y) < 0.4),
        "pillar": (abs(x) < 0.4) & (abs(y) < 1.1),
    }
    return shapes[name].astype(np.float32)


def image(name: str, numbers: np.random.Generator) -> Floats:
    """Return a shape of any place, size and colour on another colour, with noise, shape (32, 32, 3)."""
    radius = numbers.uniform(5, 11)
    left, top = numbers.uniform(radius, SIDE - radius, 2)
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    mask = inside(name, (x - left) / radius, (y - top) / radius)[..., np.newaxis]
    colour = numbers.uniform(0, 1, 3)
    ground = (colour + numbers.uniform(0.3, 0.7, 3)) % 1
    pixels = mask * colour + (1 - mask) * ground + numbers.normal(0, 0.15, (SIDE, SIDE, 3))
    return np.clip(pixels, 0, 1).astype(np.float32)


numbers = np.random.default_rng(0)
labels = [NAMES[index] for index in numbers.integers(len(NAMES), size=3000)]
dataset = Dataset.from_arrays([image(name, numbers) for name in labels], labels, name="shapes", source="drawn here")
network = parse_layers(
    "random_shift:2 conv2d:16:3:padding=same:bias=false batch_norm relu max_pool2d:2 "
    "residual( conv2d:16:3:padding=same:bias=false batch_norm relu ) max_pool2d:2 "
    "conv2d:32:3:bias=false batch_norm relu conv2d:32:3:bias=false batch_norm relu global_max_pool dense:10"
)
adamw = optimizer("adamw", learning_rate="warmup:50 cosine:0.01:600")
learner = Learner(network, optimizer=adamw, microbatches=2, stages=2)
result = learner.train(dataset, epochs=8, batch_size=32)
print(f"{len(network.layers)} layers on {result.stages} actors, test accuracy {result.test_accuracy:.3f}")
