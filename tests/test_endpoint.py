"""Requests to a server that replies correctly, late, wrongly, or not at all; retries where they may help."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from http_server import Reply, completion, cut_short, drip, hang_up, says, serving, silent, status
from posttrain.endpoint import Choice, EndpointOptions, Refused, connect, post
from posttrain.errors import InputError, RunError

BODY = {"messages": [{"role": "user", "content": "a question"}]}


@pytest.fixture
def server() -> Iterator[Any]:
    with serving() as httpd:
        yield httpd


def options(server: Any, **more: Any) -> EndpointOptions:
    return EndpointOptions.model_validate({"url": server.url, "model": "m", "backoff": 0, "timeout": 5, **more})


def send(server: Any, *script: Reply, body: Any = BODY, sleep: Any = lambda seconds: None, **more: Any) -> list[Choice]:
    server.script[:] = script
    spec = options(server, **more)
    with connect(spec) as client:
        return post(client, spec, body, sleep)


def test_a_request_carries_the_model_and_its_body(server: Any) -> None:
    body = {"messages": [{"role": "user", "content": "grüß \U0001f600 \ud800"}], "temperature": 0.5}
    assert send(server, says("yes", "no"), body=body) == [Choice("yes", "stop"), Choice("no", "stop")]
    assert server.requests == [("/v1/chat/completions", None, {"model": "m", **body})]


def test_an_address_may_end_in_a_slash(server: Any) -> None:
    send(server, says("yes"), url=server.url + "/")
    assert server.requests[0][0] == "/v1/chat/completions"


def test_a_key_is_sent_only_where_the_options_name_one(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "secret\n")
    send(server, says("yes"), key_from="SOME_KEY")
    send(server, says("yes"))
    assert [authorization for _, authorization, _ in server.requests] == ["Bearer secret", None]


@pytest.mark.parametrize(
    ("value", "problem"),
    [(None, "is not set"), ("", "is not set"), ("schlüssel", "no key has"), ("a\nb", "no key has")],
)
def test_a_key_that_cannot_be_one_is_an_error_that_does_not_show_it(
    server: Any, monkeypatch: pytest.MonkeyPatch, value: str | None, problem: str
) -> None:
    monkeypatch.delenv("SOME_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("SOME_KEY", value)
    with pytest.raises(InputError, match=rf"key_from:.* SOME_KEY .*{problem}") as raised:
        send(server, says("yes"), key_from="SOME_KEY")
    assert not value or value not in str(raised.value)
    assert server.requests == []


@pytest.mark.parametrize(
    "first",
    [status(500), status(503), status(429, Retry_After="0"), hang_up, cut_short],
    ids=["500", "503", "429", "hang up", "cut short"],
)
def test_a_temporary_failure_is_retried(server: Any, first: Reply) -> None:
    assert send(server, first, first, says("yes")) == [Choice("yes", "stop")]
    assert len(server.requests) == 3
    assert server.requests[0] == server.requests[1] == server.requests[2]


@pytest.mark.parametrize("late", [silent, drip], ids=["silent", "dripping"])
def test_a_late_reply_is_abandoned_and_retried(server: Any, late: Reply) -> None:
    assert send(server, late, says("yes"), timeout=0.2) == [Choice("yes", "stop")]
    server.requests.clear()
    with pytest.raises(RunError, match=r"Timeout.* \(1 tries\).*raise `timeout`"):
        send(server, late, says("yes"), timeout=0.2, retries=0)


def test_pauses_double_and_follow_the_server_up_to_a_limit(server: Any) -> None:
    script = [
        status(500),
        status(429, Retry_After="7"),
        status(429, Retry_After="1"),
        status(429, Retry_After="Wed, 21 Oct 2026 07:28:00 GMT"),
        status(503, Retry_After="86400"),
        status(429, Retry_After="-1"),
        status(429, Retry_After="nan"),
        says("yes"),
    ]
    pauses: list[float] = []
    send(server, *script, sleep=pauses.append, backoff=1, retries=7)
    assert pauses == [1, 7, 4, 8, 60, 32, 60]


def test_a_server_that_stays_broken_is_an_error_with_the_next_step(server: Any) -> None:
    pauses: list[float] = []
    with pytest.raises(RunError, match=r"answers 500: out of order \(3 tries\)\. Is the server up"):
        send(server, status(500, "out\nof order"), sleep=pauses.append, retries=2)
    assert len(server.requests) == 3
    assert len(pauses) == 2  # no pause after the last try


def test_a_missing_server_is_an_error_with_the_next_step(server: Any) -> None:
    with pytest.raises(RunError, match=r"http://127.0.0.1:9/v1: ConnectError: .* \(2 tries\).*`url` its address"):
        send(server, url="http://127.0.0.1:9/v1", retries=1)


@pytest.mark.parametrize(
    ("refusal", "problem"),
    [
        (status(400, "too many tokens"), "answers 400: too many tokens$"),
        (status(401, "no key"), r"answers 401: no key\. Name the environment variable .*key_from"),
        (status(404, "no"), r"answers 404: no\. Does `url` end .* have the model m\?"),
        (status(308, "", Location="https://there/v1"), r"answers 308: .*moved.*https://there/v1"),
    ],
)
def test_a_refusal_is_an_error_at_once_with_the_next_step(server: Any, refusal: Reply, problem: str) -> None:
    with pytest.raises(Refused, match=problem):
        send(server, refusal)
    assert len(server.requests) == 1


def test_a_refused_key_is_named_by_its_variable(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "secret")
    with pytest.raises(Refused, match="Is the key in SOME_KEY right, and may it use m") as raised:
        send(server, status(403), key_from="SOME_KEY")
    assert raised.value.status == 403
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("garbage", "problem"),
    [
        ("<html>hello</html>", "does not reply as chat completions do: '<html>hello</html>'"),
        ("", "does not reply as"),
        ("[" * 100_000, "does not reply as"),
        ("[]", "does not reply as"),
        ('{"choices": []}', "does not reply as"),
        ('{"choices": {"a": 1}}', "does not reply as"),
        ('{"choices": [null]}', "does not reply as"),
        ('{"choices": [{"message": null}]}', "does not reply as"),
        ('{"error": {"message": "upstream"}}', "upstream"),
        (completion(None, finish=None), "does not reply as"),
        (completion(None, finish="tool_calls"), "does not reply as"),
        ("x" * 2_000_000, "longer than"),
    ],
)
def test_garbage_is_never_a_completion(server: Any, garbage: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        send(server, status(200, garbage))
    assert len(server.requests) == 1


def test_a_reply_to_a_request_for_more_completions_may_be_longer(server: Any) -> None:
    texts = ["x" * 600_000, "y" * 600_000]
    assert [choice.text for choice in send(server, says(*texts), body={**BODY, "n": 2})] == texts


def test_the_text_of_a_withheld_or_cut_completion_is_empty(server: Any) -> None:
    assert send(server, says(None, finish="length")) == [Choice("", "length")]
    assert send(server, says(None, finish="content_filter")) == [Choice("", "content_filter")]


def test_a_completion_can_be_written_to_a_file(server: Any) -> None:
    (choice,) = send(server, says("\ud83d\ude00 \ud800"))
    assert choice.text.encode() == "\U0001f600 ?".encode()


@pytest.mark.parametrize(
    "url", ["ftp://x", "x/v1", "http://", "http://[", "http://x:port/v1", "http://x/v1/chat/completions/"]
)
def test_an_address_that_cannot_be_one_is_an_error_of_the_recipe(url: str) -> None:
    with pytest.raises(ValidationError, match="url"):
        EndpointOptions(url=url, model="m")
