"""Log-probs of given tokens from a server: in both forms, in order, and one clear error for each broken reply."""

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from http_server import Crowd, Endpoint, Reply, cut_short, drip, hang_up, serving, silent, status
from posttrain.endpoint import NoReply, Refused
from posttrain.errors import InputError, RunError
from posttrain.generation.options import ScoringEndpointOptions
from posttrain.generation.remote_logprobs import OtherTokens, check_tokenizer, remote_logprobs
from teacher_server import reply_of

FORMS = ("prompt_logprobs", "echo")


@pytest.fixture
def server() -> Iterator[Any]:
    with serving() as httpd:
        yield httpd


def options(server: Any, **more: Any) -> ScoringEndpointOptions:
    given = {"url": server.url, "model": "teacher", "backoff": 0, "timeout": 5, "retries": 1, **more}
    return ScoringEndpointOptions.model_validate(given)


def test_a_server_that_gets_tokens_takes_no_template_arguments(server: Any) -> None:
    with pytest.raises(ValueError, match="`template_arguments`: the server gets tokens and renders no template"):
        options(server, template_arguments={"thinking": True})


def logprob(before: int, token: int) -> float:
    """A log-prob that depends on the token and the one before it."""
    return -(before * 7 + token) / 64


def scores(endpoint: Endpoint, body: dict[str, Any]) -> None:
    ids = body["prompt"] if isinstance(body["prompt"], list) else [ord(c) for c in body["prompt"]]
    values = [logprob(*pair) for pair in pairwise(ids)]
    endpoint.reply(200, reply_of(body, ids, values, [f"<{i}>" for i in ids]))


def changed(change: Any) -> Reply:
    """Replies as `scores` does, with a change to the choice."""

    def reply(endpoint: Endpoint, body: dict[str, Any]) -> None:
        ids = body["prompt"]
        values = [-1.0] * (len(ids) - 1)
        choice = json.loads(reply_of(body, ids, values, [f"<{i}>" for i in ids]))["choices"][0]
        change(choice)
        endpoint.reply(200, json.dumps({"choices": [choice]}))

    return reply


def score(server: Any, *script: Reply, sequences: Any = ((5, 6, 7),), **more: Any) -> list[Any]:
    server.script[:] = script
    wheres = [f"prompts.jsonl:{line}" for line in range(1, len(sequences) + 1)]
    return remote_logprobs(sequences, options(server, **more), wheres=wheres)


@pytest.mark.parametrize("form", FORMS)
def test_each_token_gets_its_logprob_in_the_order_of_the_sequences(server: Any, form: str) -> None:
    crowd = Crowd(scores)
    sequences = [[n, n + 1, n + 3] for n in range(9)]
    found = score(server, crowd, sequences=sequences, scoring=form, concurrency=3)
    expected = [[np.nan, logprob(n, n + 1), logprob(n + 1, n + 3)] for n in range(9)]
    np.testing.assert_allclose(np.stack(found), np.array(expected, np.float32))
    assert crowd.most == 3


def test_the_request_is_that_of_the_completions_api(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHER_KEY", "secret")
    score(server, scores, key_from="TEACHER_KEY")
    score(server, scores, scoring="echo")
    assert server.requests == [
        (
            "/v1/completions",
            "Bearer secret",
            {"model": "teacher", "prompt": [5, 6, 7], "max_tokens": 1, "prompt_logprobs": 0},
        ),
        (
            "/v1/completions",
            None,
            {"model": "teacher", "prompt": [5, 6, 7], "max_tokens": 0, "echo": True, "logprobs": 1},
        ),
    ]


def test_a_key_that_is_not_set_is_an_error_before_the_first_request(server: Any, monkeypatch: Any) -> None:
    monkeypatch.delenv("TEACHER_KEY", raising=False)
    with pytest.raises(InputError, match="TEACHER_KEY is not set"):
        score(server, scores, key_from="TEACHER_KEY")
    assert not server.requests


@pytest.mark.parametrize("broken", [status(429, Retry_After="0"), status(503), hang_up, cut_short])
def test_a_passing_fault_is_tried_again(server: Any, broken: Reply) -> None:
    assert score(server, broken, scores)[0][1] == np.float32(logprob(5, 6))
    assert len(server.requests) == 2


@pytest.mark.parametrize("broken", [silent, drip])
def test_a_late_reply_is_no_reply(server: Any, broken: Reply) -> None:
    with pytest.raises(RunError, match=r"^prompts.jsonl:1: .*\(1 tries\)") as caught:
        score(server, broken, timeout=0.3, retries=0)
    assert isinstance(caught.value.__cause__, NoReply)
    assert caught.value.__cause__.late


def test_a_server_that_stays_away_is_one_sentence(server: Any) -> None:
    with pytest.raises(RunError, match=r"^prompts.jsonl:\d: .* \(2 tries\). Is the server up"):
        score(server, status(503), sequences=[[1, 2]] * 5)


def test_a_refusal_is_not_tried_again(server: Any) -> None:
    with pytest.raises(InputError, match="the context is too long") as caught:
        score(server, status(400, "the context is too long"))
    assert isinstance(caught.value.__cause__, Refused)
    assert len(server.requests) == 1


def _set(*keys: Any, value: Any) -> Any:
    def change(choice: Any) -> None:
        for key in keys[:-1]:
            choice = choice[key]
        choice[keys[-1]] = value

    return change


@pytest.mark.parametrize(
    ("form", "change"),
    [
        ("prompt_logprobs", _set("prompt_logprobs", value=None)),
        ("prompt_logprobs", lambda choice: choice.pop("prompt_logprobs")),
        ("prompt_logprobs", _set("prompt_logprobs", 1, "6", value={})),
        ("prompt_logprobs", _set("prompt_logprobs", 1, "6", "logprob", value="many")),
        ("prompt_logprobs", _set("prompt_logprobs", 1, "6", "logprob", value=float("nan"))),
        ("prompt_logprobs", _set("prompt_logprobs", 1, "6", "logprob", value=0.5)),
        ("prompt_logprobs", _set("prompt_logprobs", 1, value=None)),
        ("echo", _set("logprobs", value=None)),
        ("echo", _set("logprobs", "token_logprobs", 2, value=None)),
        ("echo", _set("logprobs", "tokens", value=[1, 2, 3])),
    ],
)
def test_a_reply_without_logprobs_is_one_error_that_names_the_other_form(server: Any, form: str, change: Any) -> None:
    other = "echo" if form == "prompt_logprobs" else "prompt_logprobs"
    with pytest.raises(InputError, match=rf"^prompts.jsonl:1: .* returns no log-probs .* Try `scoring: {other}`"):
        score(server, changed(change), scoring=form)


@pytest.mark.parametrize("text", ["not JSON", "{}", "[]", '{"choices": []}', "[" * 9000])
def test_a_reply_that_is_no_completion_is_one_error(server: Any, text: str) -> None:
    with pytest.raises(InputError, match="returns no log-probs"):
        score(server, status(200, text))


@pytest.mark.parametrize(
    ("form", "change"),
    [
        ("prompt_logprobs", lambda choice: choice["prompt_logprobs"].append({"9": {"logprob": -1.0}})),
        ("prompt_logprobs", lambda choice: choice["prompt_logprobs"].pop()),
        ("prompt_logprobs", _set("prompt_logprobs", 2, value={"8": {"logprob": -1.0}})),
        ("echo", lambda choice: choice["logprobs"]["token_logprobs"].append(-1.0)),
        ("echo", lambda choice: choice["logprobs"]["tokens"].pop()),
        ("echo", _set("logprobs", "tokens", 2, value="token_id:8")),
    ],
)
def test_logprobs_of_other_tokens_are_refused(server: Any, form: str, change: Any) -> None:
    with pytest.raises(InputError, match=r"^prompts.jsonl:1: (there are \d tokens|token 3 is 8), and not \d") as caught:
        score(server, changed(change), scoring=form)
    assert isinstance(caught.value.__cause__, OtherTokens)


@pytest.mark.parametrize("form", FORMS)
def test_tokenizers_agree_if_the_text_gives_the_same_tokens_as_the_ids(server: Any, form: str) -> None:
    server.script[:] = [scores]
    wanted = [ord(c) for c in "dose"]
    check_tokenizer("dose", [[1, *wanted], wanted], options(server, scoring=form))
    with pytest.raises(OtherTokens, match="4 tokens, and not 3"):
        check_tokenizer("dose", [wanted[:3]], options(server, scoring=form))
    with pytest.raises(OtherTokens, match="token 2 is 111, and not 5" if form == "prompt_logprobs" else "stand for"):
        check_tokenizer("dose", [[4, 5, 6, 7]], options(server, scoring=form))
