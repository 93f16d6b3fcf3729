"""Logs for other programs: the same numbers as the run's own, live and afterwards, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
import struct
from pathlib import Path
from typing import Any

import pytest

from annex_actors import Learner, load
from annex_actors.base.errors import ConfigError
from annex_actors.layers import parse_layers
from annex_actors.observe import CsvLog, TensorBoardLog, log_at
from annex_actors.observe.csv_log import csv_text
from annex_actors.observe.tensorboard_log import EVENTS_FILE, events_file
from annex_actors.protocol.events import EpochFinished
from annex_actors.runs.records import EpochRecord


def record(epoch: int, **metrics: float | None) -> EpochRecord:
    return EpochRecord(
        epoch=epoch, steps=3 * epoch, train_cost=1 / epoch, test_cost=None, validation_cost=-0.5, metrics=metrics,
        samples_per_second=100.0, seconds=float(epoch), restarts=0,
    )  # fmt: skip


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def events(content: bytes) -> list[Any]:
    """Return the events of a file, whose checksums are right."""
    from tensorboardX.proto import event_pb2
    from tensorboardX.record_writer import masked_crc32c

    found, at = [], 0
    while at < len(content):
        length, crc = struct.unpack("<QI", content[at : at + 12])
        data, checksum = content[at + 12 : at + 12 + length], content[at + 12 + length : at + 16 + length]
        assert (crc, struct.unpack("<I", checksum)[0]) == (masked_crc32c(content[at : at + 8]), masked_crc32c(data))
        found.append(event_pb2.Event.FromString(data))
        at += 16 + length
    return found


def test_csv_has_a_line_for_each_epoch_and_an_empty_cell_where_there_is_no_number() -> None:
    found = rows(csv_text([record(1, accuracy=0.5, roc_auc=None), record(2, accuracy=0.75, f1=0.25)]))
    assert found == [
        ["epoch", "steps", "train_cost", "validation_cost", "test_cost", "accuracy", "roc_auc", "f1",
         "samples_per_second", "seconds", "restarts"],
        ["1", "3", "1.0", "-0.5", "", "0.5", "", "", "100.0", "1.0", "0"],
        ["2", "6", "0.5", "-0.5", "", "0.75", "", "0.25", "100.0", "2.0", "0"],
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["=1+1", "+x", "-x", "@x", "\tx"])
def test_a_name_is_no_formula_of_a_spreadsheet(name: str) -> None:
    header = rows(csv_text([record(1, **{name: 0.5})]))[0]
    assert f"'{name}" in header
    assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for cell in header)


def test_a_log_while_training_has_the_epochs_of_the_result(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    learner = Learner(parse_layers("dense:4 relu dense:3"))
    logs = [log_at(tmp_path / "log.csv"), log_at(tmp_path / "events")]
    assert [type(each) for each in logs] == [CsvLog, TensorBoardLog]
    result = learner.train(load("iris"), epochs=3, observers=logs)
    names, *lines = rows((tmp_path / "log.csv").read_text())
    assert [line[names.index("epoch")] for line in lines] == ["1", "2", "3"]
    assert [float(line[names.index("train_cost")]) for line in lines] == [each.train_cost for each in result.history]
    first, *others = events((tmp_path / "events" / EVENTS_FILE).read_bytes())
    assert first.file_version == "brain.Event:2"
    assert [each.step for each in others] == [each.steps for each in result.history]
    last = {value.tag: value.simple_value for value in others[-1].summary.value}
    assert {*last} == {"cost/train", "cost/test", "accuracy", "samples_per_second", "restarts"}
    assert last["accuracy"] == pytest.approx(result.history[-1].metrics["accuracy"])
    assert first.wall_time <= others[0].wall_time <= others[-1].wall_time


def test_an_epoch_that_is_reported_twice_has_one_line(tmp_path: Path) -> None:
    log = CsvLog(tmp_path / "log.csv")
    for epoch in (0, 0, 1, 1):
        log.on_event(EpochFinished(time=float(epoch), epoch=epoch, steps=epoch + 1, train_cost=0.5))
    assert [line[0] for line in rows((tmp_path / "log.csv").read_text())] == ["epoch", "1", "2"]


def test_a_metric_that_comes_later_has_a_column(tmp_path: Path) -> None:
    log = CsvLog(tmp_path / "log.csv")
    for epoch, metrics in enumerate([{"a": 0.5}, {"a": 0.5, "b": 0.25}, {"a": 1.0}]):
        log.on_event(EpochFinished(time=0.0, epoch=epoch, steps=epoch + 1, train_cost=0.5, metrics=metrics))
    names, *lines = rows((tmp_path / "log.csv").read_text())
    assert [line[names.index("b")] for line in lines] == ["", "0.25", ""]


def test_times_of_a_run_that_is_kept_are_those_of_its_epochs() -> None:
    pytest.importorskip("tensorboardX")
    found = events(events_file([record(1, accuracy=0.5), record(4, accuracy=1.0)], ended=1000.0))
    assert [each.wall_time for each in found] == [996.0, 997.0, 1000.0]
    assert [each.step for each in found] == [0, 3, 12]


def test_a_log_replaces_an_old_one_and_nothing_that_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("old")
    log = CsvLog(tmp_path / "log.csv")
    assert (tmp_path / "log.csv").read_text() == "old"  # a run may still be refused
    log.on_event(EpochFinished(time=0.0, epoch=0, steps=1, train_cost=0.5))
    assert len(rows((tmp_path / "log.csv").read_text())) == 2
    with pytest.raises(ConfigError, match=r"got nothing at .*none; correct that"):
        CsvLog(tmp_path / "none" / "log.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ConfigError, match="expected a file that can be written at"):
        CsvLog(tmp_path / "folder.csv")
    pytest.importorskip("tensorboardX")
    with pytest.raises(ConfigError, match="expected a folder that can be written at"):
        TensorBoardLog(tmp_path / "log.csv")


def test_a_log_of_tensorboard_without_its_package_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tensorboardX.proto", None)
    with pytest.raises(ConfigError, match=r"got none; pip install 'annex-actors\[tensorboard\]'"):
        TensorBoardLog(tmp_path / "events")
    assert list(tmp_path.iterdir()) == []
