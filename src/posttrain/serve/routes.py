"""The routes of the server."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from posttrain.core.group import Ints
from posttrain.data.chat.renderer import prefill_with
from posttrain.generation.sampling import Sampling
from posttrain.serve.answering import Asked, Count, Piece, Requests
from posttrain.serve.bodies import ChatBody, CompletionBody, SampledBody, body_of
from posttrain.serve.metrics import Metrics
from posttrain.serve.problems import Busy, NoSuchModel, RequestProblem
from posttrain.serve.replies import Reply
from posttrain.serve.served import ServedModel

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server accepts.

    Args:
        rows: completions of one model that are generated at once; also the most of one request.
        waiting: requests that may wait for a place.
        body_bytes: the largest body.
        context: tokens of a prompt with its answer, at most; None for a default that the model sets.
    """

    rows: int = 16
    waiting: int = 256
    body_bytes: int = 1 << 20
    context: int | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What the routes share."""

    models: Mapping[str, ServedModel]
    requests: Requests
    metrics: Metrics
    limits: Limits


def state_of(request: Request) -> State:
    """The state of the app that got a request."""
    return request.app.state.server


@router.get("/health")
async def health() -> Response:
    """Whether the server is ready: it is, once it answers."""
    return Response()


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """The figures for Prometheus."""
    return Response(state_of(request).metrics.as_text(), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/v1/models")
async def models(request: Request) -> Any:
    """The models of the server."""
    return {"object": "list", "data": [_as_json(model) for model in state_of(request).models.values()]}


@router.get("/v1/models/{name:path}")
async def one_model(request: Request, name: str) -> Any:
    """A model of the server."""
    return _as_json(_model(request, name))


@router.post("/v1/chat/completions")
async def chat(request: Request) -> Response:
    """The answer to a conversation."""
    body = body_of(await request.body(), ChatBody)
    if body.top_logprobs is not None and not body.logprobs:
        raise RequestProblem("top_logprobs: needs logprobs: true", "top_logprobs")
    model = _model(request, body.model)
    prompt = await asyncio.to_thread(model.chat_tokens, body.messages, body.chat_template_kwargs)
    schema = None if body.response_format is None else body.response_format.schema_of_answer
    constraint = None if schema is None else await asyncio.to_thread(model.grammar.constraint_of, schema)
    if body.max_tokens is not None and body.max_completion_tokens is not None:
        raise RequestProblem("max_tokens: give max_completion_tokens alone", "max_tokens")
    body = body.model_copy(update={"max_tokens": body.max_completion_tokens or body.max_tokens})
    opening = prefill_with(model.renderer, body.chat_template_kwargs) if constraint is None else ""
    asked = _asked(request, body, model, [prompt])
    top = (body.top_logprobs or 0) if body.logprobs else None
    asked = replace(asked, opening=opening, top=top, constraint=constraint)
    return await _respond(request, asked, body, Reply("chat", model.name, model.policy.tokenizer, top))


@router.post("/v1/completions")
async def completions(request: Request) -> Response:
    """The continuation of a text, or of several texts."""
    body = body_of(await request.body(), CompletionBody)
    model = _model(request, body.model)
    prompts = [model.text_tokens(prompt) for prompt in _prompts(body.prompt)]
    asked = replace(_asked(request, body, model, prompts), top=body.logprobs)
    return await _respond(request, asked, body, Reply("text", model.name, model.policy.tokenizer, body.logprobs))


def _prompts(prompt: str | Sequence[Any]) -> Sequence[str | Sequence[int]]:
    """The prompts of a request: one text or several, each as characters or as tokens."""
    if isinstance(prompt, str) or (prompt and isinstance(prompt[0], int)):
        return [prompt]
    if not prompt:
        raise RequestProblem("prompt: is empty", "prompt")
    return prompt


def _model(request: Request, name: str) -> ServedModel:
    known = state_of(request).models
    if name not in known:
        raise NoSuchModel(f"model: there is no {name[:100]!r} here; the models are {', '.join(known)}", "model")
    return known[name]


def _as_json(model: ServedModel) -> dict[str, Any]:
    return {
        "id": model.name,
        "object": "model",
        "created": model.created,
        "owned_by": "posttrain",
        "root": model.place,
        "max_model_len": model.context,
    }


def _asked(request: Request, body: SampledBody, model: ServedModel, prompts: Sequence[Ints]) -> Asked:
    """A request to the engine, within the limits.

    Raises:
        RequestProblem: it exceeds a limit.
        Busy: too many requests wait already.
    """
    server = state_of(request)
    if body.n > server.limits.rows:
        raise RequestProblem(f"n: at most {server.limits.rows} answers to one prompt; start with --rows {body.n}", "n")
    if len(prompts) > server.limits.waiting:
        raise RequestProblem(f"prompt: at most {server.limits.waiting} prompts in one request", "prompt")
    longest = max(len(prompt) for prompt in prompts)
    left = model.context - longest
    if left < 1 or (body.max_tokens or 1) > left:
        wanted = "" if body.max_tokens is None else f" and max_tokens {body.max_tokens}"
        raise RequestProblem(
            f"the prompt's {longest} tokens{wanted} are more than the {model.context} tokens that this server allows",
            "max_tokens" if left >= 1 else None,
        )
    if server.requests.engine.load()[1] + len(prompts) > server.limits.waiting:
        raise Busy(f"{server.limits.waiting} requests are waiting already; try again later")
    seed = secrets.randbits(32) if body.seed is None else body.seed % 2**64
    sampling = Sampling(
        body.max_tokens or left,
        temperature=body.temperature,
        top_k=max(0, body.top_k),
        top_p=body.top_p,
        min_p=body.min_p,
        stop=body.stops,
        seed=seed,
    )
    return Asked(model, prompts, sampling, body.n)


async def _respond(request: Request, asked: Asked, body: SampledBody, reply: Reply) -> Response:
    count = Count(sum(map(len, asked.prompts)))
    pieces = _measured(state_of(request), asked, count)
    if body.stream:
        told = body.stream_options is not None and body.stream_options.include_usage
        parts = _parts(pieces, reply, asked.n * len(asked.prompts), count, usage=told)
        return StreamingResponse(parts, media_type="text/event-stream", headers={"Cache-Control": "no-cache"})
    whole = asyncio.ensure_future(_all(pieces))
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((whole, gone), return_when=asyncio.FIRST_COMPLETED)
        if not whole.done():
            return Response(status_code=499)  # nobody reads it
        return JSONResponse(reply.whole(whole.result(), count))
    finally:
        for task in (whole, gone):
            task.cancel()
            with suppress(asyncio.CancelledError, RequestProblem):
                await task


async def _measured(server: State, asked: Asked, count: Count) -> AsyncGenerator[Piece]:
    """The pieces of the answers; the request is counted at its end."""
    end = "cancelled"
    try:
        async with aclosing(server.requests.pieces(asked, count)) as pieces:
            async for piece in pieces:
                yield piece
        end = "done"
    except RequestProblem:
        end = "failed"
        raise
    finally:
        server.metrics.record(asked.model.name, end, count, time.monotonic() - count.started)


async def _all(pieces: AsyncGenerator[Piece]) -> list[Piece]:
    async with aclosing(pieces):
        return [piece async for piece in pieces]


async def _gone(request: Request) -> None:
    """Wait until the client goes away."""
    while (await request.receive())["type"] != "http.disconnect":
        continue


async def _parts(
    pieces: AsyncGenerator[Piece], reply: Reply, answers: int, count: Count, *, usage: bool
) -> AsyncIterator[str]:
    """The events of a stream."""
    async with aclosing(pieces):
        if reply.kind == "chat":
            for index in range(answers):
                yield _event(reply.opening(index))
        try:
            async for piece in pieces:
                yield _event(reply.part(piece))
        except RequestProblem as problem:
            yield _event(problem.as_json())
            return
        if usage:
            yield _event(reply.last(count))
        yield "data: [DONE]\n\n"


def _event(value: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"
