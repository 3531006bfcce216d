"""Instructions about the number of words, sentences and paragraphs."""

import re
from typing import Annotated

from pydantic import Field, model_validator

from posttrain.rewards.instructions.instruction import (
    Count,
    Relation,
    Text,
    VerifiableInstruction,
    compare_count,
    divided,
)
from posttrain.rewards.instructions.sentences import count_sentences

Position = Annotated[int, Field(ge=1)]


class NumberWords(VerifiableInstruction):
    """The answer has so many words."""

    type_name = "length_constraints:number_words"
    num_words: Count
    relation: Relation

    def kept(self, answer: str) -> bool:
        """Whether the number of words is right. A word is a run of letters and digits: "don't" are two."""
        return compare_count(len(re.findall(r"\w+", answer)), self.relation, self.num_words)


class NumberSentences(VerifiableInstruction):
    """The answer has so many sentences."""

    type_name = "length_constraints:number_sentences"
    num_sentences: Count
    relation: Relation

    def kept(self, answer: str) -> bool:
        """Whether the number of sentences is right."""
        return compare_count(count_sentences(answer), self.relation, self.num_sentences)


class NumberParagraphs(VerifiableInstruction):
    """The answer has exactly so many paragraphs, with the divider ``***`` between them."""

    type_name = "length_constraints:number_paragraphs"
    num_paragraphs: Position

    def kept(self, answer: str) -> bool:
        """Whether the number is right, and no paragraph is empty."""
        parts = divided(answer, "***")
        return all(parts) and len(parts) == self.num_paragraphs


class NthParagraphFirstWord(VerifiableInstruction):
    """The answer has so many paragraphs with an empty line between them, and one of them starts with a word."""

    type_name = "length_constraints:nth_paragraph_first_word"
    num_paragraphs: Position
    nth_paragraph: Position
    first_word: Text

    @model_validator(mode="after")
    def _is_a_paragraph(self) -> "NthParagraphFirstWord":
        if self.nth_paragraph > self.num_paragraphs:
            raise ValueError(f"`nth_paragraph` should be at most `num_paragraphs`, {self.num_paragraphs}")
        return self

    def kept(self, answer: str) -> bool:
        """Whether the number of paragraphs and the first word are right; case and punctuation do not count."""
        paragraphs = [part.strip() for part in re.split(r"\n\n", answer) if part.strip()]
        if len(paragraphs) != self.num_paragraphs:
            return False
        words = paragraphs[self.nth_paragraph - 1].split()
        return _bare(words[0]) == _bare(self.first_word)


def _bare(word: str) -> str:
    return re.sub(r"^\W+|\W.*$", "", word.casefold(), flags=re.DOTALL)


INSTRUCTIONS = (NumberWords, NumberSentences, NumberParagraphs, NthParagraphFirstWord)
