"""Several copies of one child; each key always belongs to the same copy."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any, Unpack, cast

from supervisors.base import start_root
from supervisors.children.records import ChildState
from supervisors.lifecycle.registry import Registry
from supervisors.root import TreeOptions
from supervisors.rules.backoff import Backoff
from supervisors.rules.errors import BadSpec, NotFound
from supervisors.rules.options import whole
from supervisors.rules.printing import shown
from supervisors.rules.strategy import Strategy
from supervisors.spec_like import SpecLike, to_spec
from supervisors.supervisor import Supervisor
from supervisors.supervisor_ref import SupervisorRef

MOST = 100_000
"""Copies; each is a child, so more are a mistake."""


def partition_of(key: Any, partitions: int) -> int:
    """Return which of ``partitions`` copies ``key`` belongs to, from 0; the same in every process and run.

    Args:
        key: an integer, which goes to the copy of its remainder; or anything whose `repr` is the same for equal keys.
        partitions: >= 1.
    """
    whole("partitions", partitions, at_least=1)
    return (key if isinstance(key, int) else zlib.crc32(repr(key).encode())) % partitions


class PartitionRef(SupervisorRef):
    """The reference of a `PartitionSupervisor`."""

    table: Registry
    name: str
    started: int
    partitions: int

    def route(self, key: Any) -> Any:
        """Return the reference of the copy that ``key`` belongs to, without asking the supervisor.

        Raises:
            NotFound: that copy is being restarted.
        """
        number = partition_of(key, self.partitions)
        ref = self.table.whereis((self.name, number))
        if ref is None:
            raise NotFound(f"expected copy {number} of {self.name} to run, it does not; try again", number)
        return ref

    def resize(self, partitions: int) -> None:
        """Change how many copies run, and with it which copy a key belongs to.

        Args:
            partitions: from 1 to the number that it was started with.

        Raises:
            BadSpec: another number.
            StartError: a copy did not start.
        """
        if type(partitions) is not int or not 1 <= partitions <= self.started:
            raise BadSpec(f"expected `partitions` to be an integer from 1 to {self.started}, got {shown(partitions)}")
        for number in range(self.partitions, partitions):
            if self.which_child(str(number)).state is ChildState.STOPPED:
                self.restart_child(str(number))
        self.partitions = partitions
        for number in range(partitions, self.started):
            self.terminate_child(str(number))


class PartitionSupervisor(Supervisor):
    """A one_for_one supervisor of several copies of one child. A copy finds its number in ``int(self.context.id)``.

    Args:
        child: the specification; its id and name are replaced.
        partitions: how many copies, an integer >= 1.
        max_restarts: see `Flags`.
        max_seconds: see `Flags`.
        backoff: see `Flags`.
    """

    _actor_kind = replace(Supervisor._actor_kind, ref_class=PartitionRef)

    def __init__(
        self,
        child: SpecLike,
        *,
        partitions: int,
        max_restarts: int = 3,
        max_seconds: float = 5.0,
        backoff: Backoff | None = None,
    ) -> None:
        if whole("partitions", partitions, at_least=1) > MOST:
            raise BadSpec(f"expected `partitions` to be at most {MOST}, got {shown(partitions)}")
        name = "/".join((*self.context.path, self.context.id))
        spec = to_spec(child)
        if spec.name is not None:
            raise BadSpec(
                f"child {spec.id!r}: expected no `name`, since there are several copies, got {shown(spec.name)}"
            )
        super().__init__(
            [replace(spec, id=str(number), name=(name, number)) for number in range(partitions)],
            strategy=Strategy.ONE_FOR_ONE,
            max_restarts=max_restarts,
            max_seconds=max_seconds,
            backoff=backoff,
        )
        ref = cast("PartitionRef", self.actor_ref)
        ref.name, ref.started, ref.partitions = name, partitions, partitions
        ref.table = cast(Registry, self.context.registry)

    @classmethod
    def start(  # type: ignore[override]  # a constructor, called by its class's name
        cls,
        child: SpecLike,
        *,
        partitions: int,
        max_restarts: int = 3,
        max_seconds: float = 5.0,
        backoff: Backoff | None = None,
        name: str = "partitions",
        **tree: Unpack[TreeOptions],
    ) -> PartitionRef:
        """Start a partition supervisor that has no supervisor above it.

        Args:
            child: see `PartitionSupervisor`.
            partitions: see `PartitionSupervisor`.
            max_restarts: see `Flags`.
            max_seconds: see `Flags`.
            backoff: see `Flags`.
            name: of the root, in events, logs and the registry.
            **tree: ``hooks``, ``clock``, ``registry`` and ``mailbox_sample_s``: see `TreeOptions`.

        Raises:
            BadSpec: the specification or an option is wrong.
            StartError: a copy did not start.
        """
        options = {
            "partitions": partitions,
            "max_restarts": max_restarts,
            "max_seconds": max_seconds,
            "backoff": backoff,
        }
        root: PartitionRef = start_root(cls, name, (child,), {**options, **tree})
        return root
