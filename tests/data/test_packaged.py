from __future__ import annotations

import gzip
import hashlib
import math
import re
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError, DataError
from annex_actors.data import Dataset, catalog, load, register_data
from annex_actors.data.packaged import PACKAGED, Packaged
from annex_actors.data.packaged_tables import WORDS, PackagedTable
from annex_actors.data.packages import Index, PackageFiles
from annex_actors.data.tables.columns import Column, Kind, Table

SHIPPED = pytest.mark.parametrize("name", PACKAGED)
HEADER, BODY = "https,popular,is_phishing", ["0.5,1.0,1", "1.0,0.0,0"]


def files(content: bytes, name: str = "sites.csv.gz") -> PackageFiles:
    return PackageFiles("no-such-package", "1.0", "sites/data", (name,), hashlib.sha256(content).hexdigest())


def dataset_of(name: str, *contents: bytes) -> Dataset:
    made = PACKAGED[name].made(contents)
    return made.dataset() if isinstance(made, PackagedTable) else made


def made(name: str, *contents: bytes) -> Packaged:
    return replace(PACKAGED[name], files=files(contents[0]))


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.fixture
def phishing() -> bytes:
    return gzip.compress("\n".join([HEADER, *BODY * 5]).encode(), mtime=0)


@SHIPPED
def test_a_data_set_that_is_here_has_what_the_catalogue_says(name: str) -> None:
    packaged = PACKAGED[name]
    if packaged.files.find() is None:
        pytest.skip(f"{packaged.files.package} is not installed")
    before = set(sys.modules)
    dataset = load(name)
    assert packaged.files.folder.split("/")[0] not in set(sys.modules) - before
    assert (dataset.name, len(dataset.train) + len(dataset.test)) == (name, packaged.samples)
    assert math.prod(dataset.input_shape) == packaged.features


@SHIPPED
def test_a_package_that_is_missing_gets_one_line_with_the_command(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(package: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(metadata, "distribution", none)
    wanted = PACKAGED[name].files
    if wanted.find() is not None:
        pytest.skip(f"{wanted.package} is a part of this system")
    with pytest.raises(DataError, match=rf"got none; {re.escape(wanted.how)}, \w+ pass .*--data-dir") as caught:
        load(name, data_dir=tmp_path)
    assert "\n" not in str(caught.value)
    (entry,) = (each for each in catalog(data_dir=tmp_path) if each.name == name)
    assert (entry.available, entry.where) == (False, PACKAGED[name].files.how)


@pytest.mark.parametrize("folder", ["", "sites/data"])
def test_files_are_found_in_the_given_folder_or_in_an_unpacked_package(
    folder: str, phishing: bytes, tmp_path: Path
) -> None:
    put(tmp_path / folder / "sites.csv.gz", phishing)
    assert files(phishing).find(tmp_path) == tmp_path / folder
    assert files(phishing).read(tmp_path) == (phishing,)


def test_a_debian_package_is_found_unpacked_by_the_command_that_its_message_gives(
    phishing: bytes, tmp_path: Path
) -> None:
    wanted = replace(files(phishing), package="sites", index=Index.DEBIAN)
    assert wanted.how == "apt-get download sites && dpkg -x sites_*.deb sites"
    with pytest.raises(DataError, match=rf"got none; {re.escape(wanted.how)}, and pass the folder: --data-dir sites$"):
        wanted.read(tmp_path / "sites")
    put(tmp_path / "sites" / wanted.folder / "sites.csv.gz", phishing)
    assert wanted.read(tmp_path / "sites") == (phishing,)


def test_an_installed_package_is_found_without_importing_it(
    phishing: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "no_such_package-1.0.dist-info" / "METADATA", b"Name: no-such-package\nVersion: 1.0\n")
    put(tmp_path / "sites" / "__init__.py", b"raise AssertionError('imported')")
    put(tmp_path / "sites" / "data" / "sites.csv.gz", phishing)
    monkeypatch.syspath_prepend(tmp_path)
    assert files(phishing).find() == tmp_path / "sites" / "data"
    assert files(phishing).read() == (phishing,)
    assert "sites" not in sys.modules


@pytest.mark.parametrize("damage", [lambda content: content[:-1], lambda content: b"", lambda content: content + b"\n"])
def test_a_file_with_another_hash_is_refused(damage: object, phishing: bytes, tmp_path: Path) -> None:
    assert callable(damage)
    put(tmp_path / "sites.csv.gz", damage(phishing))
    with pytest.raises(
        DataError, match=r"expected sites.csv.gz to have the SHA-256 \w+, got \w+; pip install"
    ) as caught:
        files(phishing).read(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_one_damaged_picture_of_many_is_refused(tmp_path: Path) -> None:
    for name in PACKAGED["faces"].files.names:
        put(tmp_path / name, b"P5\n92 112\n255\n")
    with pytest.raises(DataError, match=r"expected 400 files from s1/1\.pgm on to have the SHA-256"):
        load("faces", data_dir=tmp_path)


def test_sites_are_split_by_class_and_have_names(phishing: bytes, tmp_path: Path) -> None:
    put(tmp_path / "sites.csv.gz", phishing)
    dataset = made("phishing", phishing).load(tmp_path)
    assert (dataset.classes, dataset.feature_names) == (("genuine", "phishing"), ("https", "popular"))
    assert (len(dataset.train), np.bincount(dataset.test.targets).tolist()) == (8, [1, 1])
    assert {tuple(row) for row in dataset.train.inputs[dataset.train.targets == 1].tolist()} == {(0.5, 1)}


def test_two_pictures_of_each_person_are_for_tests() -> None:
    contents = [
        b"P5\r\n92 112\r\n255\r\n" + bytes([person]) * (112 * 92 - 1) + bytes([picture])
        for person in range(40)
        for picture in range(10)
    ]
    dataset = dataset_of("faces", *contents)
    assert (dataset.input_shape, len(dataset.train), len(dataset.test)) == ((112, 92, 1), 320, 80)
    assert np.bincount(dataset.test.targets).tolist() == [2] * 40
    assert np.array_equal(dataset.train.inputs[:, 0, 0, 0], dataset.train.targets.astype(np.float32) / np.float32(255))
    assert np.array_equal(
        dataset.test.inputs[:, -1, -1, 0], np.tile(np.array([8, 9], np.float32), 40) / np.float32(255)
    )


def test_sorted_digits_are_shuffled_by_the_split() -> None:
    rows = [",".join(["0"] * 783 + ["255", str(digit)]) for digit in range(10) for _ in range(5)]
    dataset = dataset_of("mnist-5000", gzip.compress("\n".join(rows).encode()))
    assert (dataset.input_shape, len(dataset.train)) == ((28, 28, 1), 40)
    assert np.bincount(dataset.test.targets).tolist() == [1] * 10
    assert (dataset.train.inputs[:, -1, -1, 0] == 1).all()


def test_words_of_connections_get_a_column_each() -> None:
    first = ["0", "tcp", "http", "SF", *["1"] * 37, "negative"]
    second = ["5", "udp", "http", "S3", *["2"] * 37, "positive"]
    dataset = dataset_of("intrusions", "\n".join([",".join(first), ",".join(second)] * 5).encode())
    assert dataset.feature_names is not None
    assert dataset.feature_names[:6] == (
        "duration", "protocol_type=tcp", "protocol_type=udp", "service=http", "flag=S3", "flag=SF",
    )  # fmt: skip
    tcp, udp, http = (dataset.train.inputs[:, column] for column in (1, 2, 3))
    assert np.array_equal(tcp, -udp)
    assert not http.any()


def test_spam_and_letters_have_a_name_for_each_column() -> None:
    spam = dataset_of("spam", "\n".join(f"{row / 7}, " * 57 + str(row % 2) for row in range(10)).encode())
    letters = dataset_of("letters", "\n".join(f"{row}," * 16 + "AB"[row % 2] for row in range(10)).encode())
    assert (spam.classes, spam.input_shape) == (("mail", "spam"), (57,))
    assert (letters.classes, letters.input_shape) == (("A", "B"), (16,))


def test_insurance_is_standardised_and_named_by_its_header() -> None:
    rows = [f"{row},{row % 3},{'Yes' if row % 5 == 0 else 'No'}" for row in range(20)]
    dataset = dataset_of("insurance", "\n".join(["AGE,CARS,Purchase", *rows]).encode())
    assert (dataset.classes, dataset.feature_names) == (("No", "Yes"), ("AGE", "CARS"))
    assert np.allclose(dataset.train.inputs.mean(axis=0), 0, atol=1e-6)


def test_utterances_are_moments_by_coefficients() -> None:
    text = b"#c\n@classLabel true 1 2\n@data\n1,2,3:4,5,6:9\n"
    dataset = dataset_of("speakers", text, text)
    assert dataset.train.inputs.tolist() == [[[1, 4], [2, 5], [3, 6]]]
    assert dataset.test.targets.tolist() == [8]


CREDIT = [
    f"{['none', 'A, B'][row % 2]!r},{row},yes,{['good', 'bad'][row // 2 % 2]}".replace("'", '"') for row in range(20)
]


def test_credit_keeps_what_made_numbers_of_its_words() -> None:
    content = "\r\n".join(["savings,months,foreign,creditability", *CREDIT]).encode()
    dataset = dataset_of("german-credit", content)
    assert (dataset.name, dataset.classes) == ("german-credit", ("bad", "good"))
    assert dataset.feature_names == ("savings = A, B", "savings = none", "months")
    assert dataset.preparation is not None
    assert dataset.preparation.description[2] == "foreign (boolean) → drop (0): the same cell in every row"


def test_what_a_table_is_validated_on_shapes_no_transform() -> None:
    table = PACKAGED["german-credit"].made(["\n".join(["savings,months,foreign,creditability", *CREDIT]).encode()])
    assert isinstance(table, PackagedTable)
    whole, cut = table.dataset(), table.dataset(validation=0.5, seed=3)
    assert cut.validation is not None
    assert (len(cut.train), len(cut.validation), len(cut.test)) == (8, 8, len(whole.test))
    assert abs(cut.train.inputs[:, 2].mean()) < 1e-6


def test_articles_are_counted_words_split_as_their_files_are() -> None:
    train = b"@data\n\n'CORN \\'n\\n grain said ',1\n'Gold\\n said',0\n"
    dataset = dataset_of("reuters-corn", train, b"'Gold said',0\n")
    assert (dataset.classes, dataset.input_shape, len(dataset.train)) == (("corn", "other"), (WORDS,), 2)
    assert (dataset.train.targets.tolist(), dataset.test.targets.tolist()) == ([0, 1], [1])
    assert np.array_equal(dataset.test.inputs[0], dataset.train.inputs[1])
    assert dataset.preparation is not None
    article = Column("text", Kind.TEXT, np.array(["corn 'n grain, said"], object))
    assert np.array_equal(dataset.preparation.inputs(Table((article,), "mine")), dataset.train.inputs[:1])


@SHIPPED
def test_a_name_of_a_packaged_data_set_is_taken(name: str) -> None:
    with pytest.raises(ConfigError, match="expected a new name for the data set"):
        register_data(name, lambda: load("iris"))
