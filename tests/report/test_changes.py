"""What a stage changed: the sign, the difference and the test of each result, against scipy and by hand."""

import json
from pathlib import Path

import pytest
from scipy import stats

from posttrain.evaluate.sample import Sample
from posttrain.report.changes import stage_changes
from posttrain.report.headline import headline
from posttrain.report.record import read_run
from posttrain.report.two_runs import two_runs
from posttrain.statistics.holm import holm
from run_folders import SUITE, WRONG, gate, put, put_results, put_run, samples_of, unpack_old_run


def changes(folder: Path, stage: str) -> dict[str, tuple[str, float | None]]:
    run = read_run(folder)
    record = next(one for one in run.stages if one.name == stage)
    return {one.after.key.label: (one.sign, one.difference) for one in stage_changes(run, record)}


def test_the_old_run_s_losses_are_those_of_mcnemar_s_test(tmp_path: Path) -> None:
    folder = unpack_old_run(tmp_path)
    run = read_run(folder)
    found = stage_changes(run, next(stage for stage in run.stages if stage.name == "dpo"))

    def values(stage: str, suite: str) -> list[tuple[str | None, float]]:
        lines = (folder / f"stages/{stage}/behaviour/samples_{suite}.jsonl").read_text().splitlines()
        return [(row["slice"], row["value"]) for row in map(json.loads, lines)]

    expected = []
    for change in found:
        key = change.after.key
        pairs = zip(values("ift", key.suite), values("dpo", key.suite), strict=True)
        inside = [(b, a) for (part, b), (_, a) in pairs if key.part in (None, part)]
        gains, losses = sum(a > b for b, a in inside), sum(a < b for b, a in inside)
        expected.append(stats.binomtest(min(gains, losses), gains + losses).pvalue if gains + losses else 1.0)
        assert change.test is not None
        assert change.test.p_two_sided == pytest.approx(expected[-1], rel=1e-9)
        assert change.difference == pytest.approx((gains - losses) / len(inside))
    assert [change.p for change in found] == pytest.approx(holm(expected))
    signs = {change.after.key.label: change.sign for change in found}
    assert signs["instructions_unseen"] == "fell"
    assert signs["asks_refused, off-label"] == "rose"
    assert signs["facts"] == "undecided"


@pytest.mark.parametrize(("measure", "name", "sign"), [(None, "match", "better"), (WRONG, "off", "worse")])
def test_the_sign_follows_the_direction_of_the_measure(tmp_path: Path, measure: object, name: str, sign: str) -> None:
    folder = put_run(tmp_path, {"sft": {}}, {"facts": {**SUITE, "metrics": {name: {"kind": "match"}}}})
    more = {} if measure is None else {"measures": (WRONG,)}
    put_results(folder / "base", {"facts": samples_of([0.0] * 20, name=name)}, **more)
    put_results(folder / "stages/sft", {"facts": samples_of([1.0] * 20, name=name)}, **more)
    assert changes(folder, "sft")["facts"] == (sign, 1.0)


def test_few_questions_leave_a_change_undecided(tmp_path: Path) -> None:
    folder = put_run(tmp_path, {"sft": {}}, {"facts": SUITE})
    put_results(folder / "base", {"facts": samples_of([0.0] * 4)})
    put_results(folder / "stages/sft", {"facts": samples_of([1.0] * 4)})
    assert changes(folder, "sft")["facts"] == ("undecided", 1.0)


def test_without_saved_answers_a_change_is_not_tested(tmp_path: Path) -> None:
    folder = put_run(tmp_path, {"sft": {}}, {"facts": SUITE})
    for name, value in (("base", 0.0), ("stages/sft", 1.0)):
        put_results(folder / name, {"facts": samples_of([value] * 20)})
    (folder / "base/behaviour/samples_facts.jsonl").unlink()
    assert changes(folder, "sft")["facts"] == ("not tested", 1.0)


def test_other_questions_of_the_same_id_are_not_paired(tmp_path: Path) -> None:
    folder = put_run(tmp_path, {"sft": {}}, {"facts": SUITE})
    for name, value in (("base", 0.0), ("stages/sft", 1.0)):
        put_results(folder / name, {"facts": samples_of([value] * 20)})
    path = folder / "base/behaviour/samples_facts.jsonl"
    path.write_text(path.read_text().replace("Question", "Another question"))
    assert changes(folder, "sft")["facts"][0] == "not tested"


def test_a_measure_that_is_no_mean_is_compared_from_the_samples(tmp_path: Path) -> None:
    from posttrain.evaluate.suites.refusal import RefusalSuite, refusal_measures

    options = RefusalSuite.model_validate({"kind": "refusal", "data": "asks.jsonl"})
    folder = put_run(tmp_path, {"sft": {}}, {"asks": options.model_dump(mode="json")})

    def twins(label: str) -> list[Sample]:
        wanted = [("refuse", label), ("answer", "compliance")]
        return [
            Sample(f"{n} {want}", 0, None, f"g{n}", f"{want} {n}?", None, "x", {}, shown, None, want)
            for n in range(12)
            for want, shown in wanted
        ]

    measures = refusal_measures(options)
    put_results(folder / "base", {"asks": twins("compliance")}, measures)
    put_results(folder / "stages/sft", {"asks": twins("full_refusal")}, measures)
    found = changes(folder, "sft")
    assert found["asks: twins"] == ("better", 1.0)
    assert found["asks: refused"] == ("better", 1.0)
    assert found["asks: over_refused"] == ("undecided", 0.0)


def test_the_verdict_names_the_gates_that_stopped_the_run(tmp_path: Path) -> None:
    folder = put_run(tmp_path, {"sft": {}}, {})

    def verdict(*gates: dict[str, object]) -> tuple[str, str]:
        put(folder / "gates.json", {"gates": list(gates)})
        shown = headline(read_run(folder), {})
        return shown.tone, " ".join([shown.sentence, *shown.more])

    good, bad = gate("facts >= 0.9", "pass"), gate("tone better than base", "fail")
    unsure = gate("refusal >= 0.95", "inconclusive")
    assert verdict(good, good) == ("good", "Passed all 2 gates.")
    tone, text = verdict(good, bad, unsure)
    assert tone == "bad"
    assert "1 gate failed: tone better than base (stage sft)" in text
    assert "1 gate stayed inconclusive: refusal >= 0.95 (stage sft)" in text
    waived = gate("tone better than base", "fail", waiver={"by": "A. Person", "reason": "known"})
    tone, text = verdict(good, waived)
    assert tone == "open"
    assert "Waived: tone better than base (stage sft) by A. Person." in text
    warned = gate("refusal >= 0.95", "inconclusive", blocks=False, on_inconclusive="warn")
    assert verdict(good, warned)[1].startswith("Passed 1 of 2 gates; 1 other did not stop the run")


def test_two_runs_are_compared_by_their_last_models_on_shared_suites(tmp_path: Path) -> None:
    folders = []
    for name, value, rate in (("mine", 1.0, 0.1), ("theirs", 0.0, 0.2)):
        stage = {"kind": "sft", "learning_rate": rate}
        folder = put_run(tmp_path / name, {"sft": stage}, {"facts": SUITE, f"only {name}": SUITE})
        samples = samples_of([value] * 20)
        put_results(folder / "stages/sft", {"facts": samples, f"only {name}": samples})
        folders.append(folder)
    compared = two_runs(*map(read_run, folders))
    assert {row.label for row in compared.rows} == {"facts", "facts, even", "facts, odd"}
    assert {row.word for row in compared.rows} == {"better"}
    assert compared.sentence == "On 3 shared results, this run is: 3 better."
    assert ("stages.sft.learning_rate", "0.2", "0.1") in compared.settings
