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
from posttrain.generation.sampling import Sampling
from posttrain.serve.answering import AnswerRequest, Count, Piece, Requests
from posttrain.serve.bodies import ChatBody, CompletionBody, SampledBody, body_of
from posttrain.serve.metrics import Metrics
from posttrain.serve.problems import Busy, NoSuchModel, RequestProblem
from posttrain.serve.replies import Reply
from posttrain.serve.served import ServedModel

router = APIRouter()


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What a server accepts.

    Args:
        rows: completions of one model that are generated at once; also the most of one prompt.
        prompts: prompts in progress or waiting, of all requests.
        body_bytes: the largest body.
    """

    rows: int = 16
    prompts: int = 256
    body_bytes: int = 1 << 20


@dataclass(frozen=True, slots=True)
class ServerState:
    """What the routes share."""

    models: Mapping[str, ServedModel]
    requests: Requests
    metrics: Metrics
    limits: ServerLimits


def server_state(request: Request) -> ServerState:
    """The state of the app that got a request."""
    return request.app.state.server


@router.get("/health")
async def health(request: Request) -> Response:
    """Whether the server is ready: 200 once it answers, 503 if its engine has ended."""
    return Response(status_code=200 if server_state(request).requests.engine.alive else 503)


@router.get("/metrics")
async def server_metrics(request: Request) -> Response:
    """The figures for Prometheus."""
    return Response(server_state(request).metrics.as_text(), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/v1/models")
async def list_models(request: Request) -> Any:
    """The models of the server."""
    return {"object": "list", "data": [_as_json(model) for model in server_state(request).models.values()]}


@router.get("/v1/models/{name:path}")
async def one_model(request: Request, name: str) -> Any:
    """A model of the server."""
    return _as_json(_model(request, name))


@router.post("/v1/chat/completions")
async def chat_completion(request: Request) -> Response:
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
    opening = "" if constraint else await asyncio.to_thread(model.opening, body.chat_template_kwargs)
    wanted = _answer_request(request, body, model, [prompt])
    top = (body.top_logprobs or 0) if body.logprobs else None
    wanted = replace(wanted, opening=opening, top=top, constraint=constraint)
    return await _respond(request, wanted, body, Reply("chat", model.name, model.policy.tokenizer, top))


@router.post("/v1/completions")
async def text_completion(request: Request) -> Response:
    """The continuation of a text, or of several texts."""
    body = body_of(await request.body(), CompletionBody)
    model = _model(request, body.model)
    prompts = await asyncio.to_thread(lambda: [model.text_tokens(prompt) for prompt in _prompts(body.prompt)])
    wanted = replace(_answer_request(request, body, model, prompts), top=body.logprobs)
    return await _respond(request, wanted, body, Reply("text", model.name, model.policy.tokenizer, body.logprobs))


def _prompts(prompt: str | Sequence[Any]) -> Sequence[str | Sequence[int]]:
    """The prompts of a request: one text or several, each as characters or as tokens."""
    if isinstance(prompt, str) or (prompt and isinstance(prompt[0], int)):
        return [prompt]
    if not prompt:
        raise RequestProblem("prompt: is empty", "prompt")
    return prompt


def _model(request: Request, name: str) -> ServedModel:
    known = server_state(request).models
    if name not in known:
        raise NoSuchModel(f"model: there is no {name[:100]!r} here; the models are {', '.join(known)}", "model")
    return known[name]


def _as_json(model: ServedModel) -> dict[str, Any]:
    return {
        "id": model.name,
        "object": "model",
        "created": model.created,
        "owned_by": "posttrain",
        "max_model_len": model.context,
    }


def _answer_request(request: Request, body: SampledBody, model: ServedModel, prompts: Sequence[Ints]) -> AnswerRequest:
    """A request to the engine, within the limits.

    Raises:
        RequestProblem: it exceeds a limit.
        Busy: too many requests wait already.
    """
    server = server_state(request)
    if body.n > server.limits.rows:
        raise RequestProblem(f"n: at most {server.limits.rows} answers to one prompt; start with --rows {body.n}", "n")
    if len(prompts) > server.limits.prompts:
        raise RequestProblem(f"prompt: at most {server.limits.prompts} prompts in one request", "prompt")
    longest = max(len(prompt) for prompt in prompts)
    left = model.context - longest
    if left < 1 or (body.max_tokens or 1) > left:
        wanted = "" if body.max_tokens is None else f" and max_tokens {body.max_tokens}"
        raise RequestProblem(
            f"the prompt's {longest} tokens{wanted} are more than the {model.context} tokens that this server allows",
            "max_tokens" if left >= 1 else None,
        )
    if server.requests.unfinished + len(prompts) > server.limits.prompts:
        raise Busy(f"{server.limits.prompts} prompts are in progress or waiting already; try again later")
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
    return AnswerRequest(model, prompts, sampling, body.n)


async def _respond(request: Request, wanted: AnswerRequest, body: SampledBody, reply: Reply) -> Response:
    count = Count(sum(map(len, wanted.prompts)))
    pieces = _measured(server_state(request), wanted, count)
    if body.stream:
        with_usage = body.stream_options is not None and body.stream_options.include_usage is True
        parts = _parts(pieces, reply, wanted.n * len(wanted.prompts), count, usage=with_usage)
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


async def _measured(server: ServerState, wanted: AnswerRequest, count: Count) -> AsyncGenerator[Piece]:
    """The pieces of the answers; the request is counted at its end."""
    end = "cancelled"
    try:
        async with aclosing(server.requests.pieces(wanted, count)) as pieces:
            async for piece in pieces:
                yield piece
        end = "done"
    except Exception:
        end = "failed"
        raise
    finally:
        server.metrics.record(wanted.model.name, end, count, time.monotonic() - count.started)


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
