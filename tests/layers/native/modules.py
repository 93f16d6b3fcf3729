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
