"""The bodies of requests. A field that the server does not know is refused, and so is a value that it cannot honour."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from posttrain.serve.problems import RequestProblem

NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "best_of": (1,),
    "echo": (False,),
    "frequency_penalty": (0,),
    "function_call": ("none",),
    "functions": ([],),
    "logit_bias": ({},),
    "modalities": (["text"],),
    "parallel_tool_calls": (True, False),
    "presence_penalty": (0,),
    "service_tier": ("auto", "default"),
    "store": (False,),
    "suffix": ("",),
    "tool_choice": ("none", "auto"),
    "tools": ([],),
}
"""Fields that the server has no use for, with the values that ask for nothing. Clients send some of them always."""

MOST = 128
"""The largest `n`; the number of completions at once may be lower."""

Text = Annotated[str, Field(min_length=1)]


class Body(BaseModel):
    """A part of a request's body."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class StreamOptions(Body):
    """What a stream tells beside the text."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None  # of an encrypted connection; it changes no text


class SampledBody(Body):
    """The fields that chats and plain completions share; ``null`` equals a missing field."""

    model: str
    n: int = Field(default=1, ge=1, le=MOST)
    max_tokens: int | None = Field(default=None, ge=1)
    temperature: float = Field(default=1.0, ge=0, le=100)
    top_p: float = Field(default=1.0, gt=0, le=1)
    top_k: int = Field(default=0, ge=-1)
    min_p: float = Field(default=0.0, ge=0, lt=1)
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**64)
    stop: Text | Annotated[list[Text], Field(max_length=16)] = []
    stream: bool = False
    stream_options: StreamOptions | None = None
    user: str | None = None  # this and `metadata` name the sender; they change no answer
    metadata: dict[str, str] | None = None

    @property
    def stops(self) -> tuple[str, ...]:
        """The strings that end an answer."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)


class JsonSchema(Body):
    """A JSON schema with its name."""

    name: str = "answer"
    description: str | None = None
    schema_: dict[str, Any] | bool = Field(alias="schema")
    strict: bool | None = None


class ResponseFormat(Body):
    """The form of an answer."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None

    @property
    def schema_of_answer(self) -> dict[str, Any] | bool | None:
        """The schema of the answer; None of a text."""
        if self.type == "text":
            return None
        if self.type == "json_object":
            return {"type": "object"}
        if self.json_schema is None:
            raise RequestProblem("json_schema: is missing, with name and schema", "response_format.json_schema")
        return self.json_schema.schema_


class ChatBody(SampledBody):
    """The body of ``/v1/chat/completions``."""

    messages: list[dict[str, Any]] = Field(min_length=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    logprobs: bool = False
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    response_format: ResponseFormat | None = None
    chat_template_kwargs: dict[str, Any] = {}


class CompletionBody(SampledBody):
    """The body of ``/v1/completions``."""

    prompt: str | list[str] | list[int] | list[list[int]]
    logprobs: int | None = Field(default=None, ge=0, le=20)


B = TypeVar("B", bound=SampledBody)


def body_of(content: bytes, kind: type[B]) -> B:
    """The body of a request.

    Raises:
        RequestProblem: it is no JSON object, or a field is wrong or not known; all such fields are named.
    """
    try:
        given = json.loads(content)
        json.dumps(given, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise RequestProblem("the body has half of a surrogate pair, which is not a character") from error
    except (ValueError, RecursionError) as error:
        raise RequestProblem(f"the body is not JSON: {error}") from error
    if not isinstance(given, dict):
        raise RequestProblem("the body must be a JSON object")
    wanted = {key: value for key, value in given.items() if value is not None and not _neutral(key, value)}
    try:
        return kind.model_validate(wanted)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        sentences = dict.fromkeys(_sentence(tuple(map(str, p["loc"])), p["type"], p["msg"]) for p in problems)
        raise RequestProblem("; ".join(list(sentences)[:5]), str(problems[0]["loc"][0])) from error


def _neutral(key: str, value: Any) -> bool:
    return any(type(value) in (type(one), float) and value == one for one in NEUTRAL.get(key, ()))


def _sentence(place: tuple[str, ...], kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        more = " with this value" if place[-1] in NEUTRAL else ""
        return f"{'.'.join(place)}: this server does not support the field{more}; leave it out"
    return f"{'.'.join(place)}: {message}"
