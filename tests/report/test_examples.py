"""Examples show gains, losses and undecided questions, with the differences between answers marked."""

import html
import random
import re
from pathlib import Path

import pytest

from posttrain.report.examples import CHARACTERS, examples_of, turn_of
from posttrain.report.record import read_run
from posttrain.report.word_diff import marked
from run_folders import SUITE, put_results, put_run, samples_of


def without(text: str, tag: str) -> str:
    """The text without the parts in a tag, and without the other tags."""
    return html.unescape(re.sub(r"</?\w+>", "", re.sub(rf"<{tag}>.*?</{tag}>", "", text, flags=re.DOTALL)))


def test_the_marks_hold_both_texts() -> None:
    rng, found = random.Random(5), 0
    words = ["the ", "dose ", "is ", "15 ", "mg, ", "<b> ", "not\n", "& "]
    for _ in range(300):
        before = [rng.choice(words) for _ in range(rng.randrange(30))]
        after = [word if rng.random() < 0.7 else rng.choice(words) for word in before]
        text = marked("".join(before), "".join(after))
        if text is not None:
            found += 1
            assert without(text, "del") == "".join(after)
            assert without(text, "ins") == "".join(before)
    assert found > 200


def test_a_lone_equal_word_does_not_split_a_change() -> None:
    assert marked("take it with some cold water now please", "take it with any hot water now please") == (
        "take it with <del>some cold</del><ins>any hot</ins> water now please"
    )


def test_answers_that_share_little_are_not_marked() -> None:
    assert marked("entirely other words here", "nothing shared at all, really") is None
    assert marked("", "") == ""


@pytest.mark.parametrize(
    ("scores", "better", "turn"),
    [
        ([0, 1], "higher", "gain"),
        ([0, 1], "lower", "loss"),
        ([0, 1, 0], "higher", "loss"),
        ([1, 0, 1], "higher", "undecided"),
        ([0, 0.5, 1], "higher", "gain"),
        ([None, 1], "higher", "undecided"),
        ([None, 0, 1], None, "gain"),
    ],
)
def test_a_loss_on_the_way_counts_although_a_gain_came_first(scores: list[float], better: str, turn: str) -> None:
    assert turn_of(scores, better) == turn  # type: ignore[arg-type]


def test_all_turns_show_and_the_rest_is_counted(tmp_path: Path) -> None:
    folder = put_run(tmp_path / "run", {"sft": {}, "dpo": {"model": "sft"}}, {"facts": SUITE})
    scores = {
        "base": [0.0] * 30,
        "stages/sft": [1.0] * 20 + [0.0] * 10,
        "stages/dpo": [0.0] * 5 + [1.0] * 15 + [0.0] * 10,
    }
    for model, values in scores.items():
        put_results(folder / model, {"facts": samples_of(values, answers=["word " * 500] * 30)})
    (suite,) = examples_of(read_run(folder))
    assert suite.counts == {"loss": 5, "gain": 15, "undecided": 10}
    assert [example.turn for example in suite.examples] == ["loss", "gain", "undecided"]
    assert [example.turn for example in suite.further] == ["loss", "gain", "undecided"]
    assert suite.more == 24
    assert suite.file == "stages/dpo/behaviour/samples_facts.jsonl"
    answers = suite.examples[0].answers
    assert [answer.model for answer in answers] == ["before training", "sft", "dpo"]
    assert [answer.score for answer in answers] == ["score 0", "score 1", "score 0"]
    assert all(answer.cut and len(answer.text) == CHARACTERS for answer in answers)


def test_models_that_answered_other_questions_are_not_set_side_by_side(tmp_path: Path) -> None:
    folder = put_run(tmp_path / "run", {"sft": {}}, {"facts": SUITE})
    put_results(folder / "stages/sft", {"facts": samples_of([1.0] * 3)})
    assert examples_of(read_run(folder)) == []
