"""Words as numbers, a batch at once: the same words that the plain way finds, and shingles made of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posttrain.audit import words
from posttrain.audit.entry import words_of
from posttrain.audit.grams import LENGTH, grams_of
from posttrain.audit.minhash import SIMILAR, band_keys, candidates, jaccard, shingle_sets, shingles
from posttrain.audit.words import word_hashes

TEXTS = st.lists(st.text(alphabet=st.sampled_from("ab Zé_9\n.,-ﬁΣ字\ud800")) | st.text(), max_size=6)


def in_words(text: str) -> set[tuple[str, ...]]:
    said = words_of(text)
    return {tuple(said[i : i + 3]) for i in range(len(said) - 2)} if len(said) > 2 else {(word,) for word in said}


@settings(deadline=None)  # the first text beyond ASCII waits for a table
@given(TEXTS)
def test_every_text_has_its_words_and_equal_words_have_equal_numbers(texts: list[str]) -> None:
    hashes, counts = word_hashes(texts)
    said = [words_of(text) for text in texts]
    assert counts.tolist() == [len(some) for some in said]
    flat = [word for some in said for word in some]
    assert len({*zip(flat, hashes.tolist(), strict=True)}) == len(set(flat)) == len({*hashes.tolist()})


def test_a_long_text_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["one two three four", "", "five six", "seven " * 40]
    whole, counts = word_hashes(texts)
    monkeypatch.setattr(words, "AT_ONCE", 24)  # all but the last in one piece, which is cut between two words
    pieces, again = word_hashes(texts)
    assert counts.tolist() == again.tolist() == [4, 0, 2, 40]
    assert pieces.tolist() == whole.tolist()


@settings(deadline=None)  # the first text beyond ASCII waits for a table
@given(TEXTS)
def test_shingles_are_three_words_in_a_row_of_one_text(texts: list[str]) -> None:
    sets = shingle_sets(texts)
    plain = [in_words(text) for text in texts]
    assert [len(some) for some in sets] == [len(some) for some in plain]
    for a, one in zip(sets, plain, strict=True):
        for b, other in zip(sets, plain, strict=True):
            assert jaccard(a, b) == len(one & other) / max(1, len(one | other))


def test_texts_that_are_alike_are_candidates_and_texts_without_words_are_not() -> None:
    common = " ".join(f"word{n}" for n in range(40))
    texts = ["", common, "?!", "...", f"{common} more", "another matter altogether, told at length"]
    keys = band_keys(*shingles(texts))
    pairs = candidates(keys, keys[:, 0].astype("uint64") * 0).tolist()
    assert pairs == [[1, 4]]
    sets = shingle_sets(texts)
    assert jaccard(sets[1], sets[4]) == 38 / 39 > SIMILAR


@given(st.integers(LENGTH - 2, LENGTH + 2))
def test_thirteen_words_in_a_row_are_shared_twelve_are_not(count: int) -> None:
    common = " ".join(f"common{n}" for n in range(count))
    grams = grams_of(["nothing of it", f"before {common} after", ""])
    found = grams.shared_with(["", f"elsewhere {common} otherwise", common[:10]])
    assert found == ([(1, 1)] if count >= LENGTH else [])


def test_words_that_many_evaluation_prompts_share_are_their_instruction() -> None:
    instruction = " ".join(f"please{n}" for n in range(LENGTH))
    assert grams_of([instruction] * 9).shared_with([instruction]) == [(0, 0)]
    assert grams_of([instruction] * 10).shared_with([instruction]) == []
