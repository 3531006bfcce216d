"""One request to the engine, and its answers as events that a coroutine reads."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field

from posttrain.core.group import Ints
from posttrain.generation.decoding_loop import Job
from posttrain.generation.request import Constraint, Generation, Token
from posttrain.generation.sampling import Sampling
from posttrain.serve.engine import ServerEngine
from posttrain.serve.problems import EngineProblem
from posttrain.serve.served import ServedModel
from posttrain.serve.text_stream import TextStream


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks the engine for.

    Args:
        prompts: token ids of each prompt; each gets `n` answers.
        opening: text that stands before each answer's first token.
        seed: with a prompt's number, it fixes the draws.
        top: None, or the number of most probable tokens to tell with each token.
    """

    model: ServedModel
    prompts: Sequence[Ints]
    sampling: Sampling
    n: int
    opening: str = ""
    top: int | None = None
    constraint: Callable[[], Constraint] | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """The next part of an answer.

    Args:
        index: the answer's number.
        text: perhaps empty.
        tokens: those that came since the last piece, without end tokens.
        offset: characters of the answer before this piece.
        finish: "stop" or "length" if this is the last piece.
    """

    index: int
    text: str
    tokens: tuple[Token, ...]
    offset: int
    finish: str | None = None


@dataclass(slots=True)
class Count:
    """What a request has cost so far.

    Args:
        started: `time.monotonic` when it came.
        first: seconds to the first token.
    """

    prompt_tokens: int
    completion_tokens: int = 0
    started: float = field(default_factory=time.monotonic)
    first: float | None = None


@dataclass(slots=True)
class _Answer:
    stream: TextStream
    tokens: list[Token] = field(default_factory=list[Token])
    length: int = 0


class Requests:
    """Sends requests to the engine and delivers its tokens to the event loop."""

    def __init__(self, models: dict[str, ServedModel], rows: int) -> None:
        self._queues: dict[Job, Callable[[BaseException], None]] = {}
        policies = {name: model.policy for name, model in models.items()}
        self.engine = ServerEngine(policies, rows, self._failed)

    def _failed(self, job: Job, error: BaseException) -> None:
        if (fail := self._queues.get(job)) is not None:
            fail(error)

    async def pieces(self, asked: Asked, count: Count) -> AsyncGenerator[Piece]:
        """The answers as they are generated. If the caller stops reading, the engine stops generating.

        Raises:
            EngineProblem: the engine failed.
        """
        loop, events = asyncio.get_running_loop(), asyncio.Queue[tuple[int, Token | Generation] | BaseException]()

        def put(event: tuple[int, Token | Generation] | BaseException) -> None:
            loop.call_soon_threadsafe(events.put_nowait, event)

        jobs = [self._job(asked, number, put) for number in range(len(asked.prompts))]
        answers = [self._answer(asked) for _ in range(asked.n * len(jobs))]
        self._queues.update(dict.fromkeys(jobs, put))
        left = len(answers)
        try:
            for job in jobs:
                self.engine.submit(asked.model.name, job)
            while left:
                event = await events.get()
                if isinstance(event, BaseException):
                    raise EngineProblem(f"the model failed: {type(event).__name__}: {event}") from event
                index, what = event
                piece = _piece(index, what, answers[index], count, asked.model.policy.end_tokens)
                left -= piece.finish is not None
                if piece.text or piece.finish:
                    yield piece
        finally:
            for job in jobs:
                del self._queues[job]
                if left:
                    self.engine.cancel(asked.model.name, job)

    def _job(self, asked: Asked, number: int, put: Callable[[tuple[int, Token | Generation]], None]) -> Job:
        first = number * asked.n
        return Job(
            asked.prompts[number],
            asked.sampling,
            asked.n,
            number,
            on_end=lambda branch, generation: put((first + branch, generation)),
            on_token=lambda branch, token: put((first + branch, token)),
            top=asked.top,
            constraint=asked.constraint,
        )

    def _answer(self, asked: Asked) -> _Answer:
        policy = asked.model.policy
        stream = TextStream(policy.tokenizer, policy.end_tokens, asked.sampling.stop, asked.opening)
        return _Answer(stream)


def _piece(index: int, what: Token | Generation, answer: _Answer, count: Count, end_tokens: Sequence[int]) -> Piece:
    if isinstance(what, Token):
        count.completion_tokens += 1
        if count.first is None:
            count.first = time.monotonic() - count.started
        if what.id not in end_tokens and not answer.stream.stopped:
            answer.tokens.append(what)
        text, finish = answer.stream.push(what.id), None
    else:
        text = answer.stream.end()
        finish = "stop" if what.ended or answer.stream.stopped else "length"
    offset = answer.length
    if not (text or finish):
        return Piece(index, "", (), offset)
    tokens, answer.tokens, answer.length = tuple(answer.tokens), [], offset + len(text)
    return Piece(index, text, tokens, offset, finish)
