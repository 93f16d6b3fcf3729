"""Nothing that a command shows on a terminal is wider than the terminal, wide characters included."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len

from annex_actors.cli import main
from annex_actors.cli.app import command as program

CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
KINDS = ["長い名前の種類", "kurz", "ein Name, der so lang ist, dass er in keine Spalte passt"]


class Terminal(io.StringIO):
    """A text stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


def widest(shown: str) -> str:
    """Return the widest line of a terminal's text; a carriage return begins a line again."""
    lines = re.split(r"[\r\n]", CONTROLS.sub("", shown))
    return max(lines, key=cell_len)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of each kind, samples to predict, and data with long and wide names."""
    folder = tmp_path_factory.mktemp("width")
    rng = np.random.default_rng(0)
    rows = [",".join([*(f"{x:.3f}" for x in rng.normal(size=4)), f'"{KINDS[i % 3]}"']) for i in range(60)]
    (folder / "mine.csv").write_text("\n".join(["長さ,幅,高さ,重さ,種類", *rows]))
    amounts = [",".join(f"{x:.3f}" for x in rng.normal(size=4)) for _ in range(40)]
    (folder / "amounts.csv").write_text("\n".join(["a,b,c,d", *amounts]))
    np.save(folder / "samples.npy", rng.normal(size=(4, 4)))
    np.savez(folder / "many.npz", inputs=rng.normal(size=(40, 4)), targets=rng.normal(size=(40, 12)))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for data, run in (("mine.csv", "wide"), ("many.npz", "many")):
            assert main(["train", data, "--epochs", "2", "--quiet", "--trace", "all", "--run-dir", run]) == 0
        assert main(["train", "xor", "--epochs", "9", "--quiet", "--run-dir", "bad", *BAD]) == 1
    return folder


BAD = ["--crash", "layer=1,step=4,times=9"]
COMMANDS = {
    "train mine.csv --epochs 3 --crash layer=1,step=3,at=backward": 0,
    "train xor --epochs 1000 --batch-size 4 --progress-every 250": 0,
    "train xor --epochs 9 --crash layer=1,step=4,times=9": 1,
    "train xor --epochs 9 --learning-rate often --set optimizer.momentum=0.9 --set data.lable=x": 2,
    "predict wide samples.npy": 0,
    "predict many samples.npy": 0,
    "inspect wide": 0,
    "inspect many": 0,
    "inspect bad": 0,
    "resume wide": 0,
    "trace wide": 0,
    "trace many": 0,
    "trace many --step 3": 2,
    "simulate": 0,
    "simulate --schedule interleaved --stages 8 --microbatches 16 --times 1,1.5,1,0.25": 0,
    "simulate --schedule pipedream --steps 40": 0,
    "chaos xor --epochs 400 --faults 2 --kinds exception --runtime threads": 0,
    "step --epochs 1 --walk f20": 0,
    "datasets": 0,
    "schedules": 0,
    **dict.fromkeys(("layers", "initializers", "costs", "optimizers", "rates"), 0),
    "settings": 0,
    "settings network.layers": 0,
    "settings trainnig": 2,
    "explain": 0,
    "explain upstream backup": 0,
    "explain credits": 2,
    "--help": 0,
    **{f"{name} --help": 0 for name in program.commands},
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("command", COMMANDS)
def test_no_line_of_any_command_is_wider_than_the_terminal(
    command: str, columns: int, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if columns != 80 and command.startswith(("train", "chaos")) and not command.endswith("--help"):
        pytest.skip("one width is enough for what takes long")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = Terminal()
    monkeypatch.setattr(sys, "stdout", shown)
    monkeypatch.setattr(sys, "stderr", shown)
    assert main(command.split()) == COMMANDS[command]
    widest_line = widest(shown.getvalue())
    assert cell_len(widest_line) <= columns, widest_line
    assert shown.getvalue().strip()
    assert "restarts 0" not in shown.getvalue()


def test_a_training_in_a_real_terminal_is_never_wider_than_it(tmp_path: Path) -> None:
    shown = in_terminal(["train", "xor", "--epochs", "40", "--run-dir", "run"], tmp_path, columns=80)
    assert "epoch 40/40" in shown
    assert cell_len(widest(shown)) <= 80


def in_terminal(arguments: list[str], folder: Path, *, columns: int) -> str:
    """Return what a command shows in a terminal of this width."""
    import fcntl
    import struct
    import termios

    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    program = [sys.executable, "-m", "annex_actors", *arguments]
    with subprocess.Popen(program, stdin=its, stdout=its, stderr=its, cwd=folder, env=environment) as process:
        os.close(its)
        shown = bytearray()
        while True:
            try:
                shown += os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
        os.close(ours)
        assert process.wait() == 0
    return shown.decode()


def test_what_is_no_terminal_has_tables_for_80_columns_and_whole_errors(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.delenv("COLUMNS", raising=False)
    assert main(["inspect", "wide"]) == 0
    assert cell_len(widest(capsys.readouterr().out)) <= 80
    assert main(["settings", "nothing"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
