"""The route that answers a prompt with a model of a run, as a stream of JSON lines."""

import asyncio
import json
import weakref
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import Field

from posttrain.annotate.people.accounts import check_permission
from posttrain.annotate.problems import Invalid, Missing
from posttrain.annotate.web.guard import Person
from posttrain.annotate.web.models import RequestBody
from posttrain.errors import InputError
from posttrain.generation.sampling import Sampling
from posttrain.serve.answering import AnswerRequest, Count
from posttrain.serve.problems import RequestProblem
from posttrain.serve.served import ServedModel
from posttrain.ui.loaded_models import LoadedModel
from posttrain.ui.run_names import models_of_run, run_folder, runs_state

router = APIRouter()


class PromptIn(RequestBody):
    """A prompt for one model of a run."""

    run: Annotated[str, Field(max_length=1000)]
    model: Annotated[str, Field(max_length=200)]
    prompt: Annotated[str, Field(min_length=1, max_length=100_000)]
    system: Annotated[str, Field(max_length=100_000)] = ""
    max_tokens: Annotated[int, Field(ge=1, le=4096)] = 256
    temperature: Annotated[float, Field(ge=0, le=10)] = 0.0
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0


@router.post("/api/v1/runs/answers", tags=["runs"])
async def answer_question(question: PromptIn, request: Request, person: Person) -> Any:
    """Answer a prompt. Each line of the response has a part of the answer's ``text``, or the reason of its ``end``."""
    check_permission(person, "oversee")
    models = runs_state(request).models
    model = await asyncio.to_thread(_model, request, question)
    try:
        wanted = await run_in_threadpool(_wanted, model, question)
    except BaseException:
        models.release(model)
        raise
    lines = _lines(model, wanted)
    weakref.finalize(lines, models.release, model)  # also if the client has gone, and no line is ever read
    return StreamingResponse(lines, media_type="application/x-ndjson")


def _model(request: Request, question: PromptIn) -> LoadedModel:
    state = runs_state(request)
    folder = run_folder(state, question.run)
    try:
        places = models_of_run(folder)
        if question.model not in places:
            raise Missing("this run has no such model")
        return state.models.take(question.model, places[question.model])
    except InputError as error:
        raise Invalid(str(error)) from error


def _wanted(model: LoadedModel, question: PromptIn) -> AnswerRequest:
    try:
        return _request_of(model.served, question)
    except RequestProblem as problem:
        raise Invalid(str(problem)) from problem


def _request_of(served: ServedModel, question: PromptIn) -> AnswerRequest:
    system = [{"role": "system", "content": question.system}] if question.system else []
    messages = [*system, {"role": "user", "content": question.prompt}]
    if served.renderer.template is None:
        prompt, opening = served.text_tokens("\n\n".join(message["content"] for message in messages)), ""
    else:
        prompt, opening = served.chat_tokens(messages, {}), served.opening({})
    left = served.context - len(prompt)
    if left < 1:
        raise RequestProblem(f"the prompt has {len(prompt):,} tokens; {served.name} reads {served.context:,}")
    sampling = Sampling(min(question.max_tokens, left), temperature=question.temperature, seed=question.seed)
    return AnswerRequest(served, [prompt], sampling, 1, opening=opening)


async def _lines(model: LoadedModel, wanted: AnswerRequest) -> AsyncGenerator[str]:
    """The answer's parts. The engine stops if the reader goes away."""
    try:
        async with aclosing(model.requests.pieces(wanted, Count(len(wanted.prompts[0])))) as pieces:
            async for piece in pieces:
                yield json.dumps({"text": piece.text}) + "\n"
                if piece.finish is not None:
                    yield json.dumps({"end": piece.finish}) + "\n"
    except RequestProblem as problem:
        yield json.dumps({"problem": str(problem)}) + "\n"
