"""Torch modules for tests, as a user's file defines them; run by name, and so it imports nothing of the tests."""

from __future__ import annotations

import torch
from torch import nn


def two_layers() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))


def normed() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5, momentum=0.3), nn.ReLU())


def dropping() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.4), nn.Linear(6, 3))


def convolving() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.ReLU(), nn.BatchNorm2d(2), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(2, 3)
    )


class Counting(nn.Module):  # type: ignore[misc]  # torch is an extra, and so of any type
    """Counts the microbatches, keeps a fixed matrix, and does not know what it keeps of no use."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.register_buffer("matrix", torch.eye(3), persistent=False)
        self.scale = nn.Parameter(torch.ones(3))
        self.unused = nn.Parameter(torch.randn(2))
        self.fixed = nn.Parameter(torch.randn(3), requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.count += 1
        x += 1  # of its own copy
        return (x * self.scale) @ self.matrix + self.fixed


class Attending(nn.Module):  # type: ignore[misc]  # torch is an extra, and so of any type
    """Attention with dropout, over a sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, dropout=0.3, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.attention(x, x, x, need_weights=False)[0]
        return x + y


class Recurring(nn.Module):  # type: ignore[misc]  # torch is an extra, and so of any type
    """Two layers of an LSTM with dropout between them; the last output."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(2, 3, num_layers=2, dropout=0.5, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.lstm(x)[0][:, -1]
        return y


def activation_only() -> nn.Module:
    return nn.ReLU(inplace=True)


template = nn.Sequential(nn.Linear(4, 3), nn.ReLU())


def drawing_always() -> nn.Module:
    return _Noisy(only_in_training=False)


def drawing() -> nn.Module:
    return _Noisy(only_in_training=True)


class _Noisy(nn.Module):  # type: ignore[misc]
    def __init__(self, only_in_training: bool) -> None:
        super().__init__()
        self.only_in_training = only_in_training

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.only_in_training and not self.training:
            return x
        shape = x.shape
        noise = torch.rand_like(x) + torch.randn(shape) + torch.rand(shape) + torch.randn_like(x)
        noise += torch.randint(2, 5, shape) + torch.randint(3, shape) + torch.randint_like(x, 2, 4)
        noise += torch.normal(torch.zeros_like(x), 1.0) + torch.bernoulli(torch.full_like(x, 0.5))
        noise += torch.multinomial(torch.ones(len(x), 9), x.shape[-1]) + torch.randperm(x.shape[-1])
        return (
            x + noise + torch.native_dropout(torch.ones_like(x), 0.5, True)[0] + nn.functional.rrelu(x, training=True)
        )


class Renewing(nn.Module):  # type: ignore[misc]
    """Writes to its own weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            self.weight.mul_(0.5)
        return x * self.weight


class Recomputing(nn.Module):  # type: ignore[misc]
    """Drops numbers, and again when it goes backward."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.utils.checkpoint.checkpoint(nn.functional.dropout, x, 0.5, self.training, use_reentrant=False)


def two_outputs() -> nn.Module:
    return nn.LSTM(4, 3, batch_first=True)


def lazy() -> nn.Module:
    return nn.LazyLinear(3)


def cumulative() -> nn.Module:
    return nn.BatchNorm1d(3, momentum=None)


def failing() -> nn.Module:
    raise RuntimeError("no weights today")


def number() -> int:
    return 3


def with_arguments(width: int) -> nn.Module:
    return nn.Linear(width, width)


class _Own(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.weight


undrawn = _Own()


class Twice(nn.Module):  # type: ignore[misc]
    """Runs a norm twice."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.norm(x))


class Seldom(nn.Module):  # type: ignore[misc]
    """Runs its norm for some inputs only, and a norm of instances always."""

    def __init__(self) -> None:
        super().__init__()
        self.batch = nn.BatchNorm1d(3)
        self.instance = nn.InstanceNorm1d(3, track_running_stats=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.instance(x)
        return self.batch(x) if x.shape[0] > 4 else x


def wide() -> nn.Module:
    return nn.Sequential(nn.Linear(5, 5), nn.Dropout(0.2), nn.Tanh())
