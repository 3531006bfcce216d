"""Completions of a server: the right number, in order, by reproducible requests; errors name the conversation."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from http_server import Crowd, Endpoint, Reply, says, serving, silent, status
from posttrain.endpoint import EndpointOptions
from posttrain.errors import InputError, RunError
from posttrain.generation.remote import RemoteCompletion, request_completions, seed_of
from posttrain.generation.sampling import Sampling


@pytest.fixture
def server() -> Iterator[Any]:
    with serving() as httpd:
        yield httpd


def texts(
    server: Any, questions: list[str], *script: Reply, n: int = 1, sampling: Sampling | None = None, **more: Any
) -> list[list[str]]:
    return [[one.text for one in each] for each in written(server, questions, *script, n=n, sampling=sampling, **more)]


def written(
    server: Any,
    questions: list[str],
    *script: Reply,
    n: int = 1,
    sampling: Sampling | None = None,
    ids: list[int] | None = None,
    on_done: Any = lambda done: None,
    **more: Any,
) -> list[list[RemoteCompletion]]:
    server.script[:] = script
    options = EndpointOptions.model_validate({"url": server.url, "model": "m", "backoff": 0, "timeout": 5, **more})
    return request_completions(
        [[{"role": "user", "content": question}] for question in questions],
        options,
        sampling or Sampling(16),
        n=n,
        wheres=[f"prompts.jsonl:{line}" for line in range(1, len(questions) + 1)],
        ids=ids,
        on_done=on_done,
    )


def question_of(body: dict[str, Any]) -> str:
    return body["messages"][-1]["content"]


def echo(most: int) -> Reply:
    """Writes at most so many completions a request: the question, the request's seed, and a number."""

    def answer(endpoint: Endpoint, body: dict[str, Any]) -> None:
        count = min(body.get("n", 1), most)
        says(*(f"{question_of(body)} {body['seed']} {i}" for i in range(count)))(endpoint, body)

    return answer


def test_settings_are_sent_unless_they_have_no_effect(server: Any) -> None:
    written(server, ["q"], says("a"), sampling=Sampling(7, temperature=0.5, seed=3))
    written(server, ["q"], says("a"), sampling=Sampling(7, 0.5, top_k=5, top_p=0.9, min_p=0.1, stop=("\n",), seed=3))
    plain, full = (body for _, _, body in server.requests)
    base = {
        "model": "m",
        "messages": [{"role": "user", "content": "q"}],
        "max_tokens": 7,
        "temperature": 0.5,
        "seed": seed_of(3, 0, 0),
    }
    assert plain == base
    assert full == {**base, "top_k": 5, "top_p": 0.9, "min_p": 0.1, "stop": ["\n"]}


def test_only_what_stopped_by_itself_has_ended(server: Any) -> None:
    script = (says("a", finish="stop"), says("b", finish="length"), says("c", finish=None))
    found = written(server, ["1", "2", "3"], *script, concurrency=1)
    assert found == [[RemoteCompletion("a", True)], [RemoteCompletion("b", False)], [RemoteCompletion("c", False)]]


def test_one_request_brings_all_completions_of_a_server_that_writes_several(server: Any) -> None:
    (found,) = texts(server, ["q"], echo(most=9), n=4)
    assert [body["n"] for _, _, body in server.requests] == [4]
    assert found == [f"q {seed_of(0, 0, 0)} {i}" for i in range(4)]


@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_server_that_returns_fewer_gets_a_request_for_the_rest_with_another_seed(server: Any, most: int) -> None:
    (found,) = texts(server, ["q"], echo(most), n=4)
    assert [body.get("n", 1) for _, _, body in server.requests] == list(range(4, 0, -most))
    assert found == [f"q {seed_of(0, 0, i // most * most)} {i % most}" for i in range(4)]


@pytest.mark.parametrize("code", [400, 422])
def test_a_server_that_refuses_several_gets_a_request_for_each(server: Any, code: int) -> None:
    def only_one(endpoint: Endpoint, body: dict[str, Any]) -> None:
        (status(code, "n must be 1") if "n" in body else echo(1))(endpoint, body)

    (found,) = texts(server, ["q"], only_one, n=3)
    assert found == [f"q {seed_of(0, 0, i)} 0" for i in range(3)]
    assert len(server.requests) == 4


def test_a_server_that_writes_too_many_is_cut(server: Any) -> None:
    assert texts(server, ["q"], says("a", "b", "c"), n=2) == [["a", "b"]]


def test_a_rerun_sends_the_same_requests_and_so_does_a_part_of_it(server: Any) -> None:
    whole = texts(server, ["a", "b", "c"], echo(1), n=2, concurrency=3)
    assert texts(server, ["a", "b", "c"], echo(1), n=2, concurrency=1) == whole
    assert texts(server, ["b", "c"], echo(1), n=2, ids=[1, 2]) == whole[1:]
    assert len({text.split()[1] for each in whole for text in each}) == 6
    assert texts(server, ["a"], echo(1), sampling=Sampling(16, seed=1)) != [whole[0][:1]]


def test_a_seed_fits_every_server() -> None:
    seeds = [seed_of(seed, number, branch) for seed in range(8) for number in range(32) for branch in range(4)]
    assert len(set(seeds)) == len(seeds)
    assert 0 <= min(seeds) <= max(seeds) < 1 << 31


def test_results_are_in_the_order_of_the_prompts_and_no_more_requests_run_than_allowed(server: Any) -> None:
    crowd = Crowd(echo(1))
    questions = [f"question {i}" for i in range(9)]
    done: list[int] = []
    found = texts(server, questions, crowd, n=2, concurrency=3, on_done=done.append)
    assert [[text.rsplit(" ", 2)[0] for text in each] for each in found] == [[question] * 2 for question in questions]
    assert crowd.most == 3
    assert done == list(range(2, 19, 2))


def test_a_late_answer_keeps_its_place(server: Any) -> None:
    def late_first(endpoint: Endpoint, body: dict[str, Any]) -> None:
        (Crowd(echo(1)) if question_of(body) == "first" else echo(1))(endpoint, body)

    assert [one.split()[0] for (one,) in texts(server, ["first", "last"], late_first)] == ["first", "last"]


def test_a_temporary_failure_is_retried_with_the_same_request(server: Any) -> None:
    script = (status(500), status(429, Retry_After="0"), silent, says("a"))
    assert texts(server, ["q"], *script, timeout=0.3) == [["a"]]
    assert len({json.dumps(request) for request in server.requests}) == 1


def only_second(answer: Reply) -> Reply:
    return lambda endpoint, body: (answer if question_of(body) == "second" else echo(1))(endpoint, body)


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (status(400, "too long"), InputError, r"prompts\.jsonl:2: .* answers 400: too long"),
        (status(401, "who are you"), InputError, r"prompts\.jsonl:2: .* answers 401: who are you\. .*key_from"),
        (status(404, "not here"), InputError, r"prompts\.jsonl:2: .* answers 404: not here\. Does `url`"),
        (status(200, "hello"), InputError, r"prompts\.jsonl:2: .* does not reply as chat completions do: 'hello'"),
        (status(500, "broken"), RunError, r"prompts\.jsonl:2: .* answers 500: broken \(2 tries\)"),
    ],
)
def test_errors_name_the_place(server: Any, answer: Reply, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        written(server, ["first", "second", "third"], only_second(answer), retries=1, concurrency=2)


def test_no_request_is_sent_after_a_failure(server: Any) -> None:
    with pytest.raises(InputError, match=r"prompts\.jsonl:\d+: .* answers 401"):
        written(server, ["q"] * 500, status(401), concurrency=2)
    assert len(server.requests) < 500


def test_a_failure_wakes_threads_that_wait_for_their_next_try(server: Any) -> None:
    arrived = threading.Event()

    def answer(endpoint: Endpoint, body: dict[str, Any]) -> None:
        if question_of(body) == "waits":
            status(429, Retry_After="60")(endpoint, body)
            arrived.set()
        else:
            arrived.wait()
            status(401)(endpoint, body)

    with pytest.raises(InputError, match=r"prompts\.jsonl:2"):
        written(server, ["waits", "fails"], answer, concurrency=2)
    assert len(server.requests) == 2


def test_a_missing_key_is_an_error_before_any_request(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with pytest.raises(InputError, match="NO_SUCH_KEY is not set"):
        written(server, ["q"], says("a"), key_from="NO_SUCH_KEY")
    assert server.requests == []


def test_no_prompts_are_no_requests(server: Any) -> None:
    assert written(server, [], says("a")) == []
    assert server.requests == []


def test_messages_are_sent_in_the_form_of_the_protocol(server: Any) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": {"a": 1}}}
    conversation = [
        {"role": "user", "content": "1 + 1?", "weight": 0},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "2", "tool_call_id": "c1", "name": "add"},
    ]
    server.script[:] = [says("two")]
    options = EndpointOptions(url=server.url, model="m")
    request_completions([conversation], options, Sampling(4), n=1, wheres=["x:1"])
    first, second, third = server.requests[0][2]["messages"]
    assert first == {"role": "user", "content": "1 + 1?"}
    assert second["tool_calls"] == [{**call, "function": {"name": "add", "arguments": '{"a": 1}'}}]
    assert third == conversation[2]
