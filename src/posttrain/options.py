"""The base of all that a recipe can say: unknown keys are errors, values do not change once read."""

from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    """A part of a recipe. Each field has a bound, a default and a sentence of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
