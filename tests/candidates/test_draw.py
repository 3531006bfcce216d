"""Candidates differ, are shared out evenly, tell nothing by their order, and are a function of the seed."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from posttrain.candidates.draw import Candidates, Draft, Drawn, Writer, choose, make_candidates
from posttrain.candidates.options import CandidateOptions
from posttrain.candidates.prompts import CandidatePrompt
from posttrain.console import Screen
from posttrain.data.files.read import read_rows
from posttrain.data.formats.examples import read_examples
from posttrain.data.similarity import compared_text, near_identical
from posttrain.data.skipped import SkippedRows, SkipReason
from posttrain.errors import RunError, Stopped
from posttrain.files import hash_of
from posttrain.generation.sampling import Sampling

QUIET = Screen(quiet=True)

SAYINGS = (
    "Take one tablet a day with water.",
    "Take  one tablet a day, with WATER",
    "Take two tablets a day with water.",
    "Ask your doctor before you stop.",
    "I cannot answer that; please ask a pharmacist.",
    "Take 5 mg a day with water.",
    "Take 50 mg a day with water.",
    "   ",
)


def prompts(count: int) -> list[CandidatePrompt]:
    return [
        CandidatePrompt(f"p{i}", f"p.jsonl:{i + 1}", ({"role": "user", "content": f"ask {i}"},), None, ())
        for i in range(count)
    ]


def how(k: int = 4, *, redraws: int = 3, similar: float = 0.95, step: float = 0.0) -> CandidateOptions:
    return CandidateOptions(k=k, similar=similar, redraws=redraws, temperature_step=step)


def parrot(name: str, sayings: Sequence[str] = SAYINGS, calls: list[Sampling] | None = None) -> Writer:
    """Says one of a few things, drawn as the engine draws: by seed, place and branch."""

    def draw(places: Sequence[int], n: int, sampling: Sampling) -> list[list[Draft]]:
        if calls is not None:
            calls.append(sampling)
        return [
            [
                Draft(sayings[int(np.random.default_rng([sampling.seed, place, b]).integers(len(sayings)))], b % 2 == 0)
                for b in range(n)
            ]
            for place in places
        ]

    return Writer(name, {"model": name}, draw)


def made(
    folder: Path, writers: Sequence[Writer], options: CandidateOptions, count: int = 40, seed: int = 0
) -> Candidates:
    return make_candidates(prompts(count), writers, options, Sampling(8, seed=seed), folder, screen=QUIET)


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("Take it.", " take\n it. ", True),
        ("Ｔake it.", "Take it.", True),
        ("Take one tablet a day with water.", "Take one tablet a day, with water", True),
        ("Take 5 mg a day", "Take 50 mg a day", False),
        ("Take 1.5 mg, then 2 mg", "Take 2 mg, then 1.5 mg", False),
        ("Yes.", "No.", False),
    ],
)
def test_texts_with_equal_words_are_near_identical_unless_their_numbers_differ(a: str, b: str, same: bool) -> None:
    assert near_identical(compared_text(a), compared_text(b), 0.95) is same


@given(st.text(max_size=30), st.text(max_size=30))
def test_with_a_threshold_of_1_only_equal_words_are_near_identical(a: str, b: str) -> None:
    assert near_identical(compared_text(a), compared_text(b), 1.0) is (compared_text(a).words == compared_text(b).words)
    assert near_identical(compared_text(a), compared_text(b), 0.8) is near_identical(
        compared_text(b), compared_text(a), 0.8
    )


drafts = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 3), st.sampled_from(SAYINGS) | st.text("ab 1", max_size=6)),
    max_size=24,
)


@given(drafts, st.integers(0, 5), st.integers(3, 6), st.floats(0.5, 1.0))
def test_no_two_candidates_are_near_identical_and_no_writer_exceeds_its_share(
    some: list[tuple[int, int, str]], place: int, k: int, similar: float
) -> None:
    drawn = [Drawn(writer, round, Draft(text, True)) for writer, round, text in some]
    choosing = how(k, similar=similar)
    kept = choose(drawn, place, 3, choosing)
    texts = [compared_text(one.draft.text) for one in kept]
    assert all(text.words for text in texts)
    assert not any(near_identical(a, b, similar) for i, a in enumerate(texts) for b in texts[:i])
    given_by = Counter(one.writer for one in kept)
    assert all(given_by[writer] <= -(-k // 3) for writer in range(3))
    full = {writer for writer in range(3) if given_by[writer] == -(-k // 3)}
    for one in drawn:  # whatever was left out is empty, like something kept, or of a writer that gave its share
        text = compared_text(one.draft.text)
        full_share = one.writer in full or given_by[one.writer] >= k // 3
        assert full_share or not text.words or any(near_identical(text, other, similar) for other in texts)
    later = [*drawn, *(Drawn(w, 9, Draft(f"words {w} and more", True)) for w in range(3))]
    assert [one for one in choose(later, place, 3, choosing) if one.round < 9] == kept, "redraws take nothing back"


def test_a_text_with_a_nul_character_is_no_candidate() -> None:
    drawn = [Drawn(0, 0, Draft(text, True)) for text in ("Take it.\0", "Stop.", "Ask a doctor.")]
    assert [one.draft.text for one in choose(drawn, 0, 1, how(3))] == ["Stop.", "Ask a doctor."]


def test_the_result_is_a_function_of_the_seed(tmp_path: Path) -> None:
    writers = [parrot("a"), parrot("b")]
    first, again = (made(tmp_path / name, writers, how()) for name in ("1", "2"))
    assert first == again
    other = made(tmp_path / "3", writers, how(), seed=1)
    assert first.rows != other.rows
    assert first.params == other.params, "a seed is no setting"


def test_near_identical_candidates_are_replaced_and_prompts_with_too_few_are_counted(tmp_path: Path) -> None:
    plenty = made(tmp_path / "many", [parrot("a")], how(redraws=20))
    assert {len(row["candidates"]) for row in plenty.rows} == {4}
    assert not plenty.noted
    assert not plenty.skips.counts
    assert 0.1 < plenty.figures["candidates/replaced_ratio"][0] < 0.9
    none = made(tmp_path / "none", [parrot("a")], how(redraws=0))
    sizes = Counter(len(row["candidates"]) for row in none.rows)
    assert sizes[3] > 0
    assert none.noted == {"fewer than 4 different completions": sizes[2] + sizes[3]}
    assert none.skips.counts.total() == 40 - len(none.rows)


def test_a_prompt_with_one_answer_is_left_out_and_counted(tmp_path: Path) -> None:
    def draw(places: Sequence[int], n: int, sampling: Sampling) -> list[list[Draft]]:
        return [[Draft("always this" if place == 3 else f"{place} {b}", True) for b in range(n)] for place in places]

    found = made(tmp_path, [Writer("a", {}, draw)], how(), count=5)
    assert [row["id"] for row in found.rows] == ["p0", "p1", "p2", "p4"]
    assert found.skips.by_reason() == {SkipReason.TOO_FEW_DIFFERENT: SkippedRows(1, ("p.jsonl:4",))}


def test_a_model_that_repeats_one_answer_ends_the_stage_with_advice(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="temperature"):
        made(tmp_path, [parrot("a", ["yes"])], how())


@pytest.mark.parametrize(("k", "writers"), [(4, 2), (4, 3), (5, 2), (3, 3)])
def test_models_give_equal_shares(k: int, writers: int, tmp_path: Path) -> None:
    def draw(places: Sequence[int], n: int, sampling: Sampling) -> list[list[Draft]]:
        return [[Draft(f"{sampling.seed} {place} {b}", True) for b in range(n)] for place in places]

    found = made(tmp_path, [Writer(str(w), {"model": w}, draw) for w in range(writers)], how(k), count=60)
    counts = Counter(c["model"] for row in found.rows for c in row["candidates"])
    assert set(counts.values()) == {60 * k // writers}
    assert len(found.params) == writers


def test_the_order_does_not_depend_on_the_model(tmp_path: Path) -> None:
    def draw(places: Sequence[int], n: int, sampling: Sampling) -> list[list[Draft]]:
        return [[Draft(f"{sampling.seed} {place} {b}", True) for b in range(n)] for place in places]

    found = made(tmp_path, [Writer(name, {"model": name}, draw) for name in "ab"], how(), count=400)
    for place in range(4):
        first = sum(row["candidates"][place]["model"] == "a" for row in found.rows)
        assert 140 < first < 260, "about half of 400; six deviations"
        assert all(row["candidates"][place]["id"] == f"c{place + 1}" for row in found.rows)


def test_two_models_with_the_same_weights_draw_different_answers(tmp_path: Path) -> None:
    calls: list[Sampling] = []
    made(tmp_path, [parrot("a", calls=calls), parrot("b", calls=calls)], how())
    assert len({call.seed for call in calls}) > 4
    assert len({call.seed for call in calls}) == len({(call.seed, call.temperature) for call in calls})


def test_each_candidate_has_its_settings(tmp_path: Path) -> None:
    found = made(tmp_path, [parrot("a"), parrot("b")], how(step=0.25))
    warmer = 0
    for row in found.rows:
        for candidate in row["candidates"]:
            settings = dict(found.params[candidate["params_hash"]])
            assert settings.pop("name") == candidate["model"] == settings["model"]
            assert hash_of(settings) == candidate["params_hash"]
            warmer += settings["temperature"] > 1.0
    assert warmer > 0, "replacements were drawn warmer, and it shows"


def test_ranked_rows_read_as_preferences(tmp_path: Path) -> None:
    found = made(tmp_path / "draws", [parrot("a"), parrot("b")], how())
    ranked = [{**row, "ranks": {c["id"]: n for n, c in enumerate(row["candidates"], 1)}} for row in found.rows]
    (tmp_path / "ranked.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ranked))
    read_back = list(read_examples(read_rows("ranked.jsonl", base=tmp_path), "preference"))
    assert len(read_back) == len(found.rows)
    for row, example in zip(found.rows, read_back, strict=True):
        assert example.prompt == ({"role": "user", "content": row["prompt"]},)
        assert [turns[0]["content"] for turns in example.completions] == [c["text"] for c in row["candidates"]]
        assert example.columns["rank"] == tuple(range(1, len(row["candidates"]) + 1))


def test_a_stopped_run_resumes_to_the_same_result_and_repeats_no_draw(tmp_path: Path) -> None:
    whole_calls: list[Sampling] = []
    whole = made(tmp_path / "whole", [parrot("a", calls=whole_calls)], how(), count=200)
    calls: list[Sampling] = []
    stops = 0
    while True:
        at = len(calls)
        try:
            found = make_candidates(
                prompts(200),
                [parrot("a", calls=calls)],
                how(),
                Sampling(8),
                tmp_path / "parts",
                screen=QUIET,
                stop=lambda at=at: len(calls) > at,
            )
            break
        except Stopped:
            stops += 1
    assert stops > 3
    assert found == whole
    assert len(calls) == len(whole_calls)


def test_truncated_completions_are_drawn_again_where_the_recipe_drops_them() -> None:
    drawn = [Drawn(0, 0, Draft(text, text != SAYINGS[0])) for text in (SAYINGS[0], SAYINGS[2], SAYINGS[3])]
    kept = {
        drop: [one.draft.text for one in choose(drawn, 0, 1, CandidateOptions(k=2, drop_truncated=drop))]
        for drop in (False, True)
    }
    assert kept == {False: [SAYINGS[0], SAYINGS[2]], True: [SAYINGS[2], SAYINGS[3]]}


@pytest.mark.parametrize("values", [{"keep_columns": ["candidates"]}, {"round": 3, "shares": 2}, {"round": 0}])
def test_columns_of_candidates_and_rounds_without_a_share_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CandidateOptions.model_validate(values)
