"""Requests to a server with OpenAI's API; judges, candidates and teachers use them."""

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from posttrain.errors import InputError, RunError
from posttrain.options import Options, TemplateArguments

if TYPE_CHECKING:
    from httpx2 import Client, Response

REPLY_BYTES = 1 << 20
"""Longest reply in bytes, for each requested completion."""
LONGEST_PAUSE = 60.0
"""Longest pause between two tries, in seconds, also where the server asks for a longer one."""
TEMPORARY = {408, 409, 425, 429, 500, 502, 503, 504, 529}
"""Status codes that another try may change."""
TEMPLATE_ARGUMENTS = "chat_template_kwargs"
"""The key of a request's body with the variables of the chat template."""
UNFINISHED = {"length", "content_filter"}
"""Finish reasons of completions without text: the server cut it while the model was thinking, or withheld it."""


class EndpointOptions(Options):
    """A server, a model there, and the limits of requests."""

    url: str = Field(pattern="^https?://", description="endpoint, up to and including /v1")
    model: str = Field(min_length=1, description="the model's name on the server")
    key_from: str | None = Field(
        default=None, description="environment variable with the key; if unset, no key is sent"
    )
    concurrency: int = Field(default=8, ge=1, le=256, description="requests at the same time")
    timeout: float = Field(default=60.0, gt=0, allow_inf_nan=False, description="seconds for one whole reply")
    retries: int = Field(default=4, ge=0, le=20, description="retries after a timeout, a lost connection, 429 or 5xx")
    backoff: float = Field(default=1.0, ge=0, le=60, description="seconds before the first retry; doubled each time")
    template_arguments: TemplateArguments = Field(
        default={},
        description="variables of the chat template, sent as `chat_template_kwargs`, which vLLM and SGLang read",
    )

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        parts = urlsplit(url)  # raises ValueError, as `port` does
        if not parts.hostname or parts.port == 0:
            raise ValueError("names no server")
        if parts.path.rstrip("/").endswith("/chat/completions"):
            raise ValueError("must not include /chat/completions, which is added to it")
        return url


@dataclass(frozen=True, slots=True)
class Choice:
    """A completion.

    Args:
        text: empty if the server withheld it, or cut it before the text began.
        finish: the reason why it ends: "stop", "length"...; None if the server gives none.
    """

    text: str
    finish: str | None


class Refused(InputError):
    """The server refuses the request, and another try would not change that.

    Args:
        status: the status code of the reply.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status

    def __reduce__(self) -> tuple[Any, ...]:
        return Refused, (str(self), self.status)


class NoReply(RunError):
    """The server gave no reply after all tries.

    Args:
        problem: what happened at the last try.
        tries: the number of tries.
        status: the status code of the last try; None if there was no whole reply.
        late: whether the last try ended at the timeout.
    """

    def __init__(self, problem: str, tries: int, status: int | None, *, late: bool) -> None:
        super().__init__(f"{problem} ({tries} tries). {_REMEDY}")
        self.problem = problem
        self.tries = tries
        self.status = status
        self.late = late

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(NoReply, late=self.late), (self.problem, self.tries, self.status)


def read_key(options: EndpointOptions) -> str | None:
    """The key from the environment; None if the options name no variable.

    Raises:
        InputError: the variable is not set, or its value cannot be a key.
    """
    if options.key_from is None:
        return None
    key = os.environ.get(options.key_from, "").strip()  # a line end would make an illegal header
    if not key:
        raise InputError(f"key_from: the environment variable {options.key_from} is not set; export the key under it")
    if not (key.isascii() and key.isprintable()):
        raise InputError(f"key_from: {options.key_from} holds characters that no key has; copy the key once more")
    return key


def connect(options: EndpointOptions) -> "Client":
    """A client for `post`, which any number of threads may share. The caller closes it.

    Raises:
        InputError: see `read_key`.
    """
    from httpx2 import Client, Limits

    key = read_key(options)
    return Client(
        headers={"Authorization": f"Bearer {key}"} if key else {},
        timeout=options.timeout,
        limits=Limits(max_connections=options.concurrency),
    )


def post(
    client: "Client", options: EndpointOptions, body: Mapping[str, Any], sleep: Callable[[float], None] = time.sleep
) -> list[Choice]:
    """Send a request, and retry where that may help.

    Args:
        body: messages and settings. The model's name and the server's template arguments are added; arguments in
            the body override the latter.
        sleep: called with the seconds between two tries; an exception of it ends the tries.

    Returns:
        at least one completion. The server decides the number, whatever ``n`` the body requests.

    Raises:
        Refused: a refusal that another try would not change.
        InputError: the reply is no chat completion, or too long.
        NoReply: no reply after all tries.
    """
    arguments = {**options.template_arguments, **body.get(TEMPLATE_ARGUMENTS, {})}
    whole = {**body, **({TEMPLATE_ARGUMENTS: arguments} if arguments else {})}
    most = REPLY_BYTES * body.get("n", 1)
    return _choices(post_for_text(client, options, "chat/completions", whole, most=most, sleep=sleep), options.url)


def post_for_text(
    client: "Client",
    options: EndpointOptions,
    path: str,
    body: Mapping[str, Any],
    *,
    most: int,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Send a request, and retry where that may help; see `post`.

    Args:
        path: the address below the endpoint's `url`.
        most: the longest reply in bytes.

    Returns:
        the text of the reply.

    Raises:
        Refused: a refusal that another try would not change.
        InputError: the reply is too long.
        NoReply: no reply after all tries.
    """
    address = f"{options.url.rstrip('/')}/{path}"
    return request_text(client, options, "POST", address, {"model": options.model, **body}, most=most, sleep=sleep)


def request_text(
    client: "Client",
    options: EndpointOptions,
    method: Literal["GET", "POST"],
    address: str,
    body: Mapping[str, Any],
    *,
    most: int = REPLY_BYTES,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Send any request to the server, and retry where that may help; see `post_for_text`."""
    from httpx2 import HTTPError, TimeoutException

    sent = json.dumps(body).encode() if body else None  # ASCII, so that every text can be encoded
    headers = {"Content-Type": "application/json"} if body else {}
    problem, last, late = "", None, False
    for tries in range(options.retries + 1):
        pause = min(LONGEST_PAUSE, options.backoff * 2.0**tries)
        until = time.monotonic() + options.timeout
        try:
            with client.stream(method, address, content=sent, headers=headers) as r:
                text = _read(r, until, options, most)
                if r.status_code == 200:
                    return text
                last, late = r.status_code, False
                problem = f"{options.url} answers {r.status_code}: {_start(text)}"
                if r.status_code not in TEMPORARY:
                    raise Refused(problem + _next_step(r, options), r.status_code)
                pause = max(pause, _retry_after(r))
        except (HTTPError, TimeoutError) as error:
            last, late = None, isinstance(error, TimeoutError | TimeoutException)
            problem = f"{options.url}: {type(error).__name__}: {str(error) or 'no reply'}"
        if tries < options.retries:
            sleep(pause)
    raise NoReply(problem, options.retries + 1, last, late=late)


def _read(response: "Response", until: float, options: EndpointOptions, most: int) -> str:
    """The whole body. The limits on time and size also stop a server that sends a few bytes at a time.

    Raises:
        TimeoutError: the time `until` is over.
        InputError: the body has more than `most` bytes.
    """
    body = bytearray()
    for block in response.iter_bytes():
        body += block
        if time.monotonic() > until:
            raise TimeoutError(f"no whole reply within {options.timeout:g} s")
        if len(body) > most:
            raise InputError(f"{options.url}: the reply is longer than {most} bytes; does `url` name the right server?")
    return body.decode("utf-8", errors="replace")


def _choices(text: str, url: str) -> list[Choice]:
    try:
        choices = [_choice(choice) for choice in json.loads(text)["choices"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        choices = []
    if not choices:
        raise InputError(f"{url} does not reply as chat completions do: {_start(text)!r}")
    return choices


def _choice(value: Any) -> Choice:
    finish, content = value.get("finish_reason"), value["message"].get("content")
    if content is None and finish in UNFINISHED:
        content = ""
    if not isinstance(content, str):
        raise TypeError("content is no text")
    # JSON can contain half of a surrogate pair, which no file could hold later.
    return Choice(content.encode("utf-8", "replace").decode(), finish if isinstance(finish, str) else None)


def _next_step(response: "Response", options: EndpointOptions) -> str:
    """The next step for the user after a reply of this status."""
    if response.status_code in (401, 403):
        if options.key_from is None:
            return ". Name the environment variable that holds your key: key_from"
        return f". Is the key in {options.key_from} right, and may it use {options.model}?"
    if response.status_code in (404, 405):
        return f". Does `url` end as the server expects (mostly in /v1), and does it have the model {options.model}?"
    if response.is_redirect:
        return f". The address has moved: should `url` be {response.headers.get('Location', 'another')}?"
    return ""


_REMEDY = (
    "Is the server up, and `url` its address? If it is slow, raise `timeout` or lower `concurrency`; "
    "if it asks clients to wait, raise `retries` or `backoff`"
)


def _retry_after(response: "Response") -> float:
    """Seconds that the server asks the client to wait."""
    try:
        return min(LONGEST_PAUSE, max(0.0, float(response.headers.get("Retry-After", "0"))))
    except ValueError:  # the header holds a date
        return 0.0


def _start(text: str) -> str:
    return " ".join(text.split())[:200]
