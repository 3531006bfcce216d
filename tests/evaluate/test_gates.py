"""Gates: how they are read, what they are about, and what saved samples say about them."""

from collections.abc import Sequence

import pytest
from pydantic import ValidationError
from scipy.stats import binomtest

from posttrain.errors import InputError
from posttrain.evaluate.gates.gate_verdict import GateVerdict
from posttrain.evaluate.gates.options import BetterThan, Gate, GateClaim, NotWorse, Threshold, Waiver, read_gate
from posttrain.evaluate.gates.power import too_few_questions
from posttrain.evaluate.gates.resolve import Subject, subject_of
from posttrain.evaluate.gates.verdicts import verdicts_of
from posttrain.evaluate.measures import SuiteMeasure, mean_of
from posttrain.evaluate.questions import Question
from posttrain.evaluate.sample import Sample
from posttrain.evaluate.suites.answers import AnswersSuite
from posttrain.evaluate.suites.refusal import RefusalSuite, refusal_measures

FACTS = Subject("facts", "facts", mean_of("right"))


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("refusal >= 0.95", GateClaim("refusal", None, Threshold("at least", 0.95))),
        ("safety/over_refused<=5%", GateClaim("safety/over_refused", None, Threshold("at most", 0.05))),
        ("facts[*] >= .9", None),
        ("facts[5 mg] >= 0.9", GateClaim("facts", "5 mg", Threshold("at least", 0.9))),
        ("facts  not worse than sft by 2%", GateClaim("facts", None, NotWorse("sft", 0.02))),
        ("tone better than base", GateClaim("tone", None, BetterThan("base"))),
        ("facts not worse than sft", None),
        ("facts not worse than sft by -0.1", None),
        ("facts > 0.9", None),
        ("", None),
    ],
)
def test_a_gate_is_read_or_refused(text: str, claim: GateClaim | None) -> None:
    if claim is not None:
        assert read_gate(text) == claim
        return
    with pytest.raises(ValueError):
        read_gate(text)
    with pytest.raises(ValidationError):
        Gate(gate=text)


SUITES = {
    "facts": AnswersSuite.model_validate({"data": "a.jsonl", "metrics": "match"}),
    "safety": RefusalSuite.model_validate({"kind": "refusal", "data": "b.jsonl"}),
    "label": RefusalSuite.model_validate({"kind": "refusal", "data": "c.jsonl"}),
}


def test_a_gate_names_a_suite_a_measure_of_it_or_both() -> None:
    assert subject_of("facts >= 0.9", SUITES).key == "facts"
    assert subject_of("facts/match >= 0.9", SUITES).key == "facts"
    assert subject_of("safety/over_refused <= 0.05", SUITES).measure.better == "lower"
    assert subject_of("over_refused <= 0.05", {"safety": SUITES["safety"]}).key == "safety/over_refused"


@pytest.mark.parametrize(
    ("gate", "problem"),
    [
        ("safety >= 0.9", "several measures.*safety/refused"),
        ("over_refused <= 0.05", "several suites.*safety/over_refused or label/over_refused"),
        ("fakts >= 0.9", "did you mean facts"),
        ("safety/partial better than base", "only describes"),
    ],
)
def test_a_gate_about_nothing_or_about_several_results_is_refused(gate: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        subject_of(gate, SUITES)


def samples(values: Sequence[float], *, parts: int = 1, groups: int = 0) -> list[Sample]:
    return [
        Sample(str(n), 0, f"part {n % parts}", f"g{n % groups}" if groups else None, "?", None, "!", {"right": value})
        for n, value in enumerate(values)
    ]


def decided(
    gate: str | Gate, before: Sequence[Sample], after: Sequence[Sample], subject: Subject = FACTS
) -> GateVerdict:
    models = {"base": before, "sft": after}
    one = gate if isinstance(gate, Gate) else Gate(gate=gate)
    return verdicts_of("sft", [(one, subject)], lambda stage, suite: models[stage])[0]


@pytest.mark.parametrize(
    ("right", "gate", "outcome"),
    [
        (100, "facts >= 0.95", "pass"),
        (97, "facts >= 0.95", "inconclusive"),
        (80, "facts >= 0.95", "fail"),
        (0, "facts <= 0.05", "pass"),
        (4, "facts <= 0.05", "inconclusive"),
        (20, "facts <= 0.05", "fail"),
    ],
)
def test_a_threshold_must_be_shown_by_the_exact_bound(right: int, gate: str, outcome: str) -> None:
    after = samples([1.0] * right + [0.0] * (100 - right))
    verdict = decided(gate, [], after)
    assert verdict.outcome == outcome
    assert verdict.blocks == (outcome != "pass")
    side = "greater" if ">=" in gate else "less"
    threshold = read_gate(gate).claim
    assert isinstance(threshold, Threshold)
    assert verdict.p_pass == pytest.approx(binomtest(right, 100, threshold.value, alternative=side).pvalue, abs=1e-12)


def test_a_loss_is_found_by_the_paired_test_though_both_shares_are_near() -> None:
    before = samples([1.0] * 140 + [0.0] * 80)
    after = samples([0.0] * 12 + [1.0] * 128 + [0.0] * 80)
    verdict = decided("facts not worse than base by 0.02", before, after)
    assert (verdict.outcome, verdict.test) == ("fail", "exact McNemar")
    assert verdict.p_fail == pytest.approx(binomtest(12, 12, 0.5, alternative="greater").pvalue)
    assert verdict.difference == pytest.approx(-12 / 220)
    assert verdict.reference == {"stage": "base", "value": pytest.approx(140 / 220)}


def test_no_change_passes_within_a_margin_that_so_many_answers_can_show() -> None:
    same = samples([1.0] * 150 + [0.0] * 50)
    assert decided("facts not worse than base by 0.02", same, same).outcome == "pass"
    few = samples([1.0] * 30 + [0.0] * 10)
    verdict = decided("facts not worse than base by 0.02", few, few)
    assert verdict.outcome == "inconclusive"
    assert verdict.detectable is not None
    assert verdict.detectable > 0.02


def test_a_gain_must_be_shown() -> None:
    before, after = samples([0.0] * 60), samples([1.0] * 20 + [0.0] * 40)
    assert decided("facts better than base", before, after).outcome == "pass"
    assert decided("facts better than base", after, before).outcome == "fail"
    assert decided("facts better than base", before, before).outcome == "inconclusive"


def test_answers_of_a_group_count_as_one() -> None:
    before, after = samples([1.0] * 60, groups=3), samples([0.0] * 12 + [1.0] * 48, groups=3)
    verdict = decided("facts better than base", before, after)
    assert (verdict.clusters, verdict.n, verdict.test) == (3, 60, "sign-flip permutation")
    assert verdict.outcome == "inconclusive"
    alone = decided("facts better than base", samples([1.0] * 60), samples([0.0] * 12 + [1.0] * 48))
    assert alone.outcome == "fail"


def test_a_gate_with_a_star_has_a_verdict_for_each_slice() -> None:
    after = samples([1.0, 0.0] * 60, parts=2)
    verdicts = verdicts_of("sft", [(Gate(gate="facts[*] >= 0.9"), FACTS)], lambda stage, suite: after)
    assert [(v.key, v.outcome) for v in verdicts] == [("facts[part 0]", "pass"), ("facts[part 1]", "fail")]


def test_an_unknown_slice_is_named_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"no slice part 7.*part 0, part 1"):
        decided("facts[part 7] >= 0.9", [], samples([1.0] * 10, parts=2))


def test_a_waiver_lets_the_run_go_on_and_is_recorded() -> None:
    gate = Gate(gate="facts >= 0.9", waiver=Waiver(by="A. Reviewer", reason="the test set is being rewritten"))
    verdict = decided(gate, [], samples([0.0] * 50))
    assert (verdict.outcome, verdict.blocks) == ("fail", False)
    assert verdict.waiver == {"by": "A. Reviewer", "reason": "the test set is being rewritten"}


def test_an_inconclusive_gate_may_only_warn_and_a_failed_one_stops() -> None:
    gate = Gate(gate="facts >= 0.9", on_inconclusive="warn")
    assert not decided(gate, [], samples([1.0] * 9 + [0.0])).blocks
    assert decided(gate, [], samples([0.0] * 50)).blocks


def test_gates_without_a_loss_fail_together_in_at_most_one_run_in_twenty() -> None:
    """Eight gates, each with a p-value of 0.03 on its own, do not fail: Holm's correction is over all of them."""
    before = samples([1.0] * 5 + [0.0] * 45)
    after = samples([0.0] * 5 + [0.0] * 45)
    models = {"base": before, "sft": after}
    gate = (Gate(gate="facts better than base"), FACTS)
    (one,) = verdicts_of("sft", [gate], lambda stage, _: models[stage])
    assert (one.outcome, one.p_fail) == ("fail", pytest.approx(1 / 32))
    many = verdicts_of("sft", [gate] * 8, lambda stage, _: models[stage])
    assert {verdict.outcome for verdict in many} == {"inconclusive"}
    (part,) = verdicts_of("sft", [gate], lambda stage, _: models[stage], share=1 / 8)
    assert part.outcome == "inconclusive", "a stage with one of the run's eight gates uses an eighth of the error"


def test_a_measure_that_is_no_mean_is_compared_by_permutation() -> None:
    twins = next(measure for measure in refusal_measures(SUITES["safety"]) if measure.name == "twins")  # type: ignore[arg-type]

    def answered(right: int) -> list[Sample]:
        labels = [("full_refusal", "compliance") if n < right else ("compliance", "compliance") for n in range(40)]
        return [
            Sample(f"{n}-{expected}", 0, None, f"g{n}", "?", None, "!", label=label, expected=expected)
            for n, pair in enumerate(labels)
            for expected, label in zip(("refuse", "answer"), pair, strict=True)
        ]

    subject = Subject("safety", "safety/twins", twins)
    verdict = decided("safety/twins better than base", answered(5), answered(35), subject)
    assert verdict.outcome == "pass"
    assert verdict.value == pytest.approx(35 / 40)
    assert verdict.reference == {"stage": "base", "value": pytest.approx(5 / 40)}
    assert verdict.clusters == 40
    assert decided("safety/twins >= 0.7", [], answered(35), subject).outcome == "pass"


def test_without_a_common_answer_the_verdict_is_inconclusive() -> None:
    nothing = SuiteMeasure("right", "higher", value=lambda sample: None)
    verdict = decided("facts better than base", samples([1.0]), samples([1.0]), Subject("facts", "facts", nothing))
    assert (verdict.outcome, verdict.n) == ("inconclusive", 0)


def questions(count: int, *, parts: int = 1, groups: int = 0) -> list[Question]:
    metadata = [{"slice": f"part {n % parts}", "group_id": n % groups if groups else None} for n in range(count)]
    return [Question(str(n), f"rows:{n}", (), {"metadata": values}) for n, values in enumerate(metadata)]


@pytest.mark.parametrize(
    ("gate", "count", "needed"),
    [
        ("facts >= 0.95", 58, "59 can show it"),
        ("facts >= 0.95", 59, None),
        ("facts <= 0.01", 298, "299 can show it"),
        ("facts <= 0.01", 299, None),
        ("facts >= 1", 1000, "no number of answers"),
        ("facts not worse than base by 0.02", 100, "can show it"),
        ("facts not worse than base by 0.02", 200, None),
        ("facts better than base", 2, None),
    ],
)
def test_a_plan_names_a_gate_that_no_result_can_pass(gate: str, count: int, needed: str | None) -> None:
    sentence = too_few_questions(Gate(gate=gate), FACTS, questions(count), 1)
    if needed is None:
        assert sentence is None
        perfect = samples([0.0 if "<=" in gate else 1.0] * count)
        assert "better" in gate or decided(gate, perfect, perfect).outcome == "pass"
    else:
        assert sentence is not None
        assert needed in sentence


def test_the_smallest_slice_and_groups_count_where_a_gate_is_about_them() -> None:
    assert too_few_questions(Gate(gate="facts[*] >= 0.9"), FACTS, questions(60, parts=2), 1) is None
    few = too_few_questions(Gate(gate="facts[*] >= 0.9"), FACTS, questions(60, parts=3), 1)
    assert few is not None
    assert "20 independent questions of the smallest slice" in few
    grouped = too_few_questions(Gate(gate="facts >= 0.9"), FACTS, questions(60, groups=10), 4)
    assert grouped is not None
    assert "10 independent questions" in grouped
