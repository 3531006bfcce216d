"""What every verifiable instruction has."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from posttrain.options import Options

Relation = Literal["less than", "at least"]
"""How a count is compared with a number."""

Count = Annotated[int, Field(ge=0)]
Text = Annotated[str, Field(min_length=1)]


class VerifiableInstruction(Options):
    """A rule about an answer. Its fields are the names that IFEval's `kwargs` have."""

    type_name: ClassVar[str]
    """The instruction's type in IFEval, such as ``punctuation:no_comma``."""

    def kept(self, answer: str) -> bool:
        """Whether the answer keeps the rule."""
        raise NotImplementedError


def compare_count(count: int, relation: Relation, number: int) -> bool:
    """Whether a count is less than, or at least, a number."""
    return count < number if relation == "less than" else count >= number


def divided(answer: str, divider: str) -> list[str]:
    """The parts of an answer between dividers, without white space; a divider at the start or end makes no part."""
    parts = [part.strip() for part in answer.split(divider)]
    return parts[not parts[0] : len(parts) - (len(parts) > 1 and not parts[-1])]
