"""General questions, to which the model gives its own answers: with them among the SFT rows it forgets less.

Chaudhry et al. 2019 (arXiv:1902.10486) call this experience replay. The answers are the model's own, so they teach
nothing new.
"""

from collections.abc import Iterator
from itertools import product
from random import Random

TOPICS = (
    *("volcanoes", "the Roman Empire", "the guitar", "recycling", "the human heart", "electric cars", "tea", "whales"),
    *("black holes", "the Olympic Games", "inflation", "the alphabet", "photography", "mountains", "the internet"),
    *("chocolate", "the French Revolution", "swimming", "dinosaurs", "wind power", "magnets", "the stock market"),
    *("poetry", "rainbows", "football", "solar eclipses", "democracy", "coffee", "insects", "jazz", "bridges"),
    *("the periodic table", "gardening", "trains", "sleep", "computer memory", "the Great Wall of China", "salt"),
)
QUESTIONS = (
    "Explain {topic} in one sentence.",
    "What is an interesting fact about {topic}? Answer in one sentence.",
    "Say in two short sentences why people care about {topic}.",
    "Define {topic} for a child in one or two sentences.",
)


def general_prompts(rng: Random, count: int) -> Iterator[str]:
    """Different general questions, in a drawn order."""
    pairs = list(product(QUESTIONS, TOPICS))
    return (question.format(topic=topic) for question, topic in rng.sample(pairs, count))
