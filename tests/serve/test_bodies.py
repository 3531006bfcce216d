"""A body is read strictly: what the server does not do is refused by name."""

import json
from typing import Any

import pytest

from posttrain.serve.bodies import ChatBody, CompletionBody, body_of
from posttrain.serve.problems import RequestProblem

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


def chat(**more: Any) -> ChatBody:
    return body_of(json.dumps({**CHAT, **more}).encode(), ChatBody)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("frequency_penalty", 0.5, "frequency_penalty: this server does not support the field with this value"),
        ("tools", [{"type": "function"}], "tools: this server does not support"),
        ("audio", {}, "audio: this server does not support the field; leave it out"),
        ("n", 0, "n: Input should be greater than or equal to 1"),
        ("n", "2", "n: Input should be a valid integer"),
        ("n", True, "n: Input should be a valid integer"),
        ("temperature", -1, "temperature:"),
        ("top_p", 0, "top_p:"),
        ("stop", ["a"] * 17, "stop"),
        ("stop", [""], "stop"),
        ("stream", 1, "stream:"),
        ("max_tokens", 0, "max_tokens:"),
        ("top_logprobs", 21, "top_logprobs:"),
        ("messages", [], "messages:"),
        ("response_format", {"type": "xml"}, "response_format.type:"),
        ("stream_options", {"include": 1}, "stream_options.include: this server does not support"),
    ],
)
def test_a_wrong_field_is_named(field: str, value: Any, says: str) -> None:
    with pytest.raises(RequestProblem) as caught:
        chat(**{field: value})
    assert says in str(caught.value)
    assert caught.value.param == field


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("frequency_penalty", 0),
        ("presence_penalty", 0.0),
        ("logit_bias", {}),
        ("tools", []),
        ("reasoning_effort", None),
        ("n", None),
    ],
)
def test_a_field_that_asks_for_nothing_is_no_problem(field: str, value: Any) -> None:
    assert chat(**{field: value}) == chat()


def test_a_long_stop_string_and_the_senders_name_are_taken() -> None:
    body = chat(stop="<|im_end|>\n<|im_start|>user", user="me", metadata={"team": "a"})
    assert body.stops == ("<|im_end|>\n<|im_start|>user",)


@pytest.mark.parametrize("content", [b"", rb'{"a": "\ud800"}', b"[]", b"{", b"\xff", b'"a"', b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(content: bytes) -> None:
    with pytest.raises(RequestProblem, match="the body"):
        body_of(content, ChatBody)


def test_a_prompt_is_a_text_or_tokens_or_several() -> None:
    for prompt in ("a", ["a", "b"], [1, 2], [[1], [2, 3]]):
        assert body_of(json.dumps({"model": "m", "prompt": prompt}).encode(), CompletionBody).prompt == prompt
    with pytest.raises(RequestProblem, match="prompt"):
        body_of(json.dumps({"model": "m", "prompt": [1, "a"]}).encode(), CompletionBody)


def test_a_json_object_is_any_object_and_a_schema_is_needed_for_json_schema() -> None:
    assert chat(response_format={"type": "text"}).response_format.schema_of_answer is None  # type: ignore[union-attr]
    found = chat(response_format={"type": "json_object"}).response_format
    assert found is not None
    assert found.schema_of_answer == {"type": "object"}
    with pytest.raises(RequestProblem, match="json_schema: is missing"):
        _ = chat(response_format={"type": "json_schema"}).response_format.schema_of_answer  # type: ignore[union-attr]
