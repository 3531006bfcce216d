"""One chat completion from any server that speaks OpenAI's chat completions: judges and candidates ask here."""

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from posttrain.errors import InputError, RunError
from posttrain.options import Options

if TYPE_CHECKING:
    from httpx2 import Client, Response

REPLY_BYTES = 1 << 20
"""A longer reply, per completion asked for, is garbage."""
LONGEST_PAUSE = 60.0
"""Seconds between two tries, whatever the server asks for."""
TEMPORARY = {408, 409, 425, 429, 500, 502, 503, 504, 529}
"""Status codes that another try may change."""
UNFINISHED = {"length", "content_filter"}
"""Finish reasons that explain a completion without text: it was cut while the model was thinking, or withheld."""


class EndpointOptions(Options):
    """A server, a model there, and how patiently it is asked."""

    url: str = Field(pattern="^https?://", description="endpoint, up to and including /v1")
    model: str = Field(min_length=1, description="its name there")
    key_from: str | None = Field(
        default=None, description="environment variable that holds the key; none is sent if unset"
    )
    concurrency: int = Field(default=8, ge=1, le=256, description="questions put at the same time")
    timeout: float = Field(default=60.0, gt=0, allow_inf_nan=False, description="seconds for one reply, all of it")
    retries: int = Field(default=4, ge=0, le=20, description="after a timeout, a lost connection, 429 or 5xx")
    backoff: float = Field(default=1.0, ge=0, le=60, description="seconds before the first of them; doubled each time")

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        parts = urlsplit(url)  # raises ValueError, as `port` does
        if not parts.hostname or parts.port == 0:
            raise ValueError("names no server")
        if parts.path.rstrip("/").endswith("/chat/completions"):
            raise ValueError("ends before /chat/completions, which is added to it")
        return url


@dataclass(frozen=True, slots=True)
class Choice:
    """A completion.

    Args:
        text: what was written; empty if the server withheld it or cut it before it began.
        finish: why it ends: "stop", "length"...; None if the server does not say.
    """

    text: str
    finish: str | None


class Refused(InputError):
    """The server will not have the request, and another try would not change that.

    Args:
        status: of its answer.
    """

    def __init__(self, said: str, status: int) -> None:
        super().__init__(said)
        self.status = status


def key_of(options: EndpointOptions) -> str | None:
    """The key, from the environment; None if none is to be sent.

    Raises:
        InputError: the variable is not set, or what it holds cannot be a key.
    """
    if options.key_from is None:
        return None
    key = os.environ.get(options.key_from, "").strip()  # a line's end would be an illegal header
    if not key:
        raise InputError(f"key_from: the environment variable {options.key_from} is not set; export the key under it")
    if not (key.isascii() and key.isprintable()):
        raise InputError(f"key_from: {options.key_from} holds characters that no key has; copy the key once more")
    return key


def connect(options: EndpointOptions) -> "Client":
    """A client for `post`, which any number of threads may share. The caller closes it.

    Raises:
        InputError: see `key_of`.
    """
    from httpx2 import Client, Limits

    key = key_of(options)
    return Client(
        headers={"Authorization": f"Bearer {key}"} if key else {},
        timeout=options.timeout,
        limits=Limits(max_connections=options.concurrency),
    )


def post(
    client: "Client", options: EndpointOptions, body: Mapping[str, Any], sleep: Callable[[float], None] = time.sleep
) -> list[Choice]:
    """One request, tried again where that may help.

    Args:
        body: messages and settings; the model is added.
        sleep: how to pass the seconds between tries; what it raises ends them.

    Returns:
        at least one completion; how many is the server's choice, whatever ``n`` the body asks for.

    Raises:
        Refused: an answer that another try would not change.
        InputError: a reply that is no chat completion, or too long.
        RunError: no reply after all tries.
    """
    from httpx2 import HTTPError

    sent = json.dumps({"model": options.model, **body}).encode()  # in ASCII: no text can fail to encode
    address, headers = f"{options.url.rstrip('/')}/chat/completions", {"Content-Type": "application/json"}
    said = ""
    for tries in range(options.retries + 1):
        pause = min(LONGEST_PAUSE, options.backoff * 2.0**tries)
        until = time.monotonic() + options.timeout
        try:
            with client.stream("POST", address, content=sent, headers=headers) as r:
                text = _read(r, until, options, most=REPLY_BYTES * body.get("n", 1))
                if r.status_code == 200:
                    return _choices(text, options.url)
                said = f"{options.url} answers {r.status_code}: {_start(text)}"
                if r.status_code not in TEMPORARY:
                    raise Refused(said + _next_step(r, options), r.status_code)
                pause = max(pause, _asked_to_wait(r))
        except (HTTPError, TimeoutError) as error:
            said = f"{options.url}: {type(error).__name__}: {str(error) or 'no reply'}"
        if tries < options.retries:
            sleep(pause)
    raise RunError(f"{said} ({options.retries + 1} tries). {_REMEDY}")


def _read(response: "Response", until: float, options: EndpointOptions, most: int) -> str:
    """All of the body, within the time and the size it may have: a server that drips is no better than a silent one."""
    held = bytearray()
    for block in response.iter_bytes():
        held += block
        if time.monotonic() > until:
            raise TimeoutError(f"no whole reply within {options.timeout:g} s")
        if len(held) > most:
            raise InputError(f"{options.url}: the reply is longer than {most} bytes; does `url` name the right server?")
    return held.decode("utf-8", errors="replace")


def _choices(text: str, url: str) -> list[Choice]:
    try:
        found = [_choice(one) for one in json.loads(text)["choices"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        found = []
    if not found:
        raise InputError(f"{url} does not reply as chat completions do: {_start(text)!r}")
    return found


def _choice(value: Any) -> Choice:
    finish, content = value.get("finish_reason"), value["message"].get("content")
    if content is None and finish in UNFINISHED:
        content = ""
    if not isinstance(content, str):
        raise TypeError("content is no text")
    # Half of a surrogate pair, which JSON can spell, could not be written to any file later.
    return Choice(content.encode("utf-8", "replace").decode(), finish if isinstance(finish, str) else None)


def _next_step(response: "Response", options: EndpointOptions) -> str:
    """What the user can do about an answer of this status."""
    if response.status_code in (401, 403):
        if options.key_from is None:
            return ". Name the environment variable that holds your key: key_from"
        return f". Is the key in {options.key_from} right, and may it use {options.model}?"
    if response.status_code in (404, 405):
        return f". Does `url` end as the server wants it (mostly in /v1), and does it have the model {options.model}?"
    if response.is_redirect:
        return f". It has moved: is `url` to be {response.headers.get('Location', 'another')}?"
    return ""


_REMEDY = (
    "Is the server up, and `url` its address? If it is slow, raise `timeout` or lower `concurrency`; "
    "if it asks for patience, raise `retries` or `backoff`"
)


def _asked_to_wait(response: "Response") -> float:
    try:
        return min(LONGEST_PAUSE, max(0.0, float(response.headers.get("Retry-After", "0"))))
    except ValueError:  # a date
        return 0.0


def _start(text: str) -> str:
    return " ".join(text.split())[:200]
