"""OpenAI's own client against the server: the answers of the model, streams, log-probs, JSON, and rough treatment."""

import gc
import json
import socket
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import jsonschema_rs
import numpy as np
import openai
import psutil
import pytest
import torch
from transformers import AutoModelForCausalLM

from byte_model import TEMPLATE, save_byte_model
from posttrain.api.models import load
from posttrain.serve.routes import ServerLimits
from posttrain.serve.start import background_server
from served import models_in, served

ASK = [{"role": "user", "content": "Hi"}]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    work = tmp_path_factory.mktemp("models")
    return [save_byte_model(work / name, seed=seed) for seed, name in enumerate(("one", "two"))]


@pytest.fixture(scope="module")
def client(folders: list[Path]) -> Generator[openai.OpenAI]:
    with served(folders, ServerLimits(rows=8, prompts=80)) as client:
        yield client


def ask(client: openai.OpenAI, **more: Any) -> Any:
    return client.chat.completions.create(**{"model": "one", "messages": ASK, "max_tokens": 12, "seed": 3, **more})


def test_the_models_are_listed_with_their_limits(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["one", "two"]
    assert client.models.retrieve("two").model_dump()["max_model_len"] == 256
    with pytest.raises(openai.NotFoundError, match="the models are one, two"):
        ask(client, model="three")


def test_an_answer_is_the_one_that_the_library_gives(client: openai.OpenAI, folders: list[Path]) -> None:
    model = load(folders[1], precision="float32")
    reply = ask(client, model="two", temperature=0)
    assert reply.choices[0].message.content == model.answer("Hi", max_new_tokens=12)
    drawn = ask(client, model="two", n=3, temperature=0.7, top_p=0.9, extra_body={"top_k": 20, "min_p": 0.01})
    texts = model.generate(["Hi"], 3, max_new_tokens=12, temperature=0.7, top_p=0.9, top_k=20, min_p=0.01, seed=3)[0]
    assert [choice.message.content for choice in drawn.choices] == texts
    assert drawn.usage.prompt_tokens == len("Hi") + 4
    assert drawn.usage.completion_tokens == 36


def test_a_seed_gives_the_same_answer_beside_others(client: openai.OpenAI) -> None:
    alone = ask(client, n=2, max_tokens=40).choices
    with ThreadPoolExecutor(16) as pool:
        others = [pool.submit(ask, client, seed=None, max_tokens=60, temperature=0.5 + n / 8) for n in range(15)]
        beside = pool.submit(ask, client, n=2, max_tokens=40).result().choices
        assert all(other.result().choices[0].message.content for other in others)
    assert [c.message.content for c in alone] == [c.message.content for c in beside]
    assert alone[0].message.content != alone[1].message.content
    assert ask(client, seed=4, n=2, max_tokens=40).choices[0].message.content != alone[0].message.content


def test_a_stream_is_the_answer_in_pieces(client: openai.OpenAI) -> None:
    whole = ask(client, n=2)
    parts = list(ask(client, n=2, stream=True, stream_options={"include_usage": True}))
    for choice in whole.choices:
        own = [p.choices[0] for p in parts if p.choices and p.choices[0].index == choice.index]
        assert own[0].delta.role == "assistant"
        assert "".join(p.delta.content or "" for p in own) == choice.message.content
        assert [p.finish_reason for p in own if p.finish_reason] == [choice.finish_reason]
    assert parts[-1].usage == whole.usage
    assert len(parts) > 6


def test_an_answer_ends_before_a_stop_string(client: openai.OpenAI) -> None:
    text = ask(client, max_tokens=60).choices[0].message.content
    stop = text[10:12]
    choice = ask(client, max_tokens=60, stop=[stop, "never"]).choices[0]
    assert choice.message.content == text[: text.find(stop)]
    assert choice.finish_reason == "stop"
    assert ask(client, max_tokens=2).choices[0].finish_reason == "length"


def test_logprobs_are_those_of_a_plain_forward_pass(client: openai.OpenAI, folders: list[Path]) -> None:
    choice = ask(client, logprobs=True, top_logprobs=3, temperature=0.5).choices[0]
    model = AutoModelForCausalLM.from_pretrained(folders[0], dtype=torch.float32)
    loaded = load(folders[0], precision="float32")
    prompt = loaded.policy.tokenizer("<s><|user|>Hi</s><|assistant|>", add_special_tokens=False)["input_ids"]
    seen = client.completions.create(model="one", prompt=prompt, max_tokens=12, seed=3, temperature=0.5, logprobs=3)
    assert seen.choices[0].text == choice.message.content
    ids = list(prompt)
    for entry, logp in zip(choice.logprobs.content, seen.choices[0].logprobs.token_logprobs, strict=True):
        with torch.no_grad():
            expected = torch.log_softmax(model(torch.tensor([ids])).logits[0, -1], -1)
        (token,) = [t for t in range(len(expected)) if abs(float(expected[t]) - entry.logprob) < 2e-5][:1]
        assert entry.logprob == pytest.approx(logp, abs=1e-6)
        top = expected.topk(3).values.tolist()
        assert [one.logprob for one in entry.top_logprobs] == pytest.approx(top, abs=2e-5)
        ids.append(token)


def test_plain_completions_go_on_from_texts_or_tokens(client: openai.OpenAI) -> None:
    both = client.completions.create(model="one", prompt=["ab", "abc"], max_tokens=5, n=2, seed=1)
    assert [choice.index for choice in both.choices] == [0, 1, 2, 3]
    first = client.completions.create(model="one", prompt="ab", max_tokens=5, n=2, seed=1, logprobs=0)
    assert [c.text for c in first.choices] == [c.text for c in both.choices[:2]]
    offsets = first.choices[0].logprobs.text_offset  # type: ignore[union-attr]
    assert offsets == list(np.cumsum([0, *map(len, first.choices[0].logprobs.tokens[:-1])]))  # type: ignore[union-attr]
    stream = client.completions.create(model="one", prompt="ab", max_tokens=5, n=2, seed=1, stream=True)
    assert "".join(part.choices[0].text for part in stream if part.choices[0].index == 1) == first.choices[1].text


SCHEMAS: list[dict[str, Any]] = [
    *(
        {
            "type": "object",
            "properties": {"n": {"enum": list(range(n))}},
            "required": ["n"],
            "additionalProperties": False,
        }
        for n in range(1, 26)
    ),
    *({"type": "string", "maxLength": n} for n in range(25)),
    *(
        {"type": "array", "items": {"type": "boolean"}, "minItems": n // 5, "maxItems": n // 5 + n % 5}
        for n in range(25)
    ),
    *(
        {
            "anyOf": [
                {"const": "x" * n},
                {"type": "null"},
                {"type": "array", "prefixItems": [{"const": n}], "items": False},
            ]
        }
        for n in range(25)
    ),
]


def test_answers_are_json_of_each_of_a_hundred_schemas(client: openai.OpenAI) -> None:
    def valid(schema: dict[str, Any]) -> bool:
        form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
        choice = ask(client, response_format=form, max_tokens=120).choices[0]
        assert choice.finish_reason == "stop"
        return jsonschema_rs.is_valid(schema, json.loads(choice.message.content))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(valid, SCHEMAS))
    assert len(SCHEMAS) == 100


def test_a_schema_that_cannot_be_applied_is_refused(client: openai.OpenAI) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "thing"}}}
    with pytest.raises(openai.BadRequestError, match="the schema cannot be applied"):
        ask(client, response_format=form)


def test_template_arguments_reach_the_template(tmp_path: Path) -> None:
    folder = save_byte_model(tmp_path / "m", template="{% if loud %}LOUD{% endif %}" + TEMPLATE)
    with served([folder]) as client:
        plain = ask(client, model="m").usage.prompt_tokens
        loud = ask(client, model="m", extra_body={"chat_template_kwargs": {"loud": True}}).usage.prompt_tokens
        assert loud == plain + 4
        with pytest.raises(openai.BadRequestError, match="quiet"):
            ask(client, model="m", extra_body={"chat_template_kwargs": {"quiet": True}})


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"max_tokens": 1000}, "more than the 256 tokens"),
        ({"messages": [{"role": "user", "content": "x" * 300}]}, "more than the 256 tokens"),
        ({"messages": [{"role": "boss", "content": "x"}]}, "roles are"),
        ({"messages": [{"content": "x"}]}, "has no `role`"),
        ({"n": 9}, "at most 8 answers"),
        ({"top_logprobs": 2}, "needs logprobs"),
        ({"service_tier": "priority"}, "service_tier: this server does not support the field"),
    ],
)
def test_a_request_that_cannot_be_answered_says_why(client: openai.OpenAI, more: dict[str, Any], says: str) -> None:
    with pytest.raises(openai.BadRequestError, match=says):
        ask(client, **more)


def raw(client: openai.OpenAI, path: str, content: bytes, **headers: str) -> httpx2.Response:
    address = str(client.base_url).removesuffix("/v1/") + path
    return httpx2.post(address, content=content, headers={"Content-Type": "application/json", **headers})


@pytest.mark.parametrize(
    "content", [b"", b"{", b"null", b"\xff\xfe", b"[" * 5000, b'{"model": 1}', b"{" + b" " * (2 << 20)]
)
def test_malformed_bodies_get_an_error_in_openais_form(client: openai.OpenAI, content: bytes) -> None:
    for path in ("/v1/chat/completions", "/v1/completions"):
        reply = raw(client, path, content)
        assert reply.status_code in (400, 413)
        assert reply.json()["error"]["message"]
    assert ask(client).choices


def test_pages_of_other_sites_get_nothing(client: openai.OpenAI) -> None:
    body = json.dumps({"model": "one", "messages": ASK}).encode()
    assert raw(client, "/v1/chat/completions", body, **{"Content-Type": "text/plain"}).status_code == 400
    assert raw(client, "/v1/chat/completions", body, Host="evil.example").status_code == 400
    assert raw(client, "/v1/nothing", body).status_code == 404


def test_with_a_key_only_its_bearer_is_answered(folders: list[Path]) -> None:
    with background_server(models_in(folders[0]), ServerLimits(), key="secret") as url:
        for key, status in (("secret", 200), ("other", 401), ("", 401)):
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            assert httpx2.get(f"{url}/models", headers=headers).status_code == status
        assert httpx2.get(url.replace("/v1", "/health")).status_code == 200
        assert httpx2.get(url.replace("/v1", "/metrics")).status_code == 401


def test_more_requests_than_may_wait_are_sent_away(folders: list[Path]) -> None:
    with served(folders[:1], ServerLimits(rows=1, prompts=3)) as client, ThreadPoolExecutor(12) as pool:

        def status() -> int:
            try:
                return 200 if ask(client, max_tokens=200).choices else 0
            except openai.RateLimitError:
                return 429

        answers = [future.result() for future in [pool.submit(status) for _ in range(12)]]
    assert set(answers) == {200, 429}


def test_sixty_four_clients_of_which_some_go_away_and_some_send_nonsense(
    client: openai.OpenAI, folders: list[Path]
) -> None:
    model = load(folders[0], precision="float32")
    asks = [f"Say {n}" for n in range(64)]
    expected = [model.generate([a], 1, max_new_tokens=20, seed=5)[0][0] for a in asks]

    def one(number: int) -> str | None:
        messages = [{"role": "user", "content": asks[number]}]
        if number % 4 == 1:  # goes away in the middle of a stream
            stream = ask(client, messages=messages, max_tokens=200, stream=True)
            next(iter(stream))
            stream.close()
            return None
        if number % 4 == 2:  # sends nonsense, and a half request
            raw(client, "/v1/chat/completions", b"{" * number)
            with socket.create_connection(("127.0.0.1", client.base_url.port)) as half:
                half.sendall(HALF)
            return None
        if number % 4 == 3:
            parts = ask(client, messages=messages, max_tokens=20, seed=5, stream=True)
            return "".join(part.choices[0].delta.content or "" for part in parts)
        return ask(client, messages=messages, max_tokens=20, seed=5).choices[0].message.content

    def round_of_all() -> None:
        with ThreadPoolExecutor(64) as pool:
            for number, text in enumerate(pool.map(one, range(64))):
                assert text is None or text == expected[number], number

    round_of_all()
    wait_until_idle(client)
    before = memory()
    for _ in range(3):
        round_of_all()
    wait_until_idle(client)
    assert memory() - before < 30 * 2**20
    figures = httpx2.get(str(client.base_url).replace("/v1/", "/metrics")).text
    assert 'posttrain_requests_total{end="cancelled",model="one"}' in figures
    assert httpx2.get(str(client.base_url).replace("/v1/", "/health")).status_code == 200


HALF = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 100\r\n\r\n{"
)


def wait_until_idle(client: openai.OpenAI) -> None:
    for _ in range(500):
        text = httpx2.get(str(client.base_url).replace("/v1/", "/metrics")).text
        if "completions_in_progress 0.0" in text and "requests_waiting 0.0" in text:
            return
        time.sleep(0.02)
    raise AssertionError(text)


def memory() -> int:
    gc.collect()
    return psutil.Process().memory_info().rss
