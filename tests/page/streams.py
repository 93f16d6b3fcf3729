"""Streams of records as pages read them, made up: any number of actors, with deaths, and with or without a trace."""

from __future__ import annotations

import math
from collections.abc import Iterator
from random import Random
from typing import Any

Records = list[dict[str, Any]]

STEP_S = 0.02
PIECE_S = 0.002
HOP_S = 0.0001


def stream(
    actors: int, *, steps: int = 20, traced: bool = True, deaths: int = 1, status: bool = True, fails: bool = False
) -> Records:
    """Return the records of a run; times begin at 100 s."""
    names = [(f"stage-{index}", f"layer {index} dense:{16 * (index % 8 + 1)}") for index in range(actors)]
    peers = [*names, ("trainer", "trainer")]
    records = [run(names, steps), *(started(*peer, time=100 + index * 1e-4) for index, peer in enumerate(peers))]
    records += dying(names, steps, deaths)
    records += [epoch(index, steps) for index in range(4)]
    records.append(
        {"type": "costs", "step": 0, "costs": [cost(step) for step in range(steps)], "time": 100 + steps * STEP_S}
    )
    if traced:
        records += trace(names, steps)
    if status:
        records += [state(names, 100 + at * steps * STEP_S / 10, steps) for at in range(1, 10)]
    return [*records, *(failing(names[0], steps) if fails else ending(peers, steps))]


def run(names: list[tuple[str, str]], steps: int) -> dict[str, Any]:
    stages = [{"id": name, "label": label} for name, label in names]
    clock = {"monotonic": 100.0, "wall_time": "2026-01-31T12:00:00.000Z"}
    plan = {"schedule": "1f1b", "microbatches": 2, "epochs": 4, "steps": steps, "runtime": "schedulers"}
    return {"type": "run", "version": 1, "clock": clock, "stages": stages, **plan}


def started(name: str, label: str, *, time: float, incarnation: int = 1) -> dict[str, Any]:
    peer = {"address": name, "label": label, "incarnation": incarnation}
    return {"type": "event", "event": "PeerStarted", "time": time, **peer}


def exited(
    name: str, label: str, *, time: float, incarnation: int = 1, reason: str = "", orderly: bool = False
) -> dict[str, Any]:
    peer = {"address": name, "label": label, "incarnation": incarnation, "reason": reason, "orderly": orderly}
    traceback = (
        None if orderly else f'Traceback (most recent call last):\n  File "dense.py", line 40, in forward\n{reason}'
    )
    return {"type": "event", "event": "PeerExited", "time": time, **peer, "traceback": traceback}


def dying(names: list[tuple[str, str]], steps: int, deaths: int) -> Iterator[dict[str, Any]]:
    for death in range(deaths):
        name, label = names[(7 * death + 1) % len(names)]
        time = 100 + (death + 1) * steps * STEP_S / (deaths + 1)
        yield exited(name, label, time=time, reason="InjectedCrash: killed by a test")
        yield started(name, label, time=time + 0.004, incarnation=2)


def epoch(index: int, steps: int) -> dict[str, Any]:
    done = (index + 1) * steps // 4
    costs = {"train_cost": cost(done), "test_cost": cost(done) * 1.1, "validation_cost": None}
    metrics = {"accuracy": 1 - 0.5 * cost(done) / 2.3}
    return {
        "type": "event",
        "event": "EpochFinished",
        "time": 100 + done * STEP_S,
        "epoch": index,
        "steps": done,
        **costs,
        "metrics": metrics,
        "seconds": done * STEP_S,
    }


def cost(step: int) -> float:
    return 2.3 * math.exp(-step / 30) + 0.05 * Random(step).random()


def trace(names: list[tuple[str, str]], steps: int) -> Iterator[dict[str, Any]]:
    """Yield pieces of work and messages: forward down the stages, backward up again, and what is idle between."""
    shown = names[:200]
    for step in range(steps):
        begin = 100 + step * STEP_S
        for part in range(2):
            for index, (name, _) in enumerate(shown):
                start = begin + (part + index % 4) * (PIECE_S + HOP_S)
                yield work(name, "forward", "F", step, part, start)
                yield message("forward", shown[index - 1][0] if index else "trainer", name, step, part, start - HOP_S)
                back = begin + STEP_S / 2 + (part + 3 - index % 4) * (PIECE_S + HOP_S)
                yield work(name, "backward", "B", step, part, back)
                idle_from, reason = start + PIECE_S, "no gradient yet" if part else "no activation yet"
                if part:
                    yield {
                        "type": "idle",
                        "peer": name,
                        "start": idle_from,
                        "end": back - PIECE_S - HOP_S,
                        "reason": reason,
                        "kind": "backward",
                        "step": step,
                        "microbatch": 0,
                    }
        for name, _ in shown:
            yield work(name, "commit", "C", step, -1, begin + STEP_S * 0.86)


def work(name: str, kind: str, letter: str, step: int, part: int, start: float) -> dict[str, Any]:
    seen = {"incarnation": 1, "version": step, "mailbox": (step + part) % 4, "credit": 1, "bytes": 8192}
    return {
        "type": "work",
        "peer": name,
        "kind": kind,
        "letter": letter,
        "step": step,
        "microbatch": part,
        "start": start,
        "end": start + PIECE_S,
        **seen,
    }


def message(kind: str, sender: str, receiver: str, step: int, part: int, sent: float) -> dict[str, Any]:
    way = {"from": sender, "to": receiver, "sent": sent, "received": sent + HOP_S}
    return {"type": "message", "kind": kind, "step": step, "microbatch": part, "bytes": 8192, "incarnation": 1, **way}


def state(names: list[tuple[str, str]], time: float, steps: int) -> dict[str, Any]:
    """Return a status; one of thirty layers is restarting."""
    actors = [actor("run", None, "supervisor", "run"), actor("layers", "run", "supervisor", "layers")]
    for index, (name, label) in enumerate(names):
        actors.append(actor(name, "layers", "layer", label, index=index, time=time))
    actors.append(actor("trainer", "run", "trainer", "trainer", index=3, time=time))
    done = int((time - 100) / STEP_S)
    how = {"runtime": "schedulers", "schedule": "1f1b", "microbatches": 2, "epochs": 4, "steps": steps}
    far = {"epoch": 4 * done // steps, "step": done, "samples_per_second": 15000.0, "restarts": 1}
    return {
        "type": "status",
        "version": 1,
        "run": "runs/digits-20260131T120000Z",
        "pid": 4711,
        "state": "running",
        "time": time,
        **how,
        **far,
        "actors": actors,
    }


def actor(name: str, parent: str | None, kind: str, label: str, *, index: int = 0, time: float = 0.0) -> dict[str, Any]:
    is_peer = kind not in ("supervisor",)
    random = Random(f"{name} {time}")
    figures = {
        "mailbox": random.randrange(5),
        "handled": 1000 * (index + 1),
        "handled_per_second": random.uniform(80, 120),
        "busy": random.random(),
        "work": f"forward at step {index} microbatch 0",
        "work_seconds": 0.003,
        "memory_bytes": 50_000_000 + 1000 * index,
    }
    state = "restarting" if index % 30 == 29 else "waiting" if index % 3 else "working"
    common: dict[str, Any] = {
        "id": name,
        "parent": parent,
        "kind": kind,
        "label": label,
        "incarnation": 1,
        "restarts_used": 0,
        "restarts_left": 100,
        "uptime": 9.8,
        "exits": [],
    }
    return {**common, "state": state if is_peer else "working", **(figures if is_peer else dict.fromkeys(figures))}


def ending(peers: list[tuple[str, str]], steps: int) -> Records:
    last = 100 + steps * STEP_S + 0.01
    stops = [exited(*peer, time=last, reason="stopped", orderly=True) for peer in peers]
    hashes = {"weights_sha256": "ab" * 32, "undisturbed_sha256": "ab" * 32}
    return [
        {"type": "event", "event": "Finished", "time": last - 0.005, "step": steps},
        *stops,
        {"type": "end", "status": "finished", "error": None, **hashes},
    ]


def failing(peer: tuple[str, str], steps: int) -> Records:
    last = 100 + steps * STEP_S
    exits = [
        exited(*peer, time=last + at / 100, incarnation=1 + at, reason="ValueError: a shape that does not fit")
        for at in range(3)
    ]
    hashes = {"weights_sha256": "cd" * 32, "undisturbed_sha256": None}
    return [
        *exits,
        {"type": "end", "status": "failed", "error": f"{peer[0]} failed 3 times at the same message", **hashes},
    ]
