"""The rewards `json`, `json_schema` and `json_fields`: valid JSON, a JSON Schema, and the share of right fields."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from posttrain.data.files.strict_json import decode_json
from posttrain.errors import InputError
from posttrain.rewards.json_schema import validator
from posttrain.rewards.json_text import find_json
from posttrain.rewards.types import RewardFn, RewardKind, RewardOptions, Row, Score, column, per_completion

Leaf = tuple[Literal["string", "number", "boolean", "null", "object", "list"], Any]


class JsonOptions(RewardOptions):
    """The place of the JSON in the completion."""

    extract: bool = Field(
        default=False,
        description="take the JSON out of the text around it; if false, all of it must be JSON",
    )


class JsonReward(JsonOptions):
    """1 where the completion is standard JSON (no NaN, no key twice), else 0."""

    kind: Literal["json"]


class JsonSchemaReward(JsonOptions):
    """1 where the completion is JSON that fits a JSON Schema, else 0."""

    kind: Literal["json_schema"]
    file: str | None = Field(default=None, description="the schema's file, relative to the recipe's folder")
    inline: Mapping[str, Any] | None = Field(default=None, description="the schema itself")
    column: str | None = Field(default=None, description="column with each row's schema, an object or JSON text")

    @model_validator(mode="after")
    def _one_schema(self) -> "JsonSchemaReward":
        if sum(given is not None for given in (self.file, self.inline, self.column)) != 1:
            raise ValueError("needs one of `file`, `inline` and `column`")
        return self

    @field_validator("inline")
    @classmethod
    def _applies(cls, schema: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        if schema is not None:
            try:
                validator(schema, "inline")
            except InputError as error:
                raise ValueError(str(error)) from error
        return schema

    def check(self, base: Path) -> None:
        """Read the schema's file, where the recipe names one.

        Raises:
            InputError: the file cannot be read, or is no JSON Schema.
        """
        if self.file is not None:
            _from_file(base / self.file)


class JsonFieldsReward(JsonOptions):
    """The share of fields, at any depth, that equal the row's; an extra field counts like a wrong one."""

    kind: Literal["json_fields"]
    target: str = Field(default="target", description="column of the expected value, an object or JSON text")
    whole: bool = Field(default=False, description="1 where every field is right and there is no extra field, else 0")


def make_json_reward(options: JsonReward, base: Path) -> RewardFn:
    """Score by whether there is a JSON value."""
    return per_completion(lambda completion, row: float(find_json(completion, extract=options.extract) is not None))


def make_json_schema_reward(options: JsonSchemaReward, base: Path) -> RewardFn:
    """Score by the schema; None where the row's schema is null.

    Raises:
        InputError: the schema's file cannot be read, or it is no JSON Schema.
    """
    fixed: Callable[[Any], bool] | None = None
    if options.file is not None:
        fixed = _from_file(base / options.file)
    elif options.inline is not None:
        fixed = validator(options.inline, "inline")

    def score_one(completion: str, row: Row) -> Score:
        fits = fixed
        if options.column is not None:
            schema = column(row, options.column)
            if schema is None:
                return None
            where = f"`{options.column}`"
            fits = validator(decode_json(schema, where) if isinstance(schema, str) else schema, where)
        assert fits is not None
        value = find_json(completion, extract=options.extract)
        return float(value is not None and fits(value[0]))

    return per_completion(score_one)


def _from_file(path: Path) -> Callable[[Any], bool]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"file: {path} cannot be read ({error})") from error
    return validator(decode_json(text, str(path)), str(path))


def make_json_fields_reward(options: JsonFieldsReward, base: Path) -> RewardFn:
    """Score by the fields of the row's target; None where it is null."""

    def score_one(completion: str, row: Row) -> Score:
        target = column(row, options.target)
        if target is None:
            return None
        if isinstance(target, str):
            target = decode_json(target, f"`{options.target}`")
        value = find_json(completion, extract=options.extract)
        score = 0.0 if value is None else fields_score(target, value[0])
        return float(score == 1.0) if options.whole else score

    return per_completion(score_one)


def fields_score(expected: Any, given: Any) -> float:
    """Equal fields as a share of all fields of both sides: ``|equal| / |expected ∪ given|``, in [0, 1].

    A field is a path to a string, number, boolean, null or empty container. The path of a list's item has its index.
    """
    wanted, has = json_leaves(expected), json_leaves(given)
    equal = sum(1 for path, leaf in wanted.items() if has.get(path) == leaf)
    return equal / len(wanted.keys() | has.keys())


def json_leaves(value: Any) -> dict[tuple[str | int, ...], Leaf]:
    """Path → (kind, value) of each field. Without the kind, 1 and true would be equal in Python."""
    leaves: dict[tuple[str | int, ...], Leaf] = {}
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while waiting:
        path, here = waiting.pop()
        match here:
            case dict() if here:
                waiting += [((*path, str(key)), inner) for key, inner in here.items()]
            case list() | tuple() if here:
                waiting += [((*path, index), inner) for index, inner in enumerate(here)]
            case _:
                leaves[path] = _leaf(here)
    return leaves


def _leaf(value: Any) -> Leaf:
    match value:
        case None:
            return ("null", None)
        case bool():
            return ("boolean", value)
        case int() | float():
            return ("number", value)
        case str():
            return ("string", value)
        case dict():
            return ("object", None)
        case list() | tuple():
            return ("list", None)
        case _:
            raise InputError(f"{value!r} is no JSON value")


REWARDS = (
    RewardKind(JsonReward, make_json_reward, answer_form="json", answer_alone=True),
    RewardKind(JsonSchemaReward, make_json_schema_reward, answer_form="json", answer_alone=True),
    RewardKind(JsonFieldsReward, make_json_fields_reward, compares=True, answer_form="json", answer_alone=True),
)
