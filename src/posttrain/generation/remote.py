"""Completions from an OpenAI-compatible server: another source of what `engine.generate` writes."""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np

from posttrain.data.example import Message
from posttrain.endpoint import EndpointOptions, Refused, connect, post
from posttrain.errors import InputError, RunError
from posttrain.generation.sampling import Sampling

if TYPE_CHECKING:
    from httpx2 import Client

ONE_AT_A_TIME = {400, 422}
"""How servers refuse to write several completions for one request. The others write one, whatever they are asked."""

_KEPT = ("role", "content", "name", "tool_call_id")


@dataclass(frozen=True, slots=True)
class RemoteCompletion:
    """A completion.

    Args:
        text: without a stop string, which servers leave out.
        ended: False if it was cut at ``max_new_tokens``, or withheld.
    """

    text: str
    ended: bool


def request_completions(
    conversations: Sequence[Sequence[Message]],
    options: EndpointOptions,
    sampling: Sampling,
    *,
    n: int,
    wheres: Sequence[str],
    ids: Sequence[int] | None = None,
    on_done: Callable[[int], None] = lambda done: None,
) -> list[list[RemoteCompletion]]:
    """`n` completions of each conversation.

    Args:
        wheres: ``file:line`` of each conversation, for errors.
        ids: numbers that, with the seed, fix each conversation's requests; its place if unset. A conversation is
            asked the same way whatever is asked beside it; whether the server then says the same is its own affair.
        on_done: called, in this thread, with the number of completions done.

    Returns:
        the completions of each conversation, in order.

    Raises:
        InputError: the key is not set, or the server refuses a conversation or makes no sense.
        RunError: it does not answer a conversation after all tries. Either way the first conversation to fail is
            named, and none is begun after it.
    """
    ids = range(len(conversations)) if ids is None else ids
    written: list[list[RemoteCompletion]] = [[] for _ in conversations]
    over = Event()
    with connect(options) as client, ThreadPoolExecutor(options.concurrency) as pool:
        one = partial(_ask_one, client, options, sampling, n, over)
        futures = {pool.submit(one, *each): i for i, each in enumerate(zip(conversations, wheres, ids, strict=True))}
        try:
            for done, future in enumerate(as_completed(futures), 1):
                written[futures[future]] = future.result()
                on_done(done * n)
        except BaseException:
            over.set()  # wakes those who wait for their next try, and those in the queue end as they begin
            raise
    return written


def _ask_one(
    client: "Client",
    options: EndpointOptions,
    sampling: Sampling,
    n: int,
    over: Event,
    conversation: Sequence[Message],
    where: str,
    number: int,
) -> list[RemoteCompletion]:
    """Request after request until there are `n` completions."""

    def sleep(seconds: float) -> None:
        if over.wait(seconds):
            raise CancelledError

    messages = [_as_sent(message) for message in conversation]
    found: list[RemoteCompletion] = []
    most = n
    while len(found) < n:
        sleep(0)
        wanted = min(most, n - len(found))
        body = {"messages": messages, **_settings(sampling, seed_of(sampling.seed, number, len(found)), wanted)}
        try:
            choices = post(client, options, body, sleep)
        except Refused as error:
            if wanted == 1 or error.status not in ONE_AT_A_TIME:
                raise InputError(f"{where}: {error}") from error
            most = 1
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        except RunError as error:
            raise RunError(f"{where}: {error}") from error
        else:
            found += [RemoteCompletion(one.text, one.finish == "stop") for one in choices[:wanted]]
    return found


def seed_of(seed: int, number: int, branch: int) -> int:
    """A request's own seed: 31 bits, which every server takes (some read the highest as "at random")."""
    return int(np.random.SeedSequence([seed, number, branch]).generate_state(1)[0]) & 0x7FFFFFFF


def _settings(sampling: Sampling, seed: int, n: int) -> Mapping[str, Any]:
    """What says nothing is not sent: not every server knows every setting, and those that do not may refuse it."""
    settings = {
        "n": (n, 1),
        "top_p": (sampling.top_p, 1.0),
        "top_k": (sampling.top_k, 0),
        "min_p": (sampling.min_p, 0.0),
        "stop": (list(sampling.stop), []),
    }
    said = {name: value for name, (value, nothing) in settings.items() if value != nothing}
    return {"max_tokens": sampling.max_new_tokens, "temperature": sampling.temperature, "seed": seed, **said}


def _as_sent(message: Message) -> Mapping[str, Any]:
    """A message with the keys of the protocol alone, and the arguments of tool calls as JSON text, which templates
    want as objects."""
    sent = {key: message[key] for key in _KEPT if key in message}
    calls: Any = message.get("tool_calls")
    if calls:
        sent["tool_calls"] = [
            {**call, "function": {**call["function"], "arguments": json.dumps(call["function"]["arguments"])}}
            for call in calls
        ]
    return sent
