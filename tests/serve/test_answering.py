"""What a request gets when the engine fails, and what ends its work there."""

import asyncio
from collections.abc import Generator
from typing import Any

import numpy as np
import pytest
import torch

from byte_model import save_byte_model
from posttrain.generation.cache import Cache
from posttrain.generation.sampling import Sampling
from posttrain.serve.answering import AnswerRequest, Count, Piece, Requests
from posttrain.serve.problems import EngineProblem
from posttrain.serve.served import ServedModel
from served import models_in

PROMPT = np.array([1, 4, 30, 31, 2, 5], np.int32)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ServedModel:
    folder = save_byte_model(tmp_path_factory.mktemp("served") / "m", max_position_embeddings=2048)
    return models_in(folder)["m"]


@pytest.fixture
def requests(model: ServedModel) -> Generator[Requests]:
    requests = Requests({"m": model}, rows=4)
    yield requests
    requests.engine.close()


def asked(model: ServedModel, tokens: int = 10, **more: Any) -> AnswerRequest:
    return AnswerRequest(model, [PROMPT], Sampling(tokens, temperature=0), 1, **more)


def all_pieces(requests: Requests, *asks: AnswerRequest) -> list[list[Piece] | BaseException]:
    async def pieces(one: AnswerRequest) -> list[Piece]:
        return [piece async for piece in requests.pieces(one, Count(1))]

    async def run() -> list[list[Piece] | BaseException]:
        return await asyncio.gather(*map(pieces, asks), return_exceptions=True)

    return asyncio.run(run())


def text(pieces: list[Piece] | BaseException) -> str:
    assert isinstance(pieces, list), pieces
    return "".join(piece.text for piece in pieces)


def test_an_error_of_the_model_ends_the_requests_in_progress_and_the_next_one_is_answered(
    requests: Requests, model: ServedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(self: Cache, length: int, prompt_length: int) -> None:
        raise torch.OutOfMemoryError("too long")

    with monkeypatch.context() as patch:
        patch.setattr(Cache, "reserve", no_memory)
        for found in all_pieces(requests, asked(model), asked(model)):
            assert isinstance(found, EngineProblem)
            assert "too long" in str(found)
    assert requests.unfinished == 0
    assert text(all_pieces(requests, asked(model))[0])


def test_an_error_outside_a_step_ends_all_requests_and_the_engine_says_so(
    model: ServedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = Requests({"m": model}, rows=4)
    monkeypatch.setattr(requests.engine, "_take_calls", lambda wait: 1 / 0)
    (found,) = all_pieces(requests, asked(model, 2000))
    assert isinstance(found, EngineProblem)
    requests.engine._thread.join()
    assert not requests.engine.alive
    (found,) = all_pieces(requests, asked(model))
    assert "start the server again" in str(found)


def test_long_requests_grow_the_cache_and_give_the_same_text(requests: Requests, model: ServedModel) -> None:
    long = asked(model, 900)
    alone = text(all_pieces(requests, long)[0])
    assert requests.engine.load() == (0, 0)
    beside = all_pieces(requests, asked(model, 200), asked(model, 230), long)
    assert text(beside[2]) == alone
    assert text(beside[0]) == alone[: len(text(beside[0]))]


def test_a_stop_string_ends_the_work_too(requests: Requests, model: ServedModel) -> None:
    whole = text(all_pieces(requests, asked(model, 60))[0])
    stop = whole[20:23]
    count = Count(1)

    async def run() -> str:
        sampling = Sampling(1500, temperature=0, stop=("xx" + stop,))
        one = AnswerRequest(model, [PROMPT], sampling, 1, opening="xx")
        return "".join([piece.text async for piece in requests.pieces(one, count)])

    assert asyncio.run(run()).startswith("xx")
    constrained = asked(model, 50, constraint=Broken)
    (found,) = all_pieces(requests, constrained)
    assert isinstance(found, EngineProblem)
    assert "response_format: no way on" in str(found)
    assert text(all_pieces(requests, asked(model))[0])


class Broken:
    """A constraint that cannot go on after three tokens."""

    def __init__(self) -> None:
        self.problem: str | None = None
        self.seen = 0

    def restrict(self, logits_V: torch.Tensor) -> None:
        if self.seen == 3:
            self.problem = "no way on"

    def accept(self, token: int) -> bool:
        self.seen += 1
        return self.problem is not None


def test_who_stops_reading_ends_the_work(requests: Requests, model: ServedModel) -> None:
    async def run() -> None:
        pieces = requests.pieces(asked(model, 1500), Count(1))
        await anext(pieces)
        await pieces.aclose()
        for _ in range(200):
            if requests.engine.load() == (0, 0):
                return
            await asyncio.sleep(0.01)
        raise AssertionError(requests.engine.load())

    asyncio.run(run())
    assert requests.unfinished == 0


def test_waiting_requests_take_their_turn_and_can_be_cancelled(requests: Requests, model: ServedModel) -> None:
    found = all_pieces(requests, *(asked(model, 20 + n) for n in range(9)))
    lengths = [len(text(pieces)) for pieces in found]
    assert len(set(map(bool, lengths))) == 1

    async def run() -> None:
        busy = [requests.pieces(asked(model, 1000), Count(1)) for _ in range(6)]
        await anext(busy[0])
        started = [asyncio.ensure_future(anext(one)) for one in busy[1:]]
        await asyncio.sleep(0.05)
        for task in started:
            task.cancel()
        await asyncio.gather(*started, return_exceptions=True)
        for one in busy:
            await one.aclose()

    asyncio.run(run())
    assert requests.unfinished == 0
