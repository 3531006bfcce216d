"""Instructions about parts that an answer must have: placeholders, a postscript, the request, two responses."""

import re

from posttrain.rewards.instructions.instruction import Count, Text, VerifiableInstruction, divided


class NumberPlaceholders(VerifiableInstruction):
    """The answer has at least so many placeholders in square brackets, such as ``[address]``."""

    type_name = "detectable_content:number_placeholders"
    num_placeholders: Count

    def kept(self, answer: str) -> bool:
        """Whether there are enough placeholders."""
        return len(re.findall(r"\[[^\[\]\n]+\]", answer)) >= self.num_placeholders


class Postscript(VerifiableInstruction):
    """The answer has a postscript that starts with a marker, such as ``P.S.`` or ``P.P.S``."""

    type_name = "detectable_content:postscript"
    postscript_marker: Text

    def kept(self, answer: str) -> bool:
        """Whether the marker is there with text behind it. Its points may be missing, and case does not count."""
        marker = self.postscript_marker.strip()
        letters = re.findall(r"\w", marker)
        dotted = re.fullmatch(r"(?:\w\.?\s?)+", marker) is not None and len(letters) <= 3
        pattern = r"\.?\s?".join(map(re.escape, letters)) + r"\.?" if dotted else re.escape(marker)
        return re.search(rf"(?<!\w){pattern}(?!\w)\W*\w", answer, re.IGNORECASE) is not None


class RepeatPrompt(VerifiableInstruction):
    """The answer starts with the request itself, word for word."""

    type_name = "combination:repeat_prompt"
    prompt_to_repeat: Text

    def kept(self, answer: str) -> bool:
        """Whether it starts so; case does not count."""
        return answer.strip().casefold().startswith(self.prompt_to_repeat.strip().casefold())


class TwoResponses(VerifiableInstruction):
    """The answer has two different responses with the divider ``******`` between them."""

    type_name = "combination:two_responses"

    def kept(self, answer: str) -> bool:
        """Whether there are exactly two, and they differ; a divider at the start or end makes none."""
        parts = divided(answer, "******")
        return len(parts) == 2 and all(parts) and parts[0] != parts[1]


class EndChecker(VerifiableInstruction):
    """The answer ends with a phrase, and nothing follows it."""

    type_name = "startend:end_checker"
    end_phrase: Text

    def kept(self, answer: str) -> bool:
        """Whether it ends so; case, white space and a quotation mark around the answer do not count."""
        return _unquoted(answer).endswith(_unquoted(self.end_phrase))


class StartChecker(VerifiableInstruction):
    """The answer starts with a phrase. This type is not in IFEval."""

    type_name = "startend:start_checker"
    start_phrase: Text

    def kept(self, answer: str) -> bool:
        """Whether it starts so; case, white space and a quotation mark around the answer do not count."""
        return _unquoted(answer).startswith(_unquoted(self.start_phrase))


class Quotation(VerifiableInstruction):
    """The whole answer is within double quotation marks."""

    type_name = "startend:quotation"

    def kept(self, answer: str) -> bool:
        """Whether it starts and ends with one."""
        return re.fullmatch(r'\s*["“].*["”]\s*', answer, re.DOTALL) is not None


class NoComma(VerifiableInstruction):
    """The answer has no comma."""

    type_name = "punctuation:no_comma"

    def kept(self, answer: str) -> bool:
        """Whether there is none, in any script."""
        return re.search("[,，、،]", answer) is None


def _unquoted(text: str) -> str:
    return text.strip().strip('"“”').strip().casefold()


INSTRUCTIONS = (
    NumberPlaceholders,
    Postscript,
    RepeatPrompt,
    TwoResponses,
    StartChecker,
    EndChecker,
    Quotation,
    NoComma,
)
