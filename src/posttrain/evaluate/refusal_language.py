"""Whether the list of refusals knows the language of a suite's questions."""

from collections.abc import Sequence

from posttrain.data.language import LANGUAGES, language_of
from posttrain.errors import InputError
from posttrain.evaluate.questions import Question
from posttrain.rewards.refusal.detect import KNOWN
from posttrain.rewards.refusal.reward import own_refusal_words

PORTION = 600
"""Characters of questions whose language is judged together; single ones are too short."""

WORDS = 30
"""Different words that a text in a known language cannot have without some of its small words among them."""


def check_language(questions: Sequence[Question]) -> None:
    """Whether the list of refusals knows the language of these questions, read in portions of `PORTION` characters.

    Raises:
        InputError: many of them are in another one, which would be measured as no refusals at all.
    """
    unknown: list[tuple[Question, str]] = []
    portions = 0
    waiting: list[Question] = []
    questions = [question for question in questions if not own_refusal_words(question.row)]
    for question in questions:
        waiting.append(question)
        text = " ".join(one.text for one in waiting)
        if len(text) >= PORTION or question is questions[-1]:
            portions += 1
            language = LANGUAGES[language_of(text)]
            if language not in KNOWN and (language != "unknown" or _is_prose(text)):
                unknown.append((waiting[0], language))
            waiting = []
    if len(unknown) > portions / 4:
        question, language = unknown[0]
        name = "a language it does not know" if language == "unknown" else language
        raise InputError(
            f"{question.where}: this question and others seem to be in {name}, and `refusal` knows refusals in "
            f"{', '.join(KNOWN)} only. Give the words by which a refusal is known, in each row: "
            '"metadata": {"refusal": ["..."]}'
        )


def _is_prose(text: str) -> bool:
    """Enough different words, most of them of letters alone: no code, no table."""
    words = text.split()
    return len(set(words)) >= WORDS and sum(word.strip(".,;:!?\"'()").isalpha() for word in words) > 0.8 * len(words)
