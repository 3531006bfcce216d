"""Instructions about the form of an answer: lists, titles, sections, JSON, and a choice of fixed answers."""

import re

from posttrain.rewards.instructions.instruction import Count, Text, VerifiableInstruction
from posttrain.rewards.json_text import find_json

CHOICES = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
"""The answers that `ConstrainedResponse` allows."""


class NumberBulletLists(VerifiableInstruction):
    """The answer has exactly so many bullet points, lines that start with ``* `` or ``- ``."""

    type_name = "detectable_format:number_bullet_lists"
    num_bullets: Count

    def kept(self, answer: str) -> bool:
        """Whether the number of bullet points is right; bold text and dividers at the start of a line are none."""
        return len(re.findall(r"^[ \t]*(?:\*(?!\*)|-(?!-)|•)[ \t]*\S", answer, re.MULTILINE)) == self.num_bullets


class ConstrainedResponse(VerifiableInstruction):
    """The answer has one of the texts of `CHOICES`."""

    type_name = "detectable_format:constrained_response"

    def kept(self, answer: str) -> bool:
        """Whether one of them is there."""
        return any(choice in answer for choice in CHOICES)


class NumberHighlightedSections(VerifiableInstruction):
    """The answer has at least so many sections highlighted by asterisks, ``*so*`` or ``**so**``."""

    type_name = "detectable_format:number_highlighted_sections"
    num_highlights: Count

    def kept(self, answer: str) -> bool:
        """Whether there are enough highlighted sections with text in them."""
        found = re.findall(r"(\*\*?)(?![\s*])[^\n*]+(?<!\s)\1", answer)
        return len(found) >= self.num_highlights


class MultipleSections(VerifiableInstruction):
    """The answer has at least so many sections, each opened by a word and its number, such as ``SECTION 1``."""

    type_name = "detectable_format:multiple_sections"
    section_spliter: Text
    num_sections: Count

    def kept(self, answer: str) -> bool:
        """Whether there are enough of the openings."""
        pattern = rf"(?<!\w){re.escape(self.section_spliter.strip())}[ \t]*\d+"
        return len(re.findall(pattern, answer)) >= self.num_sections


class JsonFormat(VerifiableInstruction):
    """The whole answer is JSON; a fenced block around it is allowed."""

    type_name = "detectable_format:json_format"

    def kept(self, answer: str) -> bool:
        """Whether it is JSON as the standard has it."""
        fenced = re.fullmatch(r"\s*```(?:json)?[ \t]*\n(.*?)\n?```\s*", answer, re.DOTALL | re.IGNORECASE)
        return find_json(fenced[1] if fenced else answer) is not None


class HasTitle(VerifiableInstruction):
    """The answer has a title in double angle brackets, such as ``<<poem of joy>>``."""

    type_name = "detectable_format:title"

    def kept(self, answer: str) -> bool:
        """Whether there is one with text in it."""
        return re.search(r"<<[^<>\n]*[^<>\s][^<>\n]*>>", answer) is not None


INSTRUCTIONS = (
    NumberBulletLists,
    ConstrainedResponse,
    NumberHighlightedSections,
    MultipleSections,
    JsonFormat,
    HasTitle,
)
