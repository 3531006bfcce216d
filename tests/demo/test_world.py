"""The fictional world: its labels, and the splits of combinations and names."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posttrain.demo import notes, world
from posttrain.demo.uses import off_label_use
from posttrain.demo.world import BY_PRODUCT, CONDITIONS, LABELS, Split, split_of

SPLITS = st.sampled_from(["train", "valid", "test"])


def test_every_product_has_a_name_and_an_indication_of_its_own() -> None:
    assert len(BY_PRODUCT) == len(LABELS) == len(set(CONDITIONS))


@given(seed=st.integers(0, 10**6), split=SPLITS)
def test_a_note_states_every_fact_and_its_values_belong_to_the_split(seed: int, split: Split) -> None:
    text, facts = notes.field_note(Random(seed), split)
    for value in facts.as_dict().values():
        assert str(value) in text
    assert split_of(facts.product, facts.finding) == split
    assert split_of(facts.clinic.split()[0]) == split
    assert split_of(facts.batch) == split


@given(seed=st.integers(0, 10**6), split=SPLITS)
def test_an_off_label_use_is_never_on_the_label(seed: int, split: Split) -> None:
    rng = Random(seed)
    label = rng.choice(LABELS)
    condition, population = off_label_use(rng, label, split)
    assert not label.covers(condition, population)
    assert split_of(label.product, condition, population) == split


def test_each_product_is_off_label_somewhere_in_every_split() -> None:
    for label in LABELS:
        splits = {
            split_of(label.product, condition, population)
            for condition in CONDITIONS
            for population in world.POPULATIONS
            if not label.covers(condition, population)
        }
        assert splits == {"train", "valid", "test"}


@pytest.mark.parametrize(("number", "month"), [(1, "January"), (12, "December")])
def test_dates_in_words_and_figures_name_the_same_day(number: int, month: str) -> None:
    assert world.MONTHS[number - 1] == month
    words, figures = world.date(Random(number), "train")
    day, name, year = words.split()
    assert figures == f"{int(day):02d}/{world.MONTHS.index(name) + 1:02d}/{year}"
