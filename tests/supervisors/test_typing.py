"""What is documented passes ``mypy --strict``, and what is wrong does not: as a program of a user."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import supervisors

PROGRAM = """
from typing import Any
from supervisors import (
    Actor, ChildSpec, DynamicSupervisor, Flags, MailboxLimit, PartitionSupervisor, Ref, Registry, Restart,
    ScheduledActor, Scheduler, Supervisor, SupervisorRef, TaskSupervisor, run_until_signal,
)

class Divider(Actor):
    mailbox_limit = MailboxLimit(10, "drop")

    def __init__(self, dividend: int, *, unit: str = "") -> None:
        super().__init__()
        self.dividend = dividend

    def on_receive(self, message: int) -> int:
        return self.dividend // message

class Sorter(ScheduledActor):
    def urgency(self) -> int | None:
        return None

class App(Supervisor):
    def __init__(self, url: str) -> None:
        super().__init__([ChildSpec.of(Divider, 12, name=url)], strategy="one_for_one", auto_shutdown="never")

spec = ChildSpec.of(Divider, 12, restart="transient", shutdown="infinity", type="worker", significant=True, id="d")
ChildSpec.of(Divider, 12, shutdown="brutal_kill", start_timeout="infinity")
ChildSpec.of(Divider, 12, shutdown=2.5, restart=Restart.TEMPORARY, type="supervisor")
ChildSpec("d", spec.start, "permanent", 5, "worker")
ChildSpec.of(Divider, 12, restart="transiet")  # wrong
ChildSpec.of(Divider, 12, shutdown="forever")  # wrong
ChildSpec.of(Divider, 12, type="boss")  # wrong
restart: Restart = spec.restart
Flags("one_for_all", auto_shutdown="any_significant")
Flags("one_for_al")  # wrong
MailboxLimit(10, "lose")  # wrong
Registry("duplicate")
Registry("some")  # wrong

registry = Registry()
tree = Supervisor.start([spec], strategy="rest_for_one", auto_shutdown="all_significant", registry=registry)
Supervisor.start([spec], strategy="rest_for_on")  # wrong
Supervisor.start([spec], strtegy="rest_for_one")  # wrong
Supervisor.start([spec])  # wrong
answer: int = tree.which_child("d").ref.ask(4)
typed: Ref[Divider] | None = tree.which_child("d", Divider).ref
found: Ref[Divider] | None = registry.whereis("d", Divider)
answer = registry.ref("d").ask(4, timeout=1)
wrong: Ref[App] | None = registry.whereis("d", Divider)  # wrong
root: SupervisorRef = App.start("sqlite://")
App.start(3)  # wrong
App.start()  # wrong
divider: Ref[Divider] = Divider.start(12, unit="m")
Divider.start("12")  # wrong
Divider.start(12, unti="m")  # wrong
with DynamicSupervisor.start(max_children=3) as dynamic:
    started: Ref[Divider] = dynamic.start_child(Divider).ref
    dynamic.start_child(spec)
DynamicSupervisor.start(max_child=3)  # wrong
copies = PartitionSupervisor.start((Divider, 12), partitions=3)
tasks = TaskSupervisor.start()
length: int = tasks.run(len, "abc").result()
text: str = tasks.run(len, "abc").result()  # wrong
with Scheduler(1) as scheduler:
    Sorter.start(scheduler)
    Sorter.start()  # wrong

async def ask() -> Any:
    await registry.ref("d").ask_async(4, timeout=1)
    await divider.ask(4, block=False)
    return await divider.ask_async(4, timeout=1.0)

reason = run_until_signal(tree)
"""


@pytest.mark.skipif(find_spec("mypy") is None, reason="needs mypy")
def test_what_is_documented_passes_mypy_strict_and_what_is_wrong_does_not(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    home = Path(supervisors.__file__).parents[1]
    path = "" if home.name == "site-packages" else f"mypy_path = {home}\n"  # there mypy looks anyway
    (tmp_path / "mypy.ini").write_text(f"[mypy]\nstrict = True\nfollow_imports = silent\n{path}")
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-context", "program.py"]
    output = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    found = {int(line.split(":")[1]) for line in output.splitlines() if ": error:" in line}
    expected = {number for number, line in enumerate(PROGRAM.splitlines(), 1) if line.endswith("# wrong")}
    assert found == expected, output
