"""Instructions about words and letters. Case does not count.

As in IFEval, a keyword may be a part of a longer word, and a forbidden word may not.
"""

import re
from typing import Annotated

from pydantic import Field

from posttrain.rewards.instructions.instruction import Count, Relation, Text, VerifiableInstruction, compare_count
from posttrain.rewards.match import contains_words

Texts = Annotated[tuple[Text, ...], Field(min_length=1)]


class KeywordsExist(VerifiableInstruction):
    """The answer holds each keyword."""

    type_name = "keywords:existence"
    keywords: Texts

    def kept(self, answer: str) -> bool:
        """Whether every keyword is there."""
        return all(keyword.casefold() in answer.casefold() for keyword in self.keywords)


class KeywordFrequency(VerifiableInstruction):
    """The answer holds a keyword so many times."""

    type_name = "keywords:frequency"
    keyword: Text
    frequency: Count
    relation: Relation

    def kept(self, answer: str) -> bool:
        """Whether the number of occurrences is right."""
        count = answer.casefold().count(self.keyword.strip().casefold())
        return compare_count(count, self.relation, self.frequency)


class ForbiddenWords(VerifiableInstruction):
    """The answer holds none of these words."""

    type_name = "keywords:forbidden_words"
    forbidden_words: Texts

    def kept(self, answer: str) -> bool:
        """Whether none of the words is there, as a whole word."""
        return not any(contains_words(word.casefold(), answer.casefold()) for word in self.forbidden_words)


class LetterFrequency(VerifiableInstruction):
    """The answer holds a letter so many times."""

    type_name = "keywords:letter_frequency"
    letter: Annotated[str, Field(min_length=1, max_length=1)]
    let_frequency: Count
    let_relation: Relation

    def kept(self, answer: str) -> bool:
        """Whether the number of the letter is right; capital letters count as well."""
        return compare_count(answer.lower().count(self.letter.lower()), self.let_relation, self.let_frequency)


class CapitalWordFrequency(VerifiableInstruction):
    """The answer has so many words in capital letters."""

    type_name = "change_case:capital_word_frequency"
    capital_frequency: Count
    capital_relation: Relation

    def kept(self, answer: str) -> bool:
        """Whether the number of such words is right; "I" and "A" are such words."""
        count = sum(word.isupper() for word in _WORD.findall(answer))
        return compare_count(count, self.capital_relation, self.capital_frequency)


_WORD = re.compile(r"\w+(?:[-'’.]\w+)*")

INSTRUCTIONS = (KeywordsExist, KeywordFrequency, ForbiddenWords, LetterFrequency, CapitalWordFrequency)
