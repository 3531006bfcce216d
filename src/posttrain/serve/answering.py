"""One request to the engine, and its answers as events that a coroutine reads."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import suppress
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
class AnswerRequest:
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

    def __init__(self, models: Mapping[str, ServedModel], rows: int) -> None:
        self._failures: dict[Job, Callable[[BaseException], None]] = {}
        policies = {name: model.policy for name, model in models.items()}
        self.engine = ServerEngine(policies, rows, self._failed)

    @property
    def unfinished(self) -> int:
        """The number of prompts whose answers are not complete."""
        return len(self._failures)

    def _failed(self, job: Job | None, error: BaseException) -> None:
        """Tell a request, or all of them, that the engine failed. The engine's thread calls this."""
        for fail in list(self._failures.values()) if job is None else filter(None, [self._failures.get(job)]):
            fail(error)

    async def pieces(self, wanted: AnswerRequest, count: Count) -> AsyncGenerator[Piece]:
        """The answers as they are generated. If the caller stops reading, the engine stops generating.

        Raises:
            EngineProblem: the engine failed.
        """
        if not self.engine.alive:
            raise EngineProblem("the engine has ended; start the server again")
        loop, events = asyncio.get_running_loop(), asyncio.Queue[_Event]()

        def put(event: _Event) -> None:
            with suppress(RuntimeError):  # the event loop has ended
                loop.call_soon_threadsafe(events.put_nowait, event)

        jobs = [self._job(wanted, number, put) for number in range(len(wanted.prompts))]
        answers = {index: self._answer(wanted) for index in range(wanted.n * len(jobs))}
        self._failures.update(dict.fromkeys(jobs, put))
        try:
            for job in jobs:
                self.engine.submit(wanted.model.name, job)
            while answers:
                event = await events.get()
                if isinstance(event, BaseException):
                    raise EngineProblem(f"the model failed: {type(event).__name__}: {event}") from event
                index, what = event
                if (answer := answers.get(index)) is None:  # it ended at a stop string before
                    continue
                piece = _piece(index, what, answer, count, wanted.model.policy.end_tokens)
                if piece.finish is not None:
                    del answers[index]
                    if isinstance(what, Token):  # a stop string that only the text shows
                        self.engine.cancel(wanted.model.name, jobs[index // wanted.n], index % wanted.n)
                if piece.text or piece.finish:
                    yield piece
        finally:
            for job in jobs:
                del self._failures[job]
                if answers:
                    self.engine.cancel(wanted.model.name, job)

    def _job(self, wanted: AnswerRequest, number: int, put: "Callable[[_Event], None]") -> Job:
        first, constraints = number * wanted.n, list[Constraint]()

        def constraint() -> Constraint:
            assert wanted.constraint is not None
            constraints.append(wanted.constraint())
            return constraints[-1]

        def on_end(branch: int, generation: Generation) -> None:
            problem = constraints[branch].problem if constraints else None
            put((first + branch, generation) if problem is None else ValueError(f"response_format: {problem}"))

        return Job(
            wanted.prompts[number],
            wanted.sampling,
            wanted.n,
            number,
            on_end=on_end,
            on_token=lambda branch, token: put((first + branch, token)),
            top=wanted.top,
            constraint=None if wanted.constraint is None else constraint,
        )

    def _answer(self, wanted: AnswerRequest) -> _Answer:
        policy = wanted.model.policy
        return _Answer(TextStream(policy.tokenizer, policy.end_tokens, wanted.sampling.stop, wanted.opening))


_Event = tuple[int, Token | Generation] | BaseException
"""(number of the answer, its next token or its end), or what ended all answers."""


def _piece(index: int, what: Token | Generation, answer: _Answer, count: Count, end_tokens: Sequence[int]) -> Piece:
    if isinstance(what, Token):
        count.completion_tokens += 1
        if count.first is None:
            count.first = time.monotonic() - count.started
        if what.id not in end_tokens:
            answer.tokens.append(what)
        text = answer.stream.push(what.id)
        finish = "stop" if answer.stream.stopped else None
    else:
        text = answer.stream.end()
        finish = "stop" if what.ended or answer.stream.stopped else "length"
    offset = answer.length
    if not (text or finish):
        return Piece(index, "", (), offset)
    tokens, answer.tokens, answer.length = tuple(answer.tokens), [], offset + len(text)
    return Piece(index, text, tokens, offset, finish)
