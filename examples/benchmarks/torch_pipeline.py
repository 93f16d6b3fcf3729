"""One rank of torch's own pipelining; `rivals.torch_pipelining` starts two and tells them how many steps to train."""

from __future__ import annotations

import sys
import time

import torch
import torch.distributed as distributed
from torch.distributed.pipelining import PipelineStage, Schedule1F1B

from examples.benchmarks.networks import Task
from examples.benchmarks.rivals import torch_layers

MICROBATCHES = 4


def main(task: Task, rank: int, rendezvous: str) -> None:
    """Train whenever a line with a number of steps comes in; print the milliseconds that one took."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=rendezvous, rank=rank, world_size=2)
    layers = torch_layers(task)
    half = len(layers) // 2 + len(layers) // 2 % 2  # a linear layer and its ReLU stay together
    module = torch.nn.Sequential(*(layers[:half] if rank == 0 else layers[half:]))
    stage = PipelineStage(module, rank, 2, torch.device("cpu"))
    schedule = Schedule1F1B(stage, MICROBATCHES, loss_fn=torch.nn.functional.cross_entropy)
    optimizer = torch.optim.SGD(module.parameters(), lr=task.learning_rate)
    inputs, labels = (torch.from_numpy(each) for each in task.samples(1))
    for line in sys.stdin:
        distributed.barrier()
        began = time.perf_counter()
        for _ in range(int(line)):
            optimizer.zero_grad()
            if rank == 0:
                schedule.step(inputs)
            else:
                schedule.step(target=labels)
            optimizer.step()
        distributed.barrier()
        print(1e3 * (time.perf_counter() - began) / int(line), flush=True)
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(Task.read(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
