"""Every kind of reward a recipe can name."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import Field

from posttrain.rewards import citation, code, judge, math, python_file, schema, text
from posttrain.rewards.citation import CitationReward
from posttrain.rewards.code import CodeReward
from posttrain.rewards.judge import JudgeReward
from posttrain.rewards.math import MathReward
from posttrain.rewards.model import ModelReward
from posttrain.rewards.python_file import PythonReward
from posttrain.rewards.schema import JsonFieldsReward, JsonReward, JsonSchemaReward
from posttrain.rewards.text import LengthReward, MatchReward, RegexReward, RepetitionReward
from posttrain.rewards.types import Batch, RewardOptions

RewardSpec = Annotated[
    MathReward
    | MatchReward
    | RegexReward
    | LengthReward
    | RepetitionReward
    | JsonReward
    | JsonSchemaReward
    | JsonFieldsReward
    | CitationReward
    | CodeReward
    | JudgeReward
    | ModelReward
    | PythonReward,
    Field(discriminator="kind"),
]

OPTIONS: Mapping[str, type[RewardOptions]] = {
    get_args(options.model_fields["kind"].annotation)[0]: options for options in get_args(get_args(RewardSpec)[0])
}
"""Kind → what a recipe can say about it."""

KINDS: Mapping[str, Callable[[Any, Path], Batch]] = {
    "math": math.build,
    "match": text.build_match,
    "regex": text.build_regex,
    "length": text.build_length,
    "repetition": text.build_repetition,
    "json": schema.build_json,
    "json_schema": schema.build_schema,
    "json_fields": schema.build_fields,
    "citation": citation.build,
    "code": code.build,
    "judge": judge.build,
    "python": python_file.build,
}
"""Kind → from its options and the recipe's folder to a function of completions and rows."""

NEEDS_TOKENS = frozenset({"model"})
"""Kinds that are not in `KINDS`: they read tokens, not text, and the stage calls them with its groups."""
