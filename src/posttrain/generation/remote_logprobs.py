"""The log-probs of given tokens under a model on an OpenAI-compatible server.

The completions API takes token ids as its prompt. A server returns the log-probs of the prompt in one of two forms:

- ``prompt_logprobs`` (vLLM): ``[null, {"ID": {"logprob": -0.5, ...}}, ...]``, by token id;
- ``echo`` (OpenAI's protocol; vLLM, SGLang): ``logprobs: {"tokens": [...], "token_logprobs": [null, -0.5, ...]}``.

Both are log-probs at temperature 1. The first token has none.
"""

import json
import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from posttrain.core.group import Floats
from posttrain.endpoint import REPLY_BYTES, post_for_text
from posttrain.errors import InputError, errors_at
from posttrain.generation.options import ScoringEndpointOptions
from posttrain.generation.parallel_requests import Sleep, send_in_parallel

if TYPE_CHECKING:
    from httpx2 import Client

_TOKEN_BYTES = 1024
"""Longest part of a reply about one token, in bytes."""
_ID = "token_id:"
"""What vLLM writes before a token's id, where it names tokens by their ids."""
_ROUNDING = 0.01
"""A log-prob of rounded arithmetic may be this far above 0."""


class OtherTokens(InputError):
    """The server read other tokens than it was sent."""


def remote_logprobs(
    sequences: Sequence[Sequence[int]], options: ScoringEndpointOptions, *, wheres: Sequence[str]
) -> list[Floats]:
    """The log-prob of each token of each sequence, given the tokens before it; NaN for the first token.

    Args:
        sequences: token ids.
        wheres: ``file:line`` of each sequence, for errors.

    Raises:
        InputError: the key is not set, the server refuses a request, or its reply lacks log-probs of these tokens.
        RunError: no reply after all tries. Either error names the first sequence that failed.
    """
    requests = [
        partial(_score, options=options, tokens=tokens, where=where)
        for tokens, where in zip(sequences, wheres, strict=True)
    ]
    return send_in_parallel(options, requests)


def check_tokenizer(text: str, encodings: Sequence[Sequence[int]], options: ScoringEndpointOptions) -> None:
    """Check that the server's tokenizer is the policy's, by a text that both encode.

    The server encodes the text, and it is sent the policy's token ids; both requests must come back with the same
    tokens.

    Args:
        encodings: the text's token ids by the policy's tokenizer, with and without the tokens that it adds.

    Raises:
        OtherTokens: the tokens differ.
        InputError, RunError: see `remote_logprobs`.
    """

    def read(prompt: Any, tokens: Sequence[int]) -> Sequence[str]:
        return send_in_parallel(options, [partial(_read, options=options, prompt=prompt, tokens=tokens)])[0][0]

    problem = None
    for tokens in encodings:
        own = read(list(tokens), tokens)
        try:
            theirs = read(text, tokens)
        except OtherTokens as error:
            problem = problem or error
            continue
        if own == theirs:
            return
    raise problem or OtherTokens("its token ids stand for other tokens")


def _score(client: "Client", sleep: Sleep, *, options: ScoringEndpointOptions, tokens: Any, where: str) -> Floats:
    with errors_at(where):
        _, values = _read(client, sleep, options=options, prompt=[int(token) for token in tokens], tokens=tokens)
    return np.array([math.nan, *values], np.float32)


def _read(
    client: "Client", sleep: Sleep, *, options: ScoringEndpointOptions, prompt: list[int] | str, tokens: Sequence[int]
) -> tuple[list[str], list[float]]:
    """The server's names of the tokens, and their log-probs without that of the first one.

    Args:
        prompt: the tokens, or the text that the server shall read as these tokens.
    """
    body: dict[str, Any] = {"prompt": prompt}
    if options.scoring == "echo":
        body |= {"max_tokens": 0, "echo": True, "logprobs": 1}
    else:
        body |= {"max_tokens": 1, "prompt_logprobs": 0}
    most = REPLY_BYTES + _TOKEN_BYTES * len(tokens)
    text = post_for_text(client, options, "completions", body, most=most, sleep=sleep)
    try:
        choice = json.loads(text)["choices"][0]
        logprobs = _echoed(choice, tokens) if options.scoring == "echo" else _prompt_logprobs(choice, tokens)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{options.url} returns no log-probs of the tokens that it was sent with `scoring: {options.scoring}`: "
            f"{' '.join(text.split())[:200]!r}. {_OTHER_FORM[options.scoring]}"
        ) from error
    return logprobs


_OTHER_FORM: Mapping[str, str] = {
    "prompt_logprobs": "Try `scoring: echo`, or serve the teacher with vLLM",
    "echo": "Try `scoring: prompt_logprobs`, or serve the teacher with vLLM",
}


def _prompt_logprobs(choice: Any, tokens: Sequence[int]) -> tuple[list[str], list[float]]:
    entries: list[Any] = list(choice["prompt_logprobs"])
    _check_count(len(entries), len(tokens))
    names = [str(int(token)) for token in tokens]
    for place, (name, entry) in enumerate(zip(names[1:], entries[1:], strict=True), 1):
        if name not in entry:
            raise OtherTokens(f"token {place + 1} is {', '.join(entry)}, and not {name}")
    return names, [_value(entry[name]["logprob"]) for name, entry in zip(names[1:], entries[1:], strict=True)]


def _echoed(choice: Any, tokens: Sequence[int]) -> tuple[list[str], list[float]]:
    names: list[Any] = list(choice["logprobs"]["tokens"])
    values: list[Any] = list(choice["logprobs"]["token_logprobs"])
    _check_count(len(values), len(tokens))
    _check_count(len(names), len(tokens))
    for place, (name, token) in enumerate(zip(names, tokens, strict=True), 1):
        if name.startswith(_ID) and name != f"{_ID}{token}":
            raise OtherTokens(f"token {place} is {name.removeprefix(_ID)}, and not {token}")
    return names, [_value(value) for value in values[1:]]


def _check_count(count: int, wanted: int) -> None:
    if count != wanted:
        raise OtherTokens(f"there are {count} tokens, and not {wanted}")


def _value(logprob: Any) -> float:
    value = float(logprob)
    if not math.isfinite(value) or value > _ROUNDING:
        raise ValueError(f"{value} is no log-prob")
    return min(value, 0.0)
