"""Every example runs, prints what it promises, and stands in the README as it is where the README quotes it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from annex_actors.data import Samples, catalog
from annex_actors.data.fashion_mnist import find, search_path
from annex_actors.runs.config import resolve
from annex_actors.runs.toml_settings import read_settings
from tests.readmes import ROOT, blocks, shape

EXAMPLES = ROOT / "examples"


def run(name: str) -> str:
    """Return what the example prints; it must print nothing on standard error."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stderr == ""
    return done.stdout


def test_xor_is_learned() -> None:
    predicted = [line.split("->")[1].split()[0] for line in run("xor.py").splitlines() if "->" in line]
    assert predicted == ["0", "1", "1", "0"]


def test_digits_are_read_as_the_readme_shows() -> None:
    printed = run("digits.py")
    readme = (ROOT / "README.md").read_text()
    assert (EXAMPLES / "digits.py").read_text().split('"""\n\n', 1)[1].strip() in readme
    *epochs, last = printed.strip().splitlines()
    assert "epoch 20" in epochs[-1]
    assert float(epochs[-1].split()[-1]) >= 0.96
    assert last.startswith("5 actors, 900 steps")


def test_crashes_leave_the_weights_bit_identical() -> None:
    printed = run("recover_from_a_crash.py")
    assert "restarts: 3" in printed
    assert printed.strip().endswith("bit-identical")


def test_replicas_make_the_weights_of_one_actor_though_one_crashes() -> None:
    whole, one, divided, crash, restart, two, last = run("replicas.py").splitlines()
    assert (whole, divided, last) == ("--stages 1,3:", "--stages 1x2,3:", "bit-identical")
    assert "failed in forward at step 60 microbatch 3" in crash
    assert restart == "  layer 0 dense:256, replica 1 is up again, incarnation 2"
    assert (one.split()[0], two.split()[0]) == ("2", "3")


PAGE = EXAMPLES / "README.md"
SHOWN = dict(re.findall(r"^`(\w+)\.py` prints.*?:\n\n```text\n(.*?)^```$", PAGE.read_text(), flags=re.M | re.S))
"""What the page shows as printed, by the example."""


@pytest.mark.parametrize("name", SHOWN)
def test_the_page_shows_what_an_example_prints(name: str) -> None:
    assert shape(run(f"{name}.py").splitlines()) == shape(SHOWN[name].splitlines())


LEAST = {
    "Supervision, without any network": 4,
    "Training": 4,
    "Where layers live, and in which order they work": 4,
    "Layers of your own": 2,
}


def test_the_page_has_every_example_once_by_its_readers() -> None:
    groups = {
        each.partition("\n")[0]: re.findall(r"^\| \[`(\w+)\.py`\]", each, re.M)
        for each in PAGE.read_text().split("\n## ")
    }
    named = [name for names in groups.values() for name in names]
    assert sorted(named) == sorted(path.stem for path in EXAMPLES.glob("*.py"))
    assert all(len(groups[title]) >= least for title, least in LEAST.items())


def test_shapes_are_told_apart() -> None:
    *_, last = run("shapes.py").splitlines()
    assert last.startswith("19 layers on 2 actors")
    assert float(last.split()[-1]) >= 0.93


def first(count: int, samples: Samples) -> Samples:
    return Samples(samples.inputs[:count], samples.targets[:count])


def test_plans_are_predicted_and_measured_and_make_equal_weights() -> None:
    *_, header, first, second, third, last = run("placement.py").splitlines()
    assert header.split() == ["plan", "predicted", "measured", "error", "weights"]
    rows = [line.split() for line in (first, second, third)]
    assert [row[0] for row in rows] == ["1", "3,2", "layer"]
    assert len({row[-1] for row in rows}) == 1
    assert all(float(number) > 0 for row in rows for number in row[1:3])
    assert last.startswith("fastest: ")


def test_three_runtimes_make_the_same_weights() -> None:
    pytest.importorskip("ray")
    header, *rows, last = run("three_runtimes.py").splitlines()
    assert header.split()[-3:] == ["hop", "µs", "weights"]
    cells = [row.split() for row in rows]
    assert [name for name, *_ in cells] == ["schedulers", "processes", "ray"]
    assert all(float(number) > 0 for _, *numbers, _ in cells for number in numbers[:2])
    assert last == "bit-identical"


@pytest.mark.skipif(find(search_path()) is None, reason="needs Fashion-MNIST")
def test_the_example_for_fashion_mnist_is_a_run_that_fits_its_data() -> None:
    pytest.importorskip("torch")
    _, learner, dataset = resolve(read_settings(EXAMPLES / "fashion_mnist.toml"))
    few = replace(dataset, train=first(256, dataset.train), test=first(64, dataset.test))
    result = learner.train(few, epochs=1, batch_size=128)
    assert (result.stages, result.checkpoint.step) == (2, 2)


def test_pictures_of_the_page_of_a_run_are_taken(tmp_path: Path) -> None:
    pytest.importorskip("playwright")
    pytest.importorskip("uvicorn")
    pytest.importorskip("starlette")
    if shutil.which("chromium") is None:
        pytest.skip("expected chromium, got none; apt-get install chromium")
    subprocess.run([sys.executable, EXAMPLES / "pictures" / "page.py", tmp_path], timeout=250, check=True)
    assert {each.name for each in tmp_path.iterdir()} == {each.name for each in EXAMPLES.glob("pictures/page-*")}


TUTORIALS = {"credit": ["german-credit"], "faces": ["faces"], "fraud": ["phishing", "intrusions"]}


@pytest.mark.parametrize("name", TUTORIALS)
def test_a_tutorial_shows_what_its_script_prints(name: str) -> None:
    here = {entry.name for entry in catalog() if entry.available}
    if not here >= {*TUTORIALS[name]}:
        pytest.skip(f"{' or '.join(TUTORIALS[name])} is not on this machine")
    (shown,) = blocks(EXAMPLES / "tutorials" / f"{name}.md", "text")
    assert shape(run(f"{name}.py").splitlines()) == shape(shown.splitlines())


RUN = {
    "agreement": "test_sentences_agree_with_their_subjects",
    **dict.fromkeys(TUTORIALS, "test_a_tutorial_shows_what_its_script_prints"),
    "digits": "test_digits_are_read_as_the_readme_shows",
    "kill_a_process": "test_a_killed_process_leaves_the_weights_bit_identical",
    "own_activation": "test_the_page_shows_what_an_example_prints",
    "own_layer": "test_a_layer_of_ones_own_learns_the_digits",
    "own_schedule": "test_a_schedule_of_ones_own_is_drawn_and_gives_the_same_weights",
    "placement": "test_plans_are_predicted_and_measured_and_make_equal_weights",
    "recover_from_a_crash": "test_crashes_leave_the_weights_bit_identical",
    "replicas": "test_replicas_make_the_weights_of_one_actor_though_one_crashes",
    "shapes": "test_shapes_are_told_apart",
    "three_runtimes": "test_three_runtimes_make_the_same_weights",
    "time_or_memory": "test_the_page_shows_what_an_example_prints",
    "trace": "test_a_trace_shows_the_messages_of_a_step_and_what_layers_wait_for",
    "torch_layers": "test_torch_modules_survive_crashes_and_go_back_to_torch",
    "xor": "test_xor_is_learned",
}
"""Which test here runs which example."""


def test_every_example_is_run_by_a_test() -> None:
    of_supervisors = (ROOT / "tests" / "supervisors" / "test_examples.py").read_text()
    for path in EXAMPLES.glob("*.py"):
        if path.stem in RUN:
            assert callable(globals()[RUN[path.stem]])
        else:
            assert f'"{path.stem}"' in of_supervisors, f"no test runs {path.name}"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_is_one_idea_in_at_most_sixty_lines_without_flags(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 60
    assert "argv" not in text


def test_sentences_agree_with_their_subjects() -> None:
    first, *sentences = run("agreement.py").splitlines()
    assert float(first.rpartition(" ")[2]) >= 0.98
    assert sentences == ["the keys of the old cabinet are ...", "the dog near the authors of the new keys is ..."]


def test_a_layer_of_ones_own_learns_the_digits() -> None:
    words, _, accuracy = run("own_layer.py").rpartition(" ")
    assert words == "test accuracy"
    assert 0.75 < float(accuracy) <= 1


def test_torch_modules_survive_crashes_and_go_back_to_torch() -> None:
    pytest.importorskip("torch")
    accuracy, restarts, in_torch = run("torch_layers.py").splitlines()
    assert float(accuracy.rpartition(" ")[2]) > 0.8
    assert restarts == "2 restarts, weights bit-identical"
    assert in_torch == f"in torch {accuracy.rpartition(' ')[2]}, weights 1.0.weight, 1.0.bias ..."


def test_a_schedule_of_ones_own_is_drawn_and_gives_the_same_weights() -> None:
    *picture, last = run("own_schedule.py").splitlines()
    assert picture[1].startswith("stage-0  F0 F1 F2 F3")
    assert len(picture) == 4
    assert last == "the weights of 1f1b"


def test_a_trace_shows_the_messages_of_a_step_and_what_layers_wait_for() -> None:
    names, *lines = run("trace.py").splitlines()
    assert names.split() == ["trainer", "stage-0", "stage-1", "stage-2", "stage-3"]
    arrows = [line for line in lines if "►" in line or "◄" in line]
    assert len(arrows) == 2 + 2 * 4 + 2 * 3 + 1, "targets, forwards, backwards, and a report"
    figures = lines[len(arrows) :]
    assert [line.split(" busy ")[0].split()[-1] for line in figures] == [
        *("dense:32", "relu", "dense:10", "softmax_cross_entropy"),
        "trainer",
    ]
    assert all("idle most for: " in line for line in figures)


def test_a_killed_process_leaves_the_weights_bit_identical() -> None:
    printed = run("kill_a_process.py")
    assert "killed by SIGKILL" in printed
    assert "restarts: 1" in printed
    assert printed.strip().endswith("bit-identical")
