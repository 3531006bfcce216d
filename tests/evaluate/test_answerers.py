"""Answerers that are no model of this process: a server, and a file of saved answers."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from http_server import Endpoint, cut_short, hang_up, says, serving, silent, status
from posttrain.endpoint import EndpointOptions
from posttrain.errors import InputError, RunError
from posttrain.evaluate.answers import Answerer
from posttrain.evaluate.behaviour import run_suite, saved_samples
from posttrain.evaluate.endpoint_answerer import endpoint_answerer
from posttrain.evaluate.sample import write_samples
from posttrain.evaluate.saved_answerer import saved_answerer
from posttrain.evaluate.suites.answers import AnswersSuite

ROWS = [{"id": f"q{n}", "input": f"What is {n} + 1?", "target": str(n + 1)} for n in range(6)]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def suite(tmp_path: Path) -> AnswersSuite:
    write_rows(tmp_path / "rows.jsonl", ROWS)
    return AnswersSuite.model_validate({"data": str(tmp_path / "rows.jsonl"), "metrics": "match"})


@pytest.fixture
def server() -> Iterator[Any]:
    with serving() as httpd:
        yield httpd


def answers_by(answerer: Answerer, suite: AnswersSuite) -> dict[str, str]:
    return {sample.id: sample.answer for sample in run_suite(answerer, suite, Path())}


def adds(endpoint: Endpoint, body: dict[str, Any]) -> None:
    number = int(body["messages"][-1]["content"].split()[2])
    says(*[str(number + 1)] * body.get("n", 1))(endpoint, body)


def client(server: Any, **options: Any) -> EndpointOptions:
    return EndpointOptions.model_validate({"url": server.url, "model": "m", "backoff": 0, **options})


def test_each_answer_of_a_server_belongs_to_its_question(suite: AnswersSuite, server: Any) -> None:
    server.script = [adds]
    samples = run_suite(endpoint_answerer(client(server)), suite, Path())
    assert [sample.values for sample in samples] == [{"match": 1.0}] * 6
    sent = {(body["max_tokens"], body["temperature"]) for _, _, body in server.requests}
    assert sent == {(suite.max_new_tokens, 0.0)}


def test_several_answers_to_a_question_are_sampled(suite: AnswersSuite, server: Any) -> None:
    server.script = [adds]
    several = suite.model_copy(update={"samples": 3, "temperature": 0.7})
    samples = run_suite(endpoint_answerer(client(server)), several, Path())
    assert [(sample.id, sample.repeat) for sample in samples] == [(f"q{n}", k) for n in range(6) for k in range(3)]
    assert {body["temperature"] for _, _, body in server.requests} == {0.7}


@pytest.mark.parametrize("fault", [status(429, Retry_After="0"), status(503), hang_up, cut_short, silent])
def test_a_fault_that_passes_changes_no_answer(suite: AnswersSuite, server: Any, fault: Any) -> None:
    server.script = [fault, fault, adds]
    options = client(server, timeout=0.3, concurrency=1)
    assert answers_by(endpoint_answerer(options), suite) == {f"q{n}": str(n + 1) for n in range(6)}


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (status(429), RunError),
        (silent, RunError),
        (status(401), InputError),
        (lambda endpoint, body: endpoint.reply(200, '{"choices": ['), InputError),
        (lambda endpoint, body: endpoint.reply(200, '{"choices": []}'), InputError),
    ],
)
def test_a_fault_that_stays_is_one_error_with_the_question(
    suite: AnswersSuite, server: Any, fault: Any, error: type[Exception]
) -> None:
    server.script = [fault]
    with pytest.raises(error, match=r"rows\.jsonl:\d: "):
        run_suite(endpoint_answerer(client(server, retries=1, timeout=0.3)), suite, Path())


def saved(folder: Path, rows: list[dict[str, Any]]) -> Answerer:
    return saved_answerer(write_rows(folder / "saved.jsonl", rows))


EXPECTED = {f"q{n}": f"I say {n + 1}" for n in range(6)}


def test_saved_answers_belong_to_their_ids_in_any_order(suite: AnswersSuite, tmp_path: Path) -> None:
    rows = [{"id": name, "answer": text} for name, text in EXPECTED.items()]
    assert answers_by(saved(tmp_path, rows[::-1]), suite) == EXPECTED


def test_without_an_id_they_belong_to_the_question_s_text(suite: AnswersSuite, tmp_path: Path) -> None:
    rows = [{"prompt": f"What is  {n} + 1?\n", "answer": f"I say {n + 1}"} for n in range(5, -1, -1)]
    assert answers_by(saved(tmp_path, rows), suite) == EXPECTED


def test_our_own_samples_give_the_same_samples_again(suite: AnswersSuite, tmp_path: Path) -> None:
    rows = [{"id": name, "answer": text, "confidence": 0.25} for name, text in EXPECTED.items()]
    first = run_suite(saved(tmp_path, rows), suite, Path())
    write_samples(tmp_path / "samples_x.jsonl", first)
    assert run_suite(saved_answerer(tmp_path / "samples_x.jsonl"), suite, Path()) == first
    assert saved_samples(tmp_path, "x") == first


def test_samples_of_lm_evaluation_harness_are_read_once_for_all_filters(suite: AnswersSuite, tmp_path: Path) -> None:
    rows = [
        {"doc_id": n, "doc": ROWS[n], "resps": [[f"I say {n + 1}"]], "filtered_resps": [str(n + 1)], "filter": name}
        for name in ("strict-match", "flexible-extract")
        for n in range(6)
    ]
    assert answers_by(saved(tmp_path, rows), suite) == EXPECTED


def test_several_saved_answers_to_a_question_are_its_repeats(suite: AnswersSuite, tmp_path: Path) -> None:
    rows = [{"id": f"q{n}", "answer": f"{k}"} for k in range(2) for n in range(6)]
    several = suite.model_copy(update={"samples": 2, "temperature": 1.0})
    samples = run_suite(saved(tmp_path, rows), several, Path())
    assert [(s.id, s.repeat, s.answer) for s in samples] == [(f"q{n}", k, str(k)) for n in range(6) for k in range(2)]
    with pytest.raises(InputError, match=r"saved\.jsonl:1: the question 'q0' has 2 saved answers, and `samples` is 1"):
        answers_by(saved(tmp_path, rows), suite)


FULL = [{"id": name, "answer": text} for name, text in EXPECTED.items()]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (FULL[2:], r"rows\.jsonl:1: the question 'q0' has no answer in .*saved\.jsonl \(2 of 6 questions"),
        ([*FULL, {"id": "x", "answer": ""}], r"saved\.jsonl:7: the suite has no question 'x' \(1 of 7 answers"),
        ([*FULL[1:], {"id": "q9", "answer": ""}], r"saved\.jsonl:6: .*; .*rows\.jsonl:1: "),
        ([{"id": "q0", "question": "Who?", "answer": ""}], r"saved\.jsonl:1: the id 'q0' has another question here"),
        ([{"id": "q0", "text": "x"}], r"saved\.jsonl:1: a saved answer has a text under `answer`"),
        ([{"answer": "x"}], r"saved\.jsonl:1: the row names no question"),
        ([{"doc_id": 0, "doc": {}, "resps": [[["-1.5", "True"]]]}], r"saved\.jsonl:1: `resps` holds no texts"),
    ],
)
def test_answers_that_do_not_fit_are_one_error(
    suite: AnswersSuite, tmp_path: Path, rows: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        answers_by(saved(tmp_path, rows), suite)


def test_two_questions_with_one_text_need_ids(tmp_path: Path) -> None:
    twice = write_rows(tmp_path / "rows.jsonl", [{"input": "Why?", "target": "1"}] * 2)
    suite = AnswersSuite.model_validate({"data": str(twice), "metrics": "match"})
    with pytest.raises(InputError, match=r"saved\.jsonl:1: 2 questions of the suite have this text"):
        answers_by(saved(tmp_path, [{"prompt": "Why?", "answer": "1"}] * 2), suite)
