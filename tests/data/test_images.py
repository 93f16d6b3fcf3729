from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError, DataError
from annex_actors.cli import main
from annex_actors.data import load, read_images
from annex_actors.data.pictures import SUFFIXES

PEOPLE = {"anna": "png", "bert": "pgm"}
Image: Any = pytest.importorskip("PIL.Image")


def put(path: Path, pixels: np.ndarray[Any, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Six gray pictures of each of two people: Anna's are dark, Bert's are bright."""
    for number in range(6):
        put(tmp_path / "faces" / "anna" / f"{number}.png", np.full((4, 3), number))
        put(tmp_path / "faces" / "bert" / f"{number}.pgm", np.full((4, 3), 255 - number))
    return tmp_path / "faces"


def test_folders_are_classes_and_gray_pixels_are_numbers_up_to_one(faces: Path) -> None:
    dataset = load(faces, test_fraction=0)
    assert (dataset.name, dataset.classes, dataset.input_shape) == ("faces", ("anna", "bert"), (4, 3, 1))
    levels = dataset.train.inputs[:, 0, 0, 0] * 255
    assert np.rint(levels).tolist() == [0, 1, 2, 3, 4, 5, 255, 254, 253, 252, 251, 250]
    assert dataset.train.targets.tolist() == [0] * 6 + [1] * 6


def test_pictures_are_split_by_class(faces: Path) -> None:
    dataset = load(faces, test_fraction=1 / 3, seed=1)
    assert np.bincount(dataset.test.targets).tolist() == [2, 2]


def test_one_picture_in_colour_gives_all_three_channels(faces: Path) -> None:
    put(faces / "anna" / "6.png", np.tile([255, 0, 51], (4, 3, 1)))
    inputs = read_images(faces, test_fraction=0).train.inputs
    assert inputs.shape == (13, 4, 3, 3)
    assert np.allclose(inputs[6, 0, 0], [1, 0, 0.2])
    assert (inputs[7] == 1).all()


def test_pictures_of_several_sizes_are_refused_or_resized(faces: Path) -> None:
    put(faces / "bert" / "6.jpg", np.full((8, 6), 100))
    with pytest.raises(DataError, match=r"expected pictures of one size, got \(4, 3\) in 0.png and \(8, 6\) in bert/6"):
        load(faces)
    dataset = read_images(faces, size=(2, 5), test_fraction=0)
    assert dataset.train.inputs.shape == (13, 2, 5, 1)
    assert np.allclose(dataset.train.inputs[-1], 100 / 255, atol=0.01)


def table(folder: Path, *lines: str) -> Path:
    path = folder / "people.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_table_lists_pictures_beside_it_and_their_classes(faces: Path) -> None:
    path = table(
        faces, "file,age,who", *(f"{who}/{each}.{end},3,{who}" for who, end in PEOPLE.items() for each in range(6))
    )
    dataset, folders = read_images(path, test_fraction=0), load(faces, test_fraction=0)
    assert (dataset.name, dataset.classes, dataset.input_shape) == ("people", ("anna", "bert"), (4, 3, 1))
    assert dataset.train.inputs.tobytes() == folders.train.inputs.tobytes()
    assert dataset.train.targets.tolist() == folders.train.targets.tolist()


@pytest.mark.parametrize(
    ("cells", "targets", "classes"),
    [
        (["0.5", "1.5"], [0.5, 1.5], None),
        (["10", "9"], [1, 0], ("9", "10")),
        (["yes", "no"], [1, 0], ("False", "True")),
        (["b", "a"], [1, 0], ("a", "b")),
    ],
)
def test_labels_are_classes_but_for_numbers_with_decimals(
    cells: list[str], targets: list[float], classes: tuple[str, ...] | None, faces: Path
) -> None:
    path = table(faces, "who,file", *(f"{cells[each % 2]},anna/{each}.png" for each in range(6)))
    dataset = read_images(path, label="who", test_fraction=0)
    assert (dataset.classes, dataset.train.targets.tolist()) == (classes, targets * 3)


@pytest.mark.parametrize(
    ("lines", "label", "message"),
    [
        (["file,who", "anna/0.png,a", "anna/1.png,b", "anna/none.png,b"], None, "line 4, column file: expected a file"),
        (["file,who", "anna/0.png,a", "notes.txt,b", "anna/1.png,b"], None, r"got 'notes.txt' in line 3, column file"),
        (["file,who", "anna/0.png,a", ",b", "anna/1.png,b"], None, "got a missing cell in line 3, column file"),
        (["file,who", "anna/0.png,a", "anna/1.png,", "anna/2.png,b"], None, "got a missing cell in line 3, column who"),
        (["file,who", "a,1", "b,2"], None, "expected a column of paths of pictures .* among file, who, got none"),
        (["file,day", "anna/0.png,2025-01-31", "anna/1.png,2025-02-01"], None, "got dates in column day"),
        (["file,who", "anna/0.png,a"], "whom", "expected `label` to be one of file, who, got 'whom'; did you mean"),
    ],
)
def test_what_is_wrong_in_a_table_of_pictures_is_said_with_its_line(
    lines: list[str], label: str | None, message: str, faces: Path
) -> None:
    path = table(faces, *lines)
    with pytest.raises(DataError, match=message) as caught:
        read_images(path, label=label)
    assert "people.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_table_of_pictures_is_loaded_as_they_are(faces: Path) -> None:
    path = table(faces, "who,file", *(f"{who},{who}/{each}.{end}" for who, end in PEOPLE.items() for each in range(6)))
    dataset = load(path, label="who", validation=0.25)
    assert dataset.validation is not None
    assert (dataset.input_shape, dataset.classes, dataset.preparation) == ((4, 3, 1), ("anna", "bert"), None)
    with pytest.raises(ConfigError, match="expected `drop` with a table of cells only"):
        load(path, label="who", drop=["file"])
    with pytest.raises(DataError, match="expected `label` to be one of who, file, got 'who,file'"):
        load(path, label="who,file")


def test_a_table_that_only_speaks_of_pictures_is_a_table(faces: Path) -> None:
    path = table(faces, "file,size,who", *(f"gone/{each}.png,{each * 7 % 5},{'ab'[each % 2]}" for each in range(12)))
    assert load(path).preparation is not None


def test_a_label_is_a_column_of_a_table(faces: Path) -> None:
    with pytest.raises(ConfigError, match="expected `label` for a table only"):
        read_images(faces, label="who")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize(("color_mode", "channels"), [("grayscale", 1), ("rgb", 3)])
def test_a_color_mode_decides_how_many_channels_there_are(
    mode: str, color_mode: str, channels: int, tmp_path: Path
) -> None:
    suffix = ".jpg" if mode == "CMYK" else ".png"
    for who, level in (("anna", 0), ("bert", 255)):
        for each in range(2):
            path = tmp_path / who / f"{each}{suffix}"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(np.full((8, 8, 3), level, np.uint8)).convert(mode).save(path)
    inputs = read_images(tmp_path, color_mode=color_mode, test_fraction=0).train.inputs
    assert inputs.shape == (4, 8, 8, channels)
    assert np.allclose(inputs[:, 0, 0, 0], [0, 0, 1, 1], atol=0.02)


def test_an_unknown_color_mode_is_refused(faces: Path) -> None:
    with pytest.raises(ConfigError, match="expected `color_mode` to be"):
        read_images(faces, color_mode="gray")


def bomb(path: Path) -> None:
    """Write a PNG of a few bytes whose header promises 10^9 pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 20_000, 8, 0, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b""))


def large(path: Path) -> None:
    path.write_bytes(b"P5\n8000 8000\n255\n")


def cut(path: Path) -> None:
    content = (path.parent / "0.png").read_bytes()
    path.write_bytes(content[: content.index(b"IDAT") + 6])


def text(path: Path) -> None:
    path.write_text("no picture")


def deep(path: Path) -> None:
    Image.fromarray(np.full((4, 3), 60_000, np.uint16)).save(path)


def link(path: Path) -> None:
    outside = path.parents[2] / "secret.png"
    put(outside, np.zeros((4, 3)))
    path.symlink_to(outside)


def folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (bomb, "expected a picture, got: Image size"),
        (large, "expected at most 33,554,432 pixels, got 64,000,000; make it smaller"),
        (cut, "expected a picture, got: "),
        (text, "expected a picture, got: cannot identify image file"),
        (deep, "expected 8 bits a channel, gray or colour, got Pillow's mode I"),
        (link, "expected files in this folder, got 9.png, a link out of it"),
        (folder, "expected a readable file at .*, got a folder"),
    ],
)
def test_what_is_no_picture_gets_one_line(spoil: Callable[[Path], None], message: str, faces: Path) -> None:
    spoil(faces / "anna" / "9.png")
    with pytest.raises(DataError, match=message) as caught:
        load(faces)
    assert "9.png" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_class_without_pictures_is_refused(faces: Path) -> None:
    (faces / "carl").mkdir()
    (faces / "carl" / "notes.txt").write_text("none yet")
    (faces / ".cache").mkdir()
    with pytest.raises(DataError, match=r"expected pictures \(.jpeg, .jpg, .pgm, .png\) in carl, got none"):
        load(faces)


@pytest.mark.parametrize(("classes", "message"), [(0, "a folder for each class"), (1, "at least 2 classes, got 1")])
def test_too_few_classes_are_refused(classes: int, message: str, tmp_path: Path) -> None:
    for number in range(classes):
        for each in range(4):
            put(tmp_path / f"class{number}" / f"{each}.png", np.zeros((2, 2)))
    with pytest.raises(DataError, match=message):
        load(tmp_path)


def test_a_size_is_two_whole_numbers(faces: Path) -> None:
    for size in ((3,), (3, 0), 7, (1, 2.5)):
        with pytest.raises(ConfigError, match="expected `size"):
            read_images(faces, size=size)  # type: ignore[arg-type]


def test_without_pillow_the_extra_is_named(faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ConfigError, match=r"expected Pillow.*pip install 'annex-actors\[images\]'"):
        load(faces)


def test_all_suffixes_are_read(tmp_path: Path) -> None:
    for name in ("a", "b"):
        for suffix in SUFFIXES:
            put(tmp_path / name / f"1{suffix.upper()}", np.full((2, 2), 255))
    assert load(tmp_path, test_fraction=0).train.inputs.tolist() == np.ones((8, 2, 2, 1)).tolist()


def test_the_command_line_trains_on_a_folder_and_records_its_path(
    faces: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(faces.parent)
    options = ["--layers", "flatten dense:2", "--epochs", "1", "--batch-size", "4", "--run-dir", "run"]
    assert main(["train", "faces/", *options]) == 0, capsys.readouterr().err
    assert f'name = "{faces.resolve()}"' in (faces.parent / "run" / "config.toml").read_text()
