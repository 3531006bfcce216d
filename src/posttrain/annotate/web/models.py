"""What the API takes, and what it answers."""

from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from posttrain.annotate.work.settings import Settings

MOST = 2**31 - 1

Id = Annotated[int, Path(ge=1, le=MOST)]


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("holds a NUL character")
    return text


Text = Annotated[str, AfterValidator(_no_nul)]
Place = Annotated[int, Field(ge=0, le=25)]


class In(BaseModel):
    """What is sent; unknown keys are refused, so that none is thought to have worked."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Credentials(In):
    """A name and its password."""

    name: Annotated[Text, Field(min_length=1, max_length=80)]
    password: Annotated[Text, Field(min_length=1, max_length=200)]


class JudgmentIn(In):
    """A ranking. Candidates are named by their place from left to right: the order is the server's own."""

    ranks: list[Annotated[int, Field(ge=1, le=26)]] = Field(min_length=2, max_length=26)
    all_bad: bool = False
    criteria: dict[Annotated[Text, Field(max_length=40)], list[Place]] = Field(default={}, max_length=8)
    rewrite: Annotated[Text, Field(max_length=100_000)] | None = None
    duration_ms: Annotated[int, Field(ge=0, le=MOST)] | None = None


class Reason(In):
    """Why an item is skipped or flagged."""

    reason: Annotated[Text, Field(min_length=1, max_length=500)]


class ProjectIn(In):
    """A new project."""

    model_config = ConfigDict(extra="forbid", strict=False)

    name: Annotated[Text, Field(min_length=1, max_length=80)]
    settings: Settings = Settings()
    guideline: Annotated[Text, Field(min_length=1, max_length=50_000)] | None = None


class GuidelineIn(In):
    """The next version of a guideline."""

    text: Annotated[Text, Field(min_length=1, max_length=50_000)]


class InvitationIn(In):
    """Whom to invite."""

    role: Literal["owner", "admin", "adjudicator", "annotator", "viewer"]


class PersonIn(In):
    """What to change of a person."""

    role: Literal["owner", "admin", "adjudicator", "annotator", "viewer"] | None = None
    active: bool | None = None


class TokenIn(In):
    """A new token."""

    name: Annotated[Text, Field(min_length=1, max_length=80)]


class FlagIn(In):
    """What becomes of a flagged item."""

    open_again: bool


class Listed(BaseModel):
    """Some things, and how many there are."""

    items: list[dict[str, Any]]
    total: int


def listed(found: list[dict[str, Any]]) -> dict[str, Any]:
    """As `Listed`."""
    return {"items": found, "total": len(found)}
