"""The registry of suites: every kind that a recipe can name."""

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from posttrain.evaluate.options import SuiteOptions
from posttrain.evaluate.suites import (
    abstention,
    answers,
    classification,
    extraction,
    instructions,
    perplexity,
    preferences,
    refusal,
    summary,
    tone,
)
from posttrain.evaluate.suites.types import SuiteKind

MODULES = (
    answers,
    refusal,
    tone,
    abstention,
    classification,
    extraction,
    summary,
    instructions,
    perplexity,
    preferences,
)
"""The modules that register suites, in the order of the documentation."""

SUITE_KINDS: Mapping[str, SuiteKind] = {kind.name: kind for module in MODULES for kind in module.SUITES}
"""Name of the kind → its registration."""


def suite_kind(options: SuiteOptions) -> SuiteKind:
    """The registration of a suite's kind."""
    return SUITE_KINDS[options.kind]


def _with_kind(value: Any) -> Any:
    """A suite without `kind` is one of kind `answers`."""
    return {"kind": "answers", **value} if isinstance(value, dict) else value


if TYPE_CHECKING:
    Suite = SuiteOptions
else:
    Suite = Annotated[
        Annotated[reduce(or_, (kind.options for kind in SUITE_KINDS.values())), Field(discriminator="kind")],
        BeforeValidator(_with_kind),
    ]
"""The options of any kind of suite; `kind` decides which."""
