"""Rewards of JSON: that it is JSON, that it fits a JSON Schema, and how many of its fields are the expected ones."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from posttrain.data.files.strict_json import decode_json
from posttrain.errors import InputError
from posttrain.rewards.json_schema import validator
from posttrain.rewards.json_text import read
from posttrain.rewards.types import Batch, RewardOptions, Row, Score, column, each

Leaf = tuple[Literal["string", "number", "boolean", "null", "object", "list"], Any]


class JsonOptions(RewardOptions):
    """Where the JSON is."""

    extract: bool = Field(
        default=False, description="take the JSON out of the text round it; if not, all of the completion must be JSON"
    )


class JsonReward(JsonOptions):
    """1 where the completion is JSON as the standard has it (no NaN, no key twice), else 0."""

    kind: Literal["json"]


class JsonSchemaReward(JsonOptions):
    """1 where the completion is JSON that fits a JSON Schema, else 0."""

    kind: Literal["json_schema"]
    file: str | None = Field(default=None, description="the schema's file, relative to the recipe's folder")
    inline: Mapping[str, Any] | None = Field(default=None, description="the schema itself")
    column: str | None = Field(default=None, description="column that holds each row's schema, an object or JSON text")

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
        """Read the schema's file, if there is one.

        Raises:
            InputError: it cannot be read, or holds no JSON Schema.
        """
        if self.file is not None:
            _from_file(base / self.file)


class JsonFieldsReward(JsonOptions):
    """The share of fields, at any depth, that are as the row expects; fields too many cost like wrong ones."""

    kind: Literal["json_fields"]
    target: str = Field(default="target", description="column of the expected value, an object or JSON text")
    whole: bool = Field(default=False, description="1 where every field is right and none is too many, else 0")


def build_json(options: JsonReward, base: Path) -> Batch:
    """1 or 0 a completion."""
    return each(lambda completion, row: float(read(completion, extract=options.extract) is not None))


def build_schema(options: JsonSchemaReward, base: Path) -> Batch:
    """1 or 0 a completion; None where the row's schema is null.

    Raises:
        InputError: the schema's file is not there, or it is no JSON Schema.
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
        found = read(completion, extract=options.extract)
        return float(found is not None and fits(found[0]))

    return each(score_one)


def _from_file(path: Path) -> Callable[[Any], bool]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"file: {path} cannot be read ({error})") from error
    return validator(decode_json(text, str(path)), str(path))


def build_fields(options: JsonFieldsReward, base: Path) -> Batch:
    """A share, or 1 or 0, a completion; None where the row's target is null."""

    def score_one(completion: str, row: Row) -> Score:
        target = column(row, options.target)
        if target is None:
            return None
        if isinstance(target, str):
            target = decode_json(target, f"`{options.target}`")
        found = read(completion, extract=options.extract)
        score = 0.0 if found is None else fields_score(target, found[0])
        return float(score == 1.0) if options.whole else score

    return each(score_one)


def fields_score(expected: Any, given: Any) -> float:
    """Equal fields, as a share of all that either side has: ``|equal| / |expected ∪ given|``, in [0, 1].

    A field is a path to a string, number, boolean, null or empty container; items of a list go by their index.
    """
    wanted, has = leaves(expected), leaves(given)
    equal = sum(1 for path, leaf in wanted.items() if has.get(path) == leaf)
    return equal / len(wanted.keys() | has.keys())


def leaves(value: Any) -> dict[tuple[str | int, ...], Leaf]:
    """Path → what stands there. The kind stands beside the value, since Python calls 1 and true equal."""
    found: dict[tuple[str | int, ...], Leaf] = {}
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while waiting:
        path, here = waiting.pop()
        match here:
            case dict() if here:
                waiting += [((*path, str(key)), inner) for key, inner in here.items()]
            case list() | tuple() if here:
                waiting += [((*path, index), inner) for index, inner in enumerate(here)]
            case _:
                found[path] = _leaf(here)
    return found


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
