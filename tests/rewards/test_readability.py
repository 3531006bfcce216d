"""Reading level: syllables against a dictionary, grades against published ones."""

import pytest

from posttrain.rewards.readability import kincaid_grade, reading_grade, syllables

DICTIONARY = """
water 2 mother 2 family 3 problem 2 important 3 different 3 business 2 government 3 company 3 system 2 program 2
national 3 political 4 community 4 history 3 education 4 research 2 policy 3 process 2 development 4 economic 4
science 2 technology 4 nature 2 pressure 2 temperature 4 blood 1 infection 3 vaccine 2 kidney 2 liver 2 muscle 2
surgery 3 therapy 3 disease 2 diagnosis 4 physician 3 hospital 3 emergency 4 antibiotic 5 capsule 2 injection 3
dosage 2 prescription 3 pharmacist 3 symptoms 2 headache 2 stomach 2 nausea 3 fatigue 2 swelling 2 allergic 3
appointment 3 service 2 customer 3 account 2 payment 2 delivery 4 schedule 2 message 2 answer 2 answers 2
explained 2 decided 3 stopped 1 helped 1 visited 3 happened 2 noticed 2 changed 1 caused 1 closed 1 finished 2
lives 1 faces 2 bridges 2 tables 2 circles 2 places 2 dishes 2 trees 1 shoes 1 heroes 2 potatoes 3
cooperate 4 beautiful 3 curious 3 genius 2 opinion 3 onion 2 union 2 champion 3 studio 3 barrier 3 carrier 3
soldier 2 fierce 1 earlier 3 happier 3 lawyer 2 royal 2 loyal 2 poet 2 fuel 2 cruel 2 fluid 2 ruin 2 duet 2
library 3 february 4 wednesday 2 chocolate 2 comfortable 4 vegetable 4 interesting 3 restaurant 3 rhythm 2
"""
"""Words with the syllables of a pronouncing dictionary; the rules were not written on these."""

PARTS = DICTIONARY.split()
COUNTS = {word: int(count) for word, count in zip(PARTS[::2], PARTS[1::2], strict=True)}


def test_syllables_are_near_those_of_a_dictionary() -> None:
    found = {word: syllables(word) for word in COUNTS}
    assert sum(found[word] == count for word, count in COUNTS.items()) >= 0.85 * len(COUNTS)
    assert sum(found.values()) == pytest.approx(sum(COUNTS.values()), rel=0.03)


@pytest.mark.parametrize(
    ("word", "count"),
    [("the", 1), ("makes", 1), ("walked", 1), ("wanted", 2), ("table", 2), ("safely", 2), ("beyond", 2), ("media", 3)],
)
def test_silent_and_separate_vowels(word: str, count: int) -> None:
    assert syllables(word) == count


def test_grades_are_the_published_ones() -> None:
    assert kincaid_grade(57, 10, 58) == pytest.approx(-1.3, abs=0.1)  # "Green Eggs and Ham": 5.7 words, 1.02 syllables
    assert reading_grade("The cat sat on the mat.") == pytest.approx(-1.45)
    assert reading_grade("Go. See. Run. Eat.") == pytest.approx(-3.4)  # the lowest: one word, one syllable


def test_sentences_end_at_points_and_lines_but_not_inside_numbers() -> None:
    assert reading_grade("Take one 1.5 mg pill now. Then rest") == reading_grade("Take one mg pill now\nThen rest")
    assert reading_grade("- one\n- two\n\n...") == pytest.approx(-3.4)
    assert reading_grade("12 !") == 0.0


def test_harder_texts_have_higher_grades() -> None:
    plain = "Take one pill each day. Drink water with it. Call us if you feel sick."
    hard = "Administration of the medication necessitates concomitant hydration, notwithstanding contraindications."
    assert reading_grade(plain) < 3 < 15 < reading_grade(hard)
