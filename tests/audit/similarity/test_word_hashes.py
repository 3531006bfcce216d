"""Words as numbers, a batch at once: the same words that the plain way finds, and shingles made of them."""

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posttrain.audit.rows.entry import words_in
from posttrain.audit.similarity.minhash import SIMILAR, band_keys, candidates, jaccard, shingle_sets, shingles
from posttrain.audit.similarity.ngrams import LENGTH, grams_of
from posttrain.audit.similarity.overlap import Shared
from posttrain.audit.similarity.rarity import rarity_of
from posttrain.audit.similarity.word_hashes import word_hashes

TEXTS = st.lists(st.text(alphabet=st.sampled_from("ab Zé_9\n.,-ﬁΣ字\ud800")) | st.text(), max_size=6)


def in_words(text: str) -> set[tuple[str, ...]]:
    words = words_in(text)
    return {tuple(words[i : i + 3]) for i in range(len(words) - 2)} if len(words) > 2 else {(word,) for word in words}


@given(TEXTS)
def test_every_text_has_its_words_and_equal_words_have_equal_numbers(texts: list[str]) -> None:
    hashes, counts = word_hashes(texts)
    words = [words_in(text) for text in texts]
    assert counts.tolist() == [len(some) for some in words]
    flat = [word for some in words for word in some]
    assert len({*zip(flat, hashes.tolist(), strict=True)}) == len(set(flat)) == len({*hashes.tolist()})


def test_a_long_text_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["one two three four", "", "five six", "seven " * 40]
    whole, counts = word_hashes(texts)
    where = "posttrain.audit.similarity.word_hashes.AT_ONCE"
    monkeypatch.setattr(where, 24)  # all but the last in one piece, which is cut between two words
    pieces, again = word_hashes(texts)
    assert counts.tolist() == again.tolist() == [4, 0, 2, 40]
    assert pieces.tolist() == whole.tolist()


@given(TEXTS)
def test_shingles_are_three_consecutive_words_of_one_text(texts: list[str]) -> None:
    sets = shingle_sets(texts)
    plain = [in_words(text) for text in texts]
    assert [len(some) for some in sets] == [len(some) for some in plain]
    for a, one in zip(sets, plain, strict=True):
        for b, other in zip(sets, plain, strict=True):
            assert jaccard(a, b) == len(one & other) / max(1, len(one | other))


def test_similar_texts_are_candidates_and_texts_without_words_are_not() -> None:
    common = " ".join(f"word{n}" for n in range(40))
    texts = ["", common, "?!", "...", f"{common} more", "another matter altogether, told at length"]
    keys = band_keys(*shingles(texts))
    pairs = candidates(keys, keys[:, 0].astype("uint64") * 0).tolist()
    assert pairs == [[1, 4]]
    sets = shingle_sets(texts)
    assert jaccard(sets[1], sets[4]) == 38 / 39 > SIMILAR


@given(st.integers(LENGTH - 2, LENGTH + 2))
def test_runs_of_thirteen_words_are_shared_and_runs_of_twelve_are_not(count: int) -> None:
    common = " ".join(f"common{n}" for n in range(count))
    grams = grams_of(["nothing of it", f"before {common} after", ""])
    found = grams.shared_with(["", f"elsewhere {common} otherwise", common[:10]])
    assert found["row"].tolist() == [1] * max(0, count - LENGTH + 1)
    assert sorted(found["at"].tolist()) == [*range(1, count - LENGTH + 2)]
    assert set(found["words"].tolist()) <= {count + 2}


def test_words_that_many_evaluation_prompts_share_are_their_instruction() -> None:
    instruction = " ".join(f"please{n}" for n in range(LENGTH))
    assert len(grams_of([instruction] * 9).shared_with([instruction])) == 1
    assert len(grams_of([instruction] * 10).shared_with([instruction])) == 0


def words_from(start: int, count: int) -> str:
    return " ".join(f"word{n}" for n in range(start, start + count))


def leaks(train: list[str], held: list[str]) -> dict[int, int]:
    grams = grams_of(held)
    shared = Shared(grams)
    for start in range(0, len(train), 3):  # chunks of three rows
        hits = grams.shared_with(train[start : start + 3])
        hits["row"] += start
        shared.add(hits)
    return shared.leaks()[0]


@pytest.mark.parametrize(
    ("covered", "of", "beside", "repeats", "leak"),
    [
        (40, 100, 100, 1, True),  # a fair part, in one row
        (20, 100, 100, 1, False),  # a phrase
        (40, 100, 100, 3, False),  # a fair part, but three rows hold it
        (60, 100, 100, 3, True),  # most of it
        (60, 100, 100, 11, False),  # most of it, in so many rows that it is a form
        (20, 400, 20, 1, True),  # little of the evaluation row, but most of the row to train on
    ],
)
def test_a_leak_is_a_large_part_of_a_prompt_in_few_rows(
    covered: int, of: int, beside: int, repeats: int, leak: bool
) -> None:
    held = [words_from(10_000, 50), words_from(0, of)]
    rows = [f"{words_from(0, covered)} {words_from(20_000 + 1000 * n, beside)}" for n in range(repeats)]
    found = leaks([words_from(50_000, 60), *rows], held)
    assert found == ({1 + n: 1 for n in range(repeats)} if leak else {})


def test_runs_apart_are_covered_together() -> None:
    held = [words_from(0, 60)]
    apart = f"{words_from(0, 15)} here {words_from(40, 15)} {words_from(1000, 60)}"
    assert leaks([apart], held) == {0: 0}
    assert leaks([f"{words_from(0, 15)} {words_from(1000, 60)}"], held) == {}


SET = "no studies of this medicine were made in small children or in those who are very old"


def labels(count: int, first: int) -> list[str]:
    """Short texts that end alike, each with a name and a finding of its own."""
    return [f"medicine{n} lowers symptom{n} in patients with disease{n}. {SET}" for n in range(first, first + count)]


def test_a_stock_phrase_that_covers_most_of_a_short_text_is_no_leak() -> None:
    held = [*labels(5, 0), *(words_from(1000 * n, 40) for n in range(1, 15))]
    assert leaks([labels(1, 100)[0], words_from(50_000, 40)], held) == {}


def test_a_question_next_to_stock_phrases_is_a_leak() -> None:
    held = [*labels(5, 0), *(words_from(1000 * n, 40) for n in range(1, 15))]
    assert leaks([f"{words_from(3000, 20)} {words_from(60_000, 20)}"], held) == {0: 7}


@pytest.mark.parametrize(("prompts", "leak"), [(1, True), (2, False)])
def test_words_of_many_rows_are_a_leak_if_only_one_evaluation_prompt_has_them(prompts: int, leak: bool) -> None:
    common = words_from(0, 20)
    held = [f"{common} {words_from(1000 * n, 15)}" for n in range(1, prompts + 1)]
    held += [words_from(1000 * n, 35) for n in range(10, 40)]
    rows = [f"{common} {words_from(100_000 * n, 15)}" for n in range(1, 5)]
    assert (set(leaks(rows, held)) == {0, 1, 2, 3}) is leak


def test_the_rarity_of_words_is_the_inverse_frequency_of_pairs() -> None:
    texts = ["a b c", "a b d", "e"]
    words, counts = word_hashes(texts)
    raw = [log(4 / 2), log(4), log(4), log(4 / 2), log(4), log(4), log(4)]  # ab bc bc; ab bd bd; e
    mean = sum(raw) / len(raw)
    found = rarity_of(words, counts)
    assert found.before == pytest.approx([sum(raw[:n]) / mean for n in range(len(raw) + 1)])
    assert found.between(np.array([1]), np.array([1]), np.array([2]))[0] == pytest.approx(2 * log(4) / mean)
