"""A language model as the judge of pairs, behind an endpoint of OpenAI's chat completions.

Each pair is judged twice, with either answer first. A verdict that changes with the order is a tie. A pair of which a
reply is missing or cannot be read has no verdict: it is counted, and is no win for anybody.
L. Zheng et al., "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena", NeurIPS (2023), arXiv:2306.05685.
"""

import re
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Literal

from posttrain.endpoint import NoReply, Refused, connect, post
from posttrain.errors import InputError, RunError
from posttrain.evaluate.compare.judge_request import PairJudge, pair_question
from posttrain.evaluate.compare.pairs import AnswerPair, Outcome, Side
from posttrain.evaluate.compare.verdicts import PairVerdict
from posttrain.rewards.refusal.detect import refuses

if TYPE_CHECKING:
    from httpx2 import Client

Place = Literal["first", "second", "tie"]
"""The verdict of a reply: the answer shown first, the one shown second, or a tie."""

_VERDICT = re.compile(r"^[\s*#>_]*verdict[\s*_]*:[\s*_\[]*(1|2|tie)[\s*_\].]*$", re.IGNORECASE | re.MULTILINE)
_PLACES: dict[str, Place] = {"1": "first", "2": "second", "tie": "tie"}

WRONG_SERVER = frozenset({401, 403, 404, 405})
"""Statuses that every request would get: the key, the address or the model's name is wrong."""

GIVE_UP = 24
"""If none of the first so many replies can be read, the comparison stops."""


@dataclass(frozen=True, slots=True)
class JudgeReply:
    """The judge's reply to a pair in one order.

    Args:
        shown_first: the model whose answer was shown first.
        verdict: None if there is none.
        problem: why there is none: timeout, rate limit (429), server error, no connection, refused request, broken
            reply, refusal to judge, no verdict, or two verdicts.
        text: the reply, or the error.
    """

    shown_first: Side
    verdict: Place | None
    problem: str | None
    text: str

    @property
    def outcome(self) -> Outcome | None:
        """The better model."""
        if self.verdict is None or self.verdict == "tie":
            return self.verdict
        return "A" if (self.verdict == "first") == (self.shown_first == "A") else "B"


def judge_pairs(
    pairs: Sequence[AnswerPair], judge: PairJudge, on_done: Callable[[int], None] = lambda done: None
) -> list[PairVerdict]:
    """The judge's verdict on each pair. Identical answers are a tie and are not sent.

    Args:
        on_done: called, in this thread, with the number of replies.

    Raises:
        InputError: the key is not set, or the server refuses all requests.
        RunError: no reply can be read.
    """
    requests: list[tuple[AnswerPair, Side]] = [(pair, side) for pair in pairs for side in _sides(pair)]
    replies: dict[tuple[str, Side], JudgeReply] = {}
    stop = Event()
    read = 0
    with connect(judge) as client, ThreadPoolExecutor(judge.concurrency) as pool:
        futures = {pool.submit(_judge_once, client, judge, stop, *request): request for request in requests}
        try:
            for done, future in enumerate(as_completed(futures), 1):
                (pair, side), reply = futures[future], future.result()
                replies[pair.id, side] = reply
                read += reply.verdict is not None
                if not read and done == min(GIVE_UP, len(requests)):
                    raise RunError(
                        f"the judge gave no verdict in {done} replies; the last one: {reply.problem}: "
                        f"{' '.join(reply.text.split())[-300:]}"
                    )
                on_done(done)
        except BaseException:
            stop.set()  # wakes threads that wait for their next try; queued requests then end at once
            raise
    return [_verdict(pair, [replies[pair.id, side] for side in _sides(pair)]) for pair in pairs]


def read_verdict(reply: str) -> tuple[Place | None, str | None]:
    """The verdict of a reply, or the problem: lines that name different verdicts are none."""
    found = {match[1].lower() for match in _VERDICT.finditer(reply)}
    if len(found) == 1:
        return _PLACES[found.pop()], None
    if found:
        return None, "two verdicts"
    return None, "refusal to judge" if refuses(reply) else "no verdict"


def _sides(pair: AnswerPair) -> tuple[Side, ...]:
    return () if pair.identical else ("A", "B")


def _verdict(pair: AnswerPair, replies: Sequence[JudgeReply]) -> PairVerdict:
    details = {"replies": [asdict(reply) for reply in replies]}
    if pair.identical:
        return PairVerdict(pair, "tie", details=details)
    first, second = replies[0].outcome, replies[1].outcome
    if first is None or second is None:
        return PairVerdict(pair, None, tuple(reply.problem for reply in replies if reply.problem), details)
    return PairVerdict(pair, first if first == second else "tie", details=details)


def _judge_once(client: "Client", judge: PairJudge, stop: Event, pair: AnswerPair, side: Side) -> JudgeReply:
    def sleep(seconds: float) -> None:
        if stop.wait(seconds):
            raise CancelledError

    sleep(0)
    body = {
        "messages": [{"role": "user", "content": pair_question(judge, pair, side)}],
        "temperature": judge.temperature,
        "max_tokens": judge.max_tokens,
    }
    failed = partial(JudgeReply, side, None)
    try:
        choice = post(client, judge, body, sleep)[0]
    except Refused as error:
        if error.status in WRONG_SERVER:
            raise
        return failed("refused request", str(error))
    except InputError as error:
        return failed("broken reply", str(error))
    except NoReply as error:
        return failed(_why(error), str(error))
    if choice.finish == "content_filter":
        return failed("refusal to judge", choice.text)
    return JudgeReply(side, *read_verdict(choice.text), choice.text)


def _why(error: NoReply) -> str:
    if error.late:
        return "timeout"
    if error.status is None:
        return "no connection"
    return "rate limit (429)" if error.status == 429 else f"server error ({error.status})"
