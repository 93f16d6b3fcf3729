"""Runs of every kind whose pieces are replayed: crashed, resumed, asynchronous, with dropout and running statistics."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from annex_actors.cli import main

LAYERS = "dense:8 batch_norm relu dropout:0.2 dense:3"
_CUT_OFF = ("--crash", "layer=1,step=13,times=9", "--max-attempts", "1")


@dataclass(frozen=True)
class Recipe:
    """A run.

    Args:
        name: for people.
        options: of ``annex-actors train``.
        data: the data set.
        layers: the network.
        epochs: of fifteen batches.
        resumed: whether it fails at step 13, and is resumed on another runtime.
    """

    name: str
    options: tuple[str, ...] = ()
    data: str = "iris"
    layers: str = LAYERS
    epochs: int = 2
    resumed: bool = False

    def train(self, folder: Path) -> Path:
        """Train, and return the folder of the run; the current folder takes the data."""
        _write_data()
        run = folder / "run"
        cut_off = _CUT_OFF if self.resumed else ()
        options = ("--layers", self.layers, "--epochs", str(self.epochs), *self.options, *cut_off)
        common = ("--fingerprints", "--quiet", "--run-dir", str(run))
        assert main(["train", self.data, *options, *common]) == (1 if self.resumed else 0)
        if self.resumed:
            assert main(["resume", str(run), "--runtime", "threads", "--quiet"]) == 0
        return run


def crash(place: str) -> tuple[str, str]:
    """Return the option that makes a layer raise once."""
    return "--crash", place


RECIPES = (
    Recipe("plain"),
    Recipe("threads", ("--runtime", "threads", "--schedule", "gpipe", "--microbatches", "3")),
    Recipe("inline", ("--runtime", "inline", "--batch-size", "16", "--keep", "all", "--checkpoint-every", "3")),
    Recipe("processes", ("--runtime", "processes", *crash("layer=1,step=5,microbatch=1,at=backward"))),
    Recipe("crashed in forward", crash("layer=2,step=9,microbatch=1")),
    Recipe("crashed in update", (*crash("layer=0,step=12,at=update"), "--runtime", "threads")),
    Recipe("crashed in commit", (*crash("layer=4,step=4,at=commit"), *crash("layer=3,step=17,at=weight_gradient"))),
    Recipe("resumed", resumed=True),
    Recipe("resumed without checkpoints", ("--checkpoint-every", "0"), resumed=True),
    Recipe("resumed and asynchronous", ("--schedule", "pipedream", "--runtime", "threads"), resumed=True),
    Recipe("asynchronous", ("--schedule", "pipedream", "--checkpoint-every", "4", "--keep", "all")),
    Recipe("asynchronous without stash", ("--schedule", "no-stash", *crash("layer=1,step=8,at=backward"))),
    Recipe("asynchronous in processes", ("--schedule", "pipedream", "--runtime", "processes"), resumed=True),
    Recipe("weight gradients by microbatch", ("--schedule", "zb-h1", "--microbatches", "3")),
    Recipe("several layers a stage", ("--stages", "3", *crash("layer=1,step=6,microbatch=1"))),
    Recipe("clipped by the global norm", ("--clipping", "global_norm:0.5", *crash("layer=2,step=3,at=update"))),
    Recipe("averages", ("--ema-momentum", "0.9", "--optimizer", "sgd", "--reduce-on-plateau", "patience=1:factor=0.5")),
    Recipe("float64", ("--dtype", "float64", "--optimizer", "rmsprop", "--evaluate-every", "7"), resumed=True),
    Recipe("inputs in a file", ("--set", "data.in_memory=false", "--batch-size", "10"), data="own.npz", resumed=True),
    Recipe("table", ("--label", "kind", "--batch-size", "10", *crash("layer=0,step=2")), data="own.csv"),
)


def _write_data() -> None:
    """Write a table and an array file with 150 samples of three classes."""
    inputs = np.random.default_rng(0).standard_normal((150, 4))
    targets = np.abs(inputs).sum(axis=1).astype(int) % 3
    np.savez("own.npz", x=inputs, y=targets)
    rows = [",".join([*map(str, row), "abc"[target]]) for row, target in zip(inputs, targets, strict=True)]
    Path("own.csv").write_text("\n".join(["a,b,c,d,kind", *rows]) + "\n")


def pieces(run: Path, count: int, seed: int) -> list[list[str]]:
    """Return the options of ``count`` random pieces of a run, each with the layer, the step and the kind of work."""
    lines = [line.split() for line in (run / "fingerprints.txt").read_text().splitlines()]
    *_, begin = [line for line in lines if line[0] == "begin"]
    layers = [each.partition("-")[0] for each in begin[2:]]
    work = ("forward", "backward", "weight_gradient")
    places = sorted({tuple(line[:4]) for line in lines if line[0] != "begin" and line[1] in work})
    chosen = random.Random(seed).sample(places, count)
    return [
        ["--layer", layers[int(stage)], "--work", kind, "--step", step]
        + ([] if microbatch == "-1" else ["--microbatch", microbatch])
        for stage, kind, step, microbatch in chosen
    ]
