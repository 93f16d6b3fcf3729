"""The web application: right answers to the bit, a full queue, and bad requests in one line each."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from annex_actors import Column, Dataset, Kind, Learner, Table, load, parse_layers
from annex_actors.base.types import Floats
from annex_actors.costs import cost
from annex_actors.runs.predictions import Meaning
from annex_actors.runtimes import RunFailedError
from annex_actors.service import application
from annex_actors.service.application import Application

pytest.importorskip("starlette")
from starlette.testclient import TestClient

JSON = {"content-type": "application/json"}


def client(application: Application) -> TestClient:
    return TestClient(application.asgi(), base_url="http://localhost")


def made(predict: Any, most_waiting: int = 8, failures: list[RunFailedError] | None = None) -> Application:
    found = [] if failures is None else failures
    meaning = Meaning(("no", "yes"), cost("softmax_cross_entropy"))
    return Application(predict, meaning, most_waiting=most_waiting, on_failure=found.append)


@pytest.fixture(scope="module")
def learner() -> Learner:
    learner = Learner(parse_layers("dense:8 tanh dense:3"), runtime="threads")
    learner.train(load("iris"), epochs=2)
    return learner


@pytest.fixture(scope="module")
def asked(learner: Learner) -> Iterator[TestClient]:
    with learner.serving() as predict:
        served = Application(predict, Meaning.of(learner), most_waiting=64, on_failure=lambda error: None)
        with client(served) as ready:
            yield ready


def test_every_answer_has_the_bits_of_predict_whatever_else_is_asked(learner: Learner, asked: TestClient) -> None:
    inputs = load("iris").test.inputs
    questions = [inputs[first : first + size] for size in (1, 2, 7) for first in range(0, 42, 3)]

    def ask(question: Floats) -> dict[str, Any]:
        reply = asked.post("/predict", json={"inputs": question.tolist()})
        assert reply.status_code == 200
        answer: dict[str, Any] = reply.json()
        return answer

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, questions))
    for question, answer in zip(questions, answers, strict=True):
        expected = learner.predict(question)
        assert np.array(answer["outputs"], np.float32).tobytes() == expected.tobytes()
        assert learner.classes is not None
        assert [row["class"] for row in answer["predictions"]] == [learner.classes[i] for i in expected.argmax(axis=1)]
    health = asked.get("/health").json()
    assert health["status"] == "ok"
    assert health["answered"] >= len(questions)
    assert health["waiting"] == 0


def test_one_request_too_many_is_refused_and_all_others_are_answered() -> None:
    began, go_on = threading.Semaphore(0), threading.Event()

    def predict(inputs: Floats) -> Floats:
        began.release()
        assert go_on.wait(60)
        return np.full((len(inputs), 2), 0.5, np.float32)

    with client(made(predict, most_waiting=3)) as ready, ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(ready.post, "/predict", json={"inputs": [[1.0]]}) for _ in range(3)]
        for _ in waiting:
            assert began.acquire(timeout=60)
        refused = ready.post("/predict", json={"inputs": [[1.0]]})
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert refused.json() == {"error": "expected at most 3 requests at a time; try again later"}
        assert ready.get("/health").json() == {"status": "ok", "waiting": 3, "answered": 0, "refused": 1}
        go_on.set()
        assert [each.result().status_code for each in waiting] == [200, 200, 200]
        assert ready.post("/predict", json={"inputs": [[1.0]]}).status_code == 200


@pytest.mark.parametrize(
    ("content", "status", "message"),
    [
        ("[1", 400, "expected JSON, got: "),
        ("[" * 100_000, 400, "expected JSON, got: "),
        ("[]", 400, 'expected an object {"inputs": [...]}'),
        ('{"input": [[1]]}', 400, 'expected an object {"inputs": [...]}'),
        ('{"inputs": [[1]], "more": 1}', 400, 'expected an object {"inputs": [...]}'),
        ('{"inputs": [["a"]]}', 400, 'expected "inputs" to be numbers, samples of one shape'),
        ('{"inputs": [[1], [1, 2]]}', 400, 'expected "inputs" to be numbers, samples of one shape'),
        ('{"inputs": {"a": 1}}', 400, 'expected "inputs" to be numbers, samples of one shape'),
        ('{"inputs": [[1, 2, 3]]}', 400, "expected inputs of shape (samples, 4)"),
        ('{"inputs": []}', 400, "expected "),
        ('{"inputs": 5}', 400, "expected "),
        ('{"inputs": [[1, 2, 3, NaN]]}', 400, "expected inputs to be finite"),
        ('{"inputs": [[1, 2, 3, 1e999]]}', 400, "expected inputs to be finite"),
        (f'{{"inputs": [[1, 2, 3, 1{"0" * 400}]]}}', 400, "expected "),
        (b"\xff\xfe\x00", 400, "expected JSON, got: "),
        (b" " * 2000, 413, "expected at most 1,000 bytes"),
    ],
)
def test_bad_requests(
    content: str | bytes, status: int, message: str, asked: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    if status == 413:
        monkeypatch.setattr(application, "MOST_BYTES", 1000)
    reply = asked.post("/predict", content=content, headers=JSON)
    assert reply.status_code == status
    assert reply.json()["error"].startswith(message)
    assert "\n" not in reply.json()["error"]
    assert asked.get("/health").json()["waiting"] == 0


def test_web_pages_elsewhere_cannot_ask(asked: TestClient) -> None:
    body = {"inputs": [[1, 2, 3, 4]]}
    assert asked.post("/predict", json=body, headers={"host": "example.org"}).status_code == 400
    assert asked.post("/predict", content='{"inputs": [[1, 2, 3, 4]]}').status_code == 415
    assert asked.get("/predict").status_code == 405
    assert asked.get("/elsewhere").status_code == 404


def test_a_layer_that_fails_again_and_again_is_reported() -> None:
    failures: list[RunFailedError] = []

    def predict(inputs: Floats) -> Floats:
        raise RunFailedError("layer 1 (tanh) failed")

    with client(made(predict, failures=failures)) as ready:
        reply = ready.post("/predict", json={"inputs": [[1.0]]})
    assert (reply.status_code, reply.json()) == (500, {"error": "layer 1 (tanh) failed"})
    assert [str(each) for each in failures] == ["layer 1 (tanh) failed"]


def test_raw_rows_of_a_table_are_answered_with_the_bits_of_predict() -> None:
    names = ["cook", "clerk", "007"]
    jobs = Column("job", Kind.TEXT, np.array([names[index % 3] for index in range(40)], object))
    ages = Column("age", Kind.NUMBER, np.arange(40) % 11 + 0.5)
    risk = Column("risk", Kind.TEXT, np.array(["low" if index % 3 else "high" for index in range(40)], object))
    data = Dataset.from_table(Table((jobs, ages, risk), "made here"))
    learner = Learner(parse_layers("dense:4 tanh dense:2"), runtime="inline")
    learner.train(data, epochs=2)
    assert learner.preparation is not None
    expected = learner.predict(learner.preparation.inputs(Table((jobs, ages), "")))
    served = Application(learner.predict, Meaning.of(learner), most_waiting=4, on_failure=lambda error: None)
    rows = [{"job": job, "age": age} for job, age in zip(jobs.values, ages.values, strict=True)]
    with client(served) as ask:
        answer = ask.post("/predict", json={"rows": rows}).json()
        assert np.array(answer["outputs"], np.float32).tobytes() == expected.tobytes()
        assert {row["class"] for row in answer["predictions"]} <= {"high", "low"}
        one = ask.post("/predict", json={"rows": [{"age": "3.5", "job": "007"}]}).json()
        assert one["outputs"] == answer["outputs"][rows.index({"job": "007", "age": 3.5}) :][:1]
        for bad, message in (
            ([], "expected at least 1 row, got none"),
            ([3], 'expected "rows" to be a list of objects'),
            ([{"age": 1}], "got no job; add, rename or remove columns"),
            ([{"age": "old", "job": "cook"}], "expected a number, as in training, in row 0, column age, got 'old'"),
            ([{"age": [1], "job": "cook"}], "expected a number, a truth value or text in row 0, column age"),
        ):
            reply = ask.post("/predict", json={"rows": bad})
            assert reply.status_code == 400
            assert message in reply.json()["error"]
