"""Mathematical equality: the place of the answer, the answers that are equal, and bounded time."""

import gzip
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posttrain.errors import InputError
from posttrain.rewards.algebra import Algebra
from posttrain.rewards.math import MathReward, first_quantity, make_math_reward, math_score
from posttrain.rewards.types import Failed

EQUAL = (
    ("48/2 = 24, and 48 + 24 = 72.\n#### 72", "72"),
    ("#### 1,000", 1000),
    ("#### $18", "18"),
    ("#### 18.00", "She makes 9 * 2 = <<9*2=18>>18 dollars.\n#### 18"),
    ("#### -5", "-5"),
    ("So it is \\boxed{18}.", 18.0),
    ("\\boxed{17}? No: \\boxed{18}", 18),
    ("\\boxed{18\\text{ dollars}}", 18),
    ("\\boxed{1{,}000}", "1,000"),
    ("\\boxed{90^\\circ}", "90"),
    ("The answer is 18.", 18),
    ("The answer is $18$. I checked it with 2 methods.", 18),
    ("**Answer:** about 18 dollars", 18),
    ("Final answer:\n18", 18),
    ("The answer is: -$5", -5),
    ("The answer is x = 5", "5"),
    ("She has 3 bags of 6, which makes 18", 18),
    ("#### 50%", "50"),
    ("#### 50%", "0.5"),
    ("#### 0.5", "50%"),
    ("50% of them", "50%"),
    ("\\boxed{\\frac{3}{4}}", "0.75"),
    ("It is $\\frac{3}{4}$", "3/4"),
    ("\\boxed{1 1/2}", "1.5"),
    ("\\boxed{0.3333333}", "1/3"),
    ("\\boxed{1.2e3}", "1200"),
    ("\\boxed{2 \\times 3^2}", "18"),
    ("\\boxed{(x+1)^2}", "x^2+2x+1"),
    ("\\boxed{2\\sqrt{2}}", "$\\sqrt{8}$"),
    ("The answer is 3*sqrt(2)", "sqrt(18)"),
    ("sin(x)**2 + cos(x)**2", "\\sin^2 x + \\cos^2 x"),
    ("\\boxed{\\{2, 1\\}}", "\\{1, 2\\}"),
    ("\\boxed{[0, 1)}", "[0,1)"),
    ("\\boxed{\\text{Tuesday}}", "tuesday"),
    ("#### Step 2: add\nThe answer is 18", 18),
)

DIFFERENT = (
    ("#### 19", 18),
    ("#### 18 or 19", 18),
    ("The answer is not 18", 18),
    ("The answer is negative 18", 18),
    ("\\boxed{18} and then \\boxed{19}", 18),
    ("\\boxed{18", 18),
    ("\\boxed{18x}", 18),
    ("\\boxed{x - 18}", -18),
    ("\\boxed{18 - 2}", 18),
    ("\\boxed{18\\pi}", 18),
    ("\\boxed{3.14}", "\\pi"),
    ("\\boxed{0.33}", "1/3"),
    ("\\boxed{2000001}", 2000000),
    ("\\boxed{yes}", "\\text{esy}"),
    ("\\boxed{1/0}", 1),
    ("\\boxed{[0,1]}", "[0,1)"),
    ("", 18),
    ("I do not know", 18),
    ("I do not know", "x+1"),
    ("18 " + "9" * 5000, 18),
)

HOSTILE = (
    "9**9**9**9",
    "9^{9^{9^{9}}}",
    "10^{10^{10}}",
    "99999999!",
    "1e999999999",
    "\\sum_{k=1}^{10^{12}} k",
    "(x+1)^{9999999}",
    "\\int_0^{\\infty} e^{e^{e^{x}}} dx",
    "(" * 200,
    "\\frac{" * 40,
    "__import__('os').system('echo 18')",
    "\x00\ud800$$$",
)


@pytest.mark.parametrize(("completion", "target"), EQUAL)
def test_equal(completion: str, target: Any) -> None:
    assert math_score(completion, target) == 1.0


@pytest.mark.parametrize(("completion", "target"), DIFFERENT)
def test_different(completion: str, target: Any) -> None:
    assert math_score(completion, target) == 0.0


@pytest.fixture(scope="module")
def impatient() -> Algebra:
    return Algebra(seconds=0.3)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_answer_scores_zero_in_bounded_time(
    hostile: str, impatient: Algebra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("posttrain.rewards.equality.shared_algebra", lambda: impatient)
    assert math_score(f"\\boxed{{{hostile}}}", "x+18") == 0.0


def test_the_default_time_limit_ends_a_comparison() -> None:
    assert math_score("\\boxed{9**9**9**9}", 18) == 0.0
    assert math_score("\\boxed{9^{9^{9^{9}}}}", 18) == 0.0


def test_algebra_that_ran_out_of_time_does_the_next_comparison() -> None:
    algebra = Algebra(seconds=0.5)
    assert not algebra.equal("1", "9^{9^{9^{9}}}")
    assert algebra.equal("1/2", "\\frac12")


def test_a_target_that_takes_too_long_is_a_failure(impatient: Algebra) -> None:
    with pytest.raises(InputError, match="too long"):
        impatient.equal("9^{9^{9^{9}}}", "1")


def test_a_target_that_is_no_formula_is_a_failure() -> None:
    with pytest.raises(InputError, match=r"neither a number nor a formula"):
        math_score("#### 18", "\\frac{")


def test_a_row_without_the_column_fails_and_one_with_null_does_not_apply() -> None:
    batch = make_math_reward(MathReward(kind="math", target="answer"), Path())
    missing, null, scored = batch(["#### 1"] * 3, [{"target": "1"}, {"answer": None}, {"answer": "1"}])
    assert isinstance(missing, Failed)
    assert "no column `answer`" in missing.reason
    assert (null, scored) == (None, 1.0)


@given(st.fractions(max_denominator=10**6).filter(lambda f: abs(f) < 10**9))
def test_a_fraction_is_read_exactly(value: Fraction) -> None:
    read = first_quantity(f"{value.numerator}/{value.denominator}")
    assert read is not None
    assert read.value == value


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**12))
def test_no_two_integers_are_equal(value: int, more: int) -> None:
    assert math_score(f"#### {value:,}", value) == 1.0
    assert math_score(f"#### {value + more:,}", value) == 0.0


@given(st.text(max_size=400))
def test_any_text_gets_a_score(text: str) -> None:
    assert math_score(text, 18) in (0.0, 1.0)


def test_every_gsm8k_answer_is_right_and_every_perturbed_one_wrong(data_dir: Path) -> None:
    with gzip.open(data_dir / "verifiable/gsm8k_train.jsonl.gz", "rt", encoding="utf-8") as file:
        answers = [json.loads(line)["answer"] for line in file]
    assert len(answers) == 7473
    for answer in answers:
        right = int(answer.split("####")[1].replace(",", ""))
        assert math_score(answer, answer) == 1.0
        for completion in (f"\\boxed{{{right:,}}}", f"The answer is ${right}.", f"so she has {right}.0"):
            assert math_score(completion, answer) == 1.0, (completion, answer)
        for wrong in (right + 1, right * 10 + 1, -right or 1):
            assert math_score(f"{answer.split('####')[0]}#### {wrong:,}", answer) == 0.0, (wrong, answer)


def test_every_svamp_answer_is_right_and_every_perturbed_one_wrong(data_dir: Path) -> None:
    with gzip.open(data_dir / "verifiable/svamp_test.jsonl.gz", "rt", encoding="utf-8") as file:
        answers = [json.loads(line)["Answer"] for line in file]
    assert len(answers) == 1000
    for answer in answers:
        for right in (f"{answer}", f"The answer is {answer:.12g}", f"\\boxed{{{answer:.2f}}}", f"#### {answer:,.0f}"):
            assert math_score(right, answer) == 1.0, (right, answer)
        for wrong in (answer + 1, answer / 2 + 0.1, -answer or 1):
            assert math_score(f"The answer is {wrong}", answer) == 0.0, (wrong, answer)


@pytest.mark.parametrize("name", ["E", "e", "I", "x"])
def test_a_letter_with_an_index_is_a_name_and_no_constant(name: str) -> None:
    target = f"${name}_1 + 3 {name}_{{2}}$"
    assert math_score(f"\\boxed{{3{name}_2 + {name}_1}}", target) == 1.0
    assert math_score(f"\\boxed{{{name}_2 + 3 {name}_1}}", target) == 0.0
    assert math_score(f"\\boxed{{{name}_1 / 2 + 1}}", f"$\\frac{{{name}_1}}{{2}} + 1$") == 1.0
