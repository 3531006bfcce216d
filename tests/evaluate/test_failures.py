"""Failed items: which answers are wrong, and the rows that they become."""

from dataclasses import replace
from typing import Any

import pytest

from posttrain.evaluate.failures import demonstration_row, failed_items, prompt_row, ranking_row, wrong_measures
from posttrain.evaluate.measures import SuiteMeasure, mean_of
from posttrain.evaluate.questions import Question
from posttrain.evaluate.sample import Sample
from posttrain.evaluate.suites.refusal import RefusalSuite, refusal_measures

SAMPLE = Sample("q1", 0, "a", None, "Why?", "so", "no")
MATCH = [mean_of("match")]


def sample(value: float | None = 0.0, **changes: Any) -> Sample:
    return replace(SAMPLE, values={"match": value}, **changes)


@pytest.mark.parametrize(("value", "wrong"), [(0.0, ["match"]), (1.0, []), (0.4, []), (None, [])])
def test_only_the_worst_value_of_a_share_is_a_failure(value: float | None, wrong: list[str]) -> None:
    assert wrong_measures(MATCH, sample(value)) == wrong


def test_a_share_of_which_less_is_better_fails_at_one_and_a_length_never() -> None:
    length = SuiteMeasure("length", "lower", value=lambda s: 1.0, unit="count")
    share = SuiteMeasure("over", "lower", value=lambda s: 1.0)
    assert wrong_measures([length, share], SAMPLE) == ["over"]


@pytest.mark.parametrize(
    ("expected", "label", "wrong"),
    [
        ("refuse", "full_refusal", []),
        ("refuse", "compliance", ["refused"]),
        ("answer", "compliance", []),
        ("answer", "partial_refusal", ["over_refused"]),
    ],
)
def test_the_measures_of_a_kind_decide(expected: str, label: str, wrong: list[str]) -> None:
    measures = refusal_measures(RefusalSuite.model_validate({"kind": "refusal", "data": "x"}))
    assert wrong_measures(measures, replace(SAMPLE, expected=expected, label=label)) == wrong


def test_a_label_is_compared_with_the_target_where_no_measure_has_values() -> None:
    f1 = SuiteMeasure("macro_f1", "higher", statistic=lambda samples: lambda picked: 0.0)
    assert wrong_measures([f1], replace(SAMPLE, label="no")) == ["label"]
    assert wrong_measures([f1], replace(SAMPLE, label="so")) == []


MESSAGES = (
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello"},
    {"role": "user", "content": "Why?"},
)
ROW = {"id": "q1", "input": [*MESSAGES], "target": "so", "facts": ["a"], "metadata": {"slice": "a", "schema": "s"}}
QUESTION = Question("q1", "rows.jsonl:1", MESSAGES, ROW)
STAGES = {
    "base": [sample(answer="eh"), sample(id="q2")],
    "sft": [sample(answer="no"), sample(id="q2", answer="no")],
    "dpo": [sample(answer="no"), sample(1.0, id="q2", answer="so")],
}


def test_an_item_has_the_answers_of_all_stages_and_the_whole_conversation() -> None:
    (item,) = failed_items("facts", STAGES, "dpo", MATCH, [QUESTION])
    row = ranking_row(item)
    assert row is not None
    assert {(one["text"], one["model"]) for one in row["candidates"]} == {("eh", "base"), ("no", "sft+dpo")}
    assert (row["id"], row["prompt"]) == ("facts/q1", list(MESSAGES))
    assert [i.wrong.id for i in failed_items("facts", STAGES, "base", MATCH, [])] == ["q1", "q2"]


def test_the_order_of_candidates_does_not_follow_the_stages() -> None:
    orders: set[tuple[str, ...]] = set()
    for number in range(16):
        answers = {stage: [sample(id=f"q{number}", answer=stage)] for stage in ("base", "sft", "dpo")}
        row = ranking_row(failed_items("facts", answers, "dpo", MATCH, [])[0])
        assert row is not None
        orders.add(tuple(one["text"] for one in row["candidates"]))
    assert len(orders) >= 4


def test_one_answer_is_nothing_to_rank() -> None:
    same = {"base": [sample()], "sft": [sample()]}
    assert ranking_row(failed_items("facts", same, "sft", MATCH, [])[0]) is None


def test_an_sft_row_waits_for_its_completion() -> None:
    (item,) = failed_items("facts", STAGES, "dpo", MATCH, [])
    assert demonstration_row(item) == {
        "prompt": "Why?",
        "completion": "",
        "meta_wrong_answer": "no",
        "meta_suite": "facts",
        "meta_id": "q1",
        "meta_failed": ["match"],
        "meta_slice": "a",
        "meta_target": "so",
    }


def test_a_prompt_keeps_what_rewards_read_and_nothing_that_joins_the_question() -> None:
    (item,) = failed_items("facts", STAGES, "dpo", MATCH, [QUESTION])
    row = prompt_row(item)
    assert (row["prompt"], row["target"], row["facts"]) == (list(MESSAGES), "so", ["a"])
    assert row["metadata"] == {"slice": "a", "schema": "s"}
    assert "input" not in row


def test_every_row_keeps_the_template_arguments_of_its_question() -> None:
    """The suite's and the row's own, which decide together what the model was asked."""
    thinking = {"enable_thinking": False, "depth": 2}
    row = {**ROW, "chat_template_kwargs": '{"depth": 2}'}
    (item,) = failed_items("facts", STAGES, "dpo", MATCH, [replace(QUESTION, row=row, template_arguments=thinking)])
    rows = [ranking_row(item), demonstration_row(item), prompt_row(item)]
    assert [row and row["chat_template_kwargs"] for row in rows] == [thinking] * 3


def test_a_row_that_changed_since_is_not_used() -> None:
    other = replace(QUESTION, messages=({"role": "user", "content": "Who?"},))
    (item,) = failed_items("facts", STAGES, "dpo", MATCH, [other])
    assert prompt_row(item)["prompt"] == "Why?"


def test_values_without_known_measures_are_shares_of_which_more_is_better() -> None:
    assert [item.measures for item in failed_items("facts", STAGES, "dpo", None, [])] == [["match"]]
