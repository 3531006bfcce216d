"""The routes of a vLLM server that a trainer uses. This file alone depends on vLLM's version; tested with 0.32.

GET  /v1/models, /version           which models it serves, and its version
POST /v1/completions                completions of token ids, with their token ids and log-probs
POST /v1/load_lora_adapter          if VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 and --enable-lora
POST /v1/unload_lora_adapter
POST /collective_rpc                reload_weights; the next two too: if VLLM_SERVER_DEV_MODE=1
POST /reset_prefix_cache
GET  /server_info                   the id of the server's process
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from posttrain.endpoint import REPLY_BYTES, EndpointOptions, NoReply, Refused, connect, post_for_text, request_text
from posttrain.errors import InputError, RunError
from posttrain.generation.request import Generation
from posttrain.generation.sampling import Sampling

if TYPE_CHECKING:
    from httpx2 import Client

    from posttrain.generation.parallel_requests import Sleep

TESTED = ("0.32",)
"""The versions of vLLM that this file was tested with."""

HOW_TO_START = (
    "start it with VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 VLLM_SERVER_DEV_MODE=1 vllm serve MODEL --enable-lora "
    "--logprobs-mode processed_logprobs"
)

_PROBE_SECONDS = 5.0
"""The longest time for an answer to a look at a server that may not be up."""

_FAILED = 500
"""The status of a server that cannot do what was requested; those above are of a server that is not up."""

_TOKEN_BYTES = 256
"""Longest part of a reply about one token, in bytes."""


def wait_for_server(options: EndpointOptions, seconds: float, on_wait: Callable[[str], None]) -> Mapping[str, Any]:
    """Wait until the server answers.

    Args:
        seconds: the longest time to wait.
        on_wait: called once with a sentence, if the server is not up yet.

    Returns:
        its entry of the model that the options name.

    Raises:
        InputError: it serves no model of that name.
        RunError: it does not answer in time.
    """
    until, noted = time.monotonic() + seconds, False
    look = options.model_copy(update={"retries": 0, "timeout": min(_PROBE_SECONDS, options.timeout)})
    while True:
        try:
            with connect(look) as client:
                answer = _json(client, look, "GET", "/v1/models")
            return _entry(answer, options)
        except NoReply as error:
            if time.monotonic() > until:
                raise RunError(
                    f"{error.problem}, for {seconds:g} s. Start the server, then run the same "
                    "command again; it goes on from the last checkpoint"
                ) from error
            if not noted:
                on_wait(f"{options.url} does not answer; waiting for up to {seconds:g} s")
                noted = True
            time.sleep(min(1.0, max(options.backoff, 0.01)))


def _entry(answer: Any, options: EndpointOptions) -> Mapping[str, Any]:
    try:
        served = {str(entry["id"]): entry for entry in answer["data"]}
    except (KeyError, TypeError) as error:
        raise InputError(f"{options.url} does not list its models as vLLM does; does `url` end in /v1?") from error
    if options.model not in served:
        raise InputError(
            f"{options.url} serves {', '.join(served) or 'no model'}, and not {options.model}; correct `model`, or "
            f"start the server with --served-model-name {options.model}"
        )
    entry = served[options.model]
    if entry.get("parent"):
        raise InputError(
            f"{options.url} serves {options.model} as an adapter of {entry['parent']}; set `model` to that"
        )
    return entry


def version_of(client: "Client", options: EndpointOptions) -> str:
    """The server's version of vLLM."""
    return str(_json(client, options, "GET", "/version").get("version", "unknown"))


def load_adapter(client: "Client", options: EndpointOptions, name: str, folder: Path) -> None:
    """Load an adapter under a name; nothing happens if an adapter has that name.

    Raises:
        InputError: the server does not load adapters, or not this one.
    """
    body = {"lora_name": name, "lora_path": str(folder)}
    try:
        request_text(client, _once(options), "POST", f"{_root(options)}/v1/load_lora_adapter", body)
    except Refused as error:
        if error.status == 400 and "already" in str(error):
            return
        if error.status in (404, 405) and "No adapter found" not in str(error):
            raise InputError(f"{options.url} does not load adapters; {HOW_TO_START}") from error
        raise InputError(f"{error}. The server must see {folder} under the same path") from error
    except NoReply as error:
        if error.status != _FAILED:
            raise
        raise InputError(
            f"{error.problem}. The server cannot load the adapter; raise its --max-lora-rank, or set `send: weights`"
        ) from error


def unload_adapter(client: "Client", options: EndpointOptions, name: str) -> None:
    """Unload an adapter; nothing happens if the server does not have it."""
    try:
        request_text(client, options, "POST", f"{_root(options)}/v1/unload_lora_adapter", {"lora_name": name})
    except Refused as error:
        if error.status not in (400, 404):
            raise


def reload_weights(client: "Client", options: EndpointOptions, folder: str) -> None:
    """Replace all weights of the served model by those of a folder or hub id.

    Raises:
        InputError: the server does not reload weights, or not these.
        RunError: it generates for somebody else all the time.
    """
    body = {"method": "reload_weights", "kwargs": {"weights_path": folder}}
    try:
        request_text(client, _once(options), "POST", f"{_root(options)}/collective_rpc", body)
        until = time.monotonic() + options.timeout
        while not _json(client, options, "POST", "/reset_prefix_cache").get("success", True):
            if time.monotonic() > until:
                raise RunError(
                    f"{options.url} still generates for somebody else; one run at a time can load all weights"
                )
            time.sleep(0.1)  # the blocks of the last request are still being freed
    except Refused as error:
        if error.status in (404, 405):
            raise InputError(f"{options.url} does not reload weights; {HOW_TO_START}") from error
        raise
    except NoReply as error:
        if error.status != _FAILED:
            raise
        raise InputError(f"{error.problem}. The server must see {folder} under the same path") from error


def process_of(client: "Client", options: EndpointOptions) -> str:
    """The id of the server's process, which changes when it is started again.

    Raises:
        InputError: the server does not tell it.
    """
    try:
        answer = _json(client, options, "GET", "/server_info?config_format=json", most=64 * REPLY_BYTES)
        return str(answer["vllm_config"]["instance_id"])
    except (Refused, KeyError, TypeError) as error:
        raise InputError(f"{options.url} does not tell the id of its process; {HOW_TO_START}") from error


def request_generations(
    client: "Client",
    sleep: "Sleep",
    *,
    options: EndpointOptions,
    model: str,
    prompt: Sequence[int],
    sampling: Sampling,
    n: int,
    end_tokens: Sequence[int],
    seed: int | None,
) -> list[Generation]:
    """`n` completions of a prompt.

    Args:
        model: the name of an adapter on the server, or of the model itself.
        prompt: token ids.
        end_tokens: they end a completion, besides the end token that the server knows.
        seed: None to send none.

    Raises:
        Refused: a refusal that another try would not change; 404 if the server does not have the model.
        InputError: the reply has no token ids or log-probs.
        NoReply: no reply after all tries.
    """
    body: dict[str, Any] = {
        "model": model,
        "prompt": [int(token) for token in prompt],
        "n": n,
        "max_tokens": sampling.max_new_tokens,
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,  # all are sent, since the server has defaults of its own
        "top_p": sampling.top_p,
        "min_p": sampling.min_p,
        "repetition_penalty": 1.0,
        "stop": list(sampling.stop),
        "stop_token_ids": [int(token) for token in end_tokens],
        "include_stop_str_in_output": True,
        "logprobs": 0,
        "return_token_ids": True,
        **({} if seed is None else {"seed": seed}),
    }
    most = n * (REPLY_BYTES + _TOKEN_BYTES * sampling.max_new_tokens)
    text = post_for_text(client, options, "completions", body, most=most, sleep=sleep)
    try:
        choices = sorted(json.loads(text)["choices"], key=lambda choice: choice["index"])
        written = [_generation(choice) for choice in choices]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{options.url} does not reply with token ids and their log-probs, as vLLM {TESTED[0]} does: "
            f"{' '.join(text.split())[:200]!r}"
        ) from error
    if len(written) != n:
        raise InputError(f"{options.url} replied with {len(written)} completions, and not {n}")
    return written


def _generation(choice: Any) -> Generation:
    tokens = np.array(choice["token_ids"], np.int32)
    logp = np.array(choice["logprobs"]["token_logprobs"], np.float32)
    if tokens.shape != logp.shape or not len(tokens) or not np.isfinite(logp).all():
        raise ValueError("each token needs a log-prob")
    if choice["finish_reason"] not in ("stop", "length"):
        raise ValueError(f"the completion ended by {choice['finish_reason']}")
    return Generation(tokens, logp, choice["finish_reason"] == "stop")


def _json(
    client: "Client", options: EndpointOptions, method: Literal["GET", "POST"], path: str, most: int = REPLY_BYTES
) -> Any:
    text = request_text(client, options, method, f"{_root(options)}{path}", {}, most=most)
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputError(f"{_root(options)}{path} replies with no JSON: {text[:200]!r}") from error


def _once(options: EndpointOptions) -> EndpointOptions:
    return options.model_copy(update={"retries": 0})


def _root(options: EndpointOptions) -> str:
    """The server's address without /v1."""
    return options.url.rstrip("/").removesuffix("/v1")
