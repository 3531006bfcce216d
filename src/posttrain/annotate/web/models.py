"""The request and response bodies of the API."""

from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from posttrain.annotate.work.settings import Settings

MAX_INT32 = 2**31 - 1

Id = Annotated[int, Path(ge=1, le=MAX_INT32)]


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("holds a NUL character")
    return text


Text = Annotated[str, AfterValidator(_no_nul)]
Place = Annotated[int, Field(ge=0, le=25)]


class RequestBody(BaseModel):
    """The body of a request; unknown keys are refused, so that no misspelt key is ignored."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Credentials(RequestBody):
    """A name and its password."""

    name: Annotated[Text, Field(min_length=1, max_length=80)]
    password: Annotated[Text, Field(min_length=1, max_length=200)]


class JudgmentIn(RequestBody):
    """A judgment. It names candidates by their displayed place from left to right; the server knows the order."""

    ranks: list[Annotated[int, Field(ge=1, le=26)]] = Field(min_length=2, max_length=26)
    all_bad: bool = False
    criteria: dict[Annotated[Text, Field(max_length=40)], list[Place]] = Field(default={}, max_length=8)
    rewrite: Annotated[Text, Field(max_length=100_000)] | None = None
    duration_ms: Annotated[int, Field(ge=0, le=MAX_INT32)] | None = None


class Reason(RequestBody):
    """Why an item is skipped or flagged."""

    reason: Annotated[Text, Field(min_length=1, max_length=500)]


class ProjectIn(RequestBody):
    """A new project."""

    model_config = ConfigDict(extra="forbid", strict=False)

    name: Annotated[Text, Field(min_length=1, max_length=80)]
    settings: Settings = Settings()
    guideline: Annotated[Text, Field(min_length=1, max_length=50_000)] | None = None


class GuidelineIn(RequestBody):
    """The next version of a guideline."""

    text: Annotated[Text, Field(min_length=1, max_length=50_000)]


class InvitationIn(RequestBody):
    """A new invitation."""

    role: Literal["owner", "admin", "adjudicator", "annotator", "viewer"]


class PersonIn(RequestBody):
    """Changes of a person."""

    role: Literal["owner", "admin", "adjudicator", "annotator", "viewer"] | None = None
    active: bool | None = None


class TokenIn(RequestBody):
    """A new token."""

    name: Annotated[Text, Field(min_length=1, max_length=80)]


class FlagIn(RequestBody):
    """The decision about a flagged item."""

    open_again: bool


class Listed(BaseModel):
    """A list of objects, and its length."""

    items: list[dict[str, Any]]
    total: int


def as_listed(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The response body for `rows`, in the form of `Listed`."""
    return {"items": rows, "total": len(rows)}
