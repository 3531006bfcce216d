"""Which reward reads the answers: each is tried, and a column's name alone never decides."""

from typing import Any

import pytest

from advising import functions, labelled, records, replies, sum_prompts, sums
from posttrain.advise.answer_values import labels_of
from posttrain.advise.checkable import check_of
from posttrain.rewards.registry import REWARD_KINDS

CASES: dict[str, tuple[list[dict[str, Any]], str | None, str | None]] = {
    "working with a marked number": (sums(60), "completion", "math"),
    "numbers alone": (sum_prompts(60), None, "math"),
    "numbers as numbers": ([{"prompt": "?", "Answer": n / 2} for n in range(60)], None, "math"),
    "JSON": (records(60), "completion", "json_fields"),
    "labels": (labelled(60), None, "match"),
    "a few words, all different": ([{"prompt": "?", "answer": f"the drug {n}x"} for n in range(60)], None, "match"),
    "tests": (functions(60), None, "code"),
    "prose": (replies(60), "completion", None),
    "prose that holds a number": (
        [{"completion": f"About {n} patients in the study had a rash, and most got well."} for n in range(60)],
        "completion",
        None,
    ),
    "prose that ends with a number, unmarked": (
        [{"completion": f"We looked at all.\nIn the end it was {n}"} for n in range(60)],
        "completion",
        None,
    ),
    "short prose that ends with a number": (
        [{"completion": f"We note report {n}."} for n in range(60)],
        "completion",
        None,
    ),
    "numbers with units": ([{"prompt": "?", "answer": f"{n}.5 mg"} for n in range(60)], None, "math"),
    "yes and no as booleans": ([{"prompt": "?", "label": n % 2 == 0} for n in range(60)], None, None),
    "nothing": ([], None, None),
}


@pytest.mark.parametrize("case", CASES)
def test_the_reward_that_reads_the_answers(case: str) -> None:
    rows, completion, kind = CASES[case]
    check = check_of(rows, completion)
    assert (check.spec["kind"] if check else None) == kind
    if check is not None:
        assert check.fits
        REWARD_KINDS[check.spec["kind"]].options.model_validate(check.spec)  # a recipe can state it


def test_a_named_reward_is_the_only_one_tried() -> None:
    assert check_of(sums(60), "completion", "json_fields") is None
    check = check_of(records(60), "completion", "json")
    assert check is not None
    assert check.spec == {"kind": "json"}


def test_the_share_of_answers_that_a_reward_reads_is_measured() -> None:
    check = check_of([*sums(60), *replies(40)], "completion")
    assert check is not None
    assert check.share == 0.6
    assert not check.reads


def test_an_answer_beside_the_imitated_one_counts_only_if_imitation_earns_the_reward() -> None:
    working = [
        {"prompt": r["prompt"], "completion": r["completion"], "target": a["target"]}
        for r, a in zip(sums(60), sum_prompts(60), strict=True)
    ]
    other = [{**row, "label": label["label"]} for row, label in zip(replies(60), labelled(60), strict=True)]
    good, bad = check_of(working, "completion"), check_of(other, "completion")
    assert good is not None
    assert good.fits
    assert bad is not None
    assert bad.reads
    assert not bad.fits


def test_a_column_of_labels_never_comes_before_answers_that_a_reward_reads() -> None:
    rows = [{**row, "category": ("sums", "additions")[n % 2]} for n, row in enumerate(sum_prompts(60))]
    rows[7]["target"] = "That depends on what one counts, and on the day."
    for completion, named in ((None, rows), ("completion", [{**row, "completion": row["target"]} for row in rows])):
        check = check_of(named, completion)
        assert check is not None
        assert (check.spec["kind"], check.spec["target"]) == ("math", completion or "target")
        assert check.fits


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (["yes", "no", "yes", "no", "no", "yes"], ("yes", "no")),
        (["yes"] * 9, None),  # one answer is no choice
        ([f"drug {n}" for n in range(30)], None),  # too many
        (["a", "b", "c"], None),  # each occurs once
        (["yes", "", "no", "yes", "no", "yes"], None),
    ],
)
def test_labels_are_few_and_occur_often(values: list[str], labels: tuple[str, ...] | None) -> None:
    assert labels_of(values) == labels
