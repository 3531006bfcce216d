"""Completions from an OpenAI-compatible server."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from posttrain.data.example import Message
from posttrain.endpoint import TEMPLATE_ARGUMENTS, EndpointOptions, Refused, post
from posttrain.errors import InputError, RunError
from posttrain.generation.parallel_requests import Sleep, send_in_parallel
from posttrain.generation.sampling import Sampling

if TYPE_CHECKING:
    from httpx2 import Client

ONE_AT_A_TIME = {400, 422}
"""The statuses of servers that refuse several completions per request. Other servers return one, whatever `n` is."""

_KEPT = ("role", "content", "name", "tool_call_id")


@dataclass(frozen=True, slots=True)
class RemoteCompletion:
    """A completion of a server.

    Args:
        text: its text, without a stop string, which servers leave out.
        ended: False if it was cut at ``max_new_tokens`` or withheld.
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
    arguments: Sequence[Mapping[str, Any]] | None = None,
    on_done: Callable[[int], None] = lambda done: None,
) -> list[list[RemoteCompletion]]:
    """`n` completions of each conversation.

    Args:
        wheres: ``file:line`` of each conversation, for errors.
        ids: a number for each conversation that, with the seed, fixes its requests; by default its index. A request
            does not depend on the other conversations. Whether the server is deterministic is up to the server.
        arguments: the template arguments of each conversation, which override the server's.
        on_done: called, in this thread, with the number of completions done.

    Returns:
        the completions of each conversation, in order.

    Raises:
        InputError: the key is not set, or the server refuses a conversation or sends a malformed response.
        RunError: the server does not answer a conversation after all tries. Either error names the first conversation
            that failed, and no conversation is begun after it.
    """
    ids = range(len(conversations)) if ids is None else ids
    arguments = [{} for _ in conversations] if arguments is None else arguments
    request = partial(_request_until_done, options=options, sampling=sampling, n=n)
    requests = [
        partial(request, conversation=each, where=where, number=i, arguments=own)
        for each, where, i, own in zip(conversations, wheres, ids, arguments, strict=True)
    ]
    return send_in_parallel(options, requests, lambda done: on_done(done * n))


def _request_until_done(
    client: "Client",
    sleep: Sleep,
    *,
    options: EndpointOptions,
    sampling: Sampling,
    n: int,
    conversation: Sequence[Message],
    where: str,
    number: int,
    arguments: Mapping[str, Any],
) -> list[RemoteCompletion]:
    """Send requests until there are `n` completions."""
    request: dict[str, Any] = {"messages": [_as_sent(message) for message in conversation]}
    request |= {TEMPLATE_ARGUMENTS: dict(arguments)} if arguments else {}
    completions: list[RemoteCompletion] = []
    most = n
    while len(completions) < n:
        sleep(0)
        wanted = min(most, n - len(completions))
        body = {**request, **_settings(sampling, seed_of(sampling.seed, number, len(completions)), wanted)}
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
            completions += [RemoteCompletion(c.text, c.finish == "stop") for c in choices[:wanted]]
    return completions


def seed_of(seed: int, number: int, branch: int) -> int:
    """The seed of a request, in 31 bits: every server accepts it, and some read the highest bit as "at random"."""
    return int(np.random.SeedSequence([seed, number, branch]).generate_state(1)[0]) & 0x7FFFFFFF


def _settings(sampling: Sampling, seed: int, n: int) -> Mapping[str, Any]:
    """The settings of a request. A setting without effect is not sent, since servers may refuse unknown settings."""
    settings = {
        "n": (n, 1),
        "top_p": (sampling.top_p, 1.0),
        "top_k": (sampling.top_k, 0),
        "min_p": (sampling.min_p, 0.0),
        "stop": (list(sampling.stop), []),
    }
    sent = {name: value for name, (value, neutral) in settings.items() if value != neutral}
    return {"max_tokens": sampling.max_new_tokens, "temperature": sampling.temperature, "seed": seed, **sent}


def _as_sent(message: Message) -> Mapping[str, Any]:
    """A message with only the keys of the protocol, and with the arguments of tool calls as JSON text."""
    sent = {key: message[key] for key in _KEPT if key in message}
    calls: Any = message.get("tool_calls")
    if calls:
        sent["tool_calls"] = [
            {**call, "function": {**call["function"], "arguments": json.dumps(call["function"]["arguments"])}}
            for call in calls
        ]
    return sent
