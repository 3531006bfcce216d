"""The base class of all options of a recipe: unknown keys are errors, and values never change."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

LARGEST_FLOAT = 3.4e38
"""The largest float32 number; training computes in float32."""
LARGEST_INTEGER = 2**63 - 1

NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9_-])?")
RESERVED = frozenset({"base"})
"""Names with another meaning: `base` is the recipe's model before training."""


class Options(BaseModel):
    """A part of a recipe. Each field has bounds, a default and a description."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)

    def changed(self) -> frozenset[str]:
        """The names of the options that differ from their defaults. A saved recipe states all options, so a check of
        options that do not go together looks at these, not at those that were stated."""
        return frozenset(k for k, field in type(self).model_fields.items() if getattr(self, k) != field.default)

    @model_validator(mode="before")
    @classmethod
    def _no_boolean_as_a_number(cls, values: Any) -> Any:
        """Refuse True where a number belongs: pydantic would read it as 1."""
        if not isinstance(values, Mapping):
            return values
        fields = cls.model_fields
        return {k: _marked(v) if k in fields and _is_numeric(fields[k].annotation) else v for k, v in values.items()}

    @field_validator("*", mode="after")
    @classmethod
    def _within_float32(cls, value: Any) -> Any:
        largest = LARGEST_FLOAT if isinstance(value, float) else LARGEST_INTEGER
        if isinstance(value, int | float) and abs(value) > largest:
            raise PydanticCustomError("too_large", "Input should be at most {largest}", {"largest": f"{largest:.2g}"})
        return value


@dataclass(frozen=True, slots=True)
class Boolean:
    """A boolean where a number belongs. No type accepts it, so the error names its place."""

    value: bool

    def __repr__(self) -> str:
        return repr(self.value)


def _marked(value: Any) -> Any:
    if isinstance(value, bool):
        return Boolean(value)
    return [_marked(item) for item in value] if isinstance(value, list | tuple) else value


def _is_numeric(annotation: Any) -> bool:
    """Whether a field takes numbers and no booleans."""
    types = _types(annotation)
    return bool(types & {int, float}) and bool not in types


def _types(annotation: Any) -> set[type]:
    """Every class in an annotation, at any depth."""
    inner = get_args(annotation)
    own = {annotation} if isinstance(annotation, type) and not inner else set[type]()
    return own.union(*(_types(part) for part in inner))


def _checked_name(name: str) -> str:
    if not NAME.fullmatch(name) or re.search(r"\.(previous|partial)", name):
        raise ValueError(
            "a name is at most 64 letters (a to z), digits, `_`, `-` and, inside, `.`; it begins with a letter, a "
            "digit or `_`, and holds no `.previous` or `.partial`"
        )
    if name in RESERVED:
        raise ValueError("this name is taken (it means the model before training); choose another")
    return name


Name = Annotated[str, AfterValidator(_checked_name)]
"""The name of a stage, a suite or a reward. It becomes part of file names."""

TemplateArgument = bool | int | Annotated[float, Field(allow_inf_nan=False)] | str

TemplateArguments = Mapping[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], TemplateArgument]
"""Variables of a chat template, such as ``enable_thinking``, with their values."""
