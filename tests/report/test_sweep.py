"""The report of a sweep: a planted difference is found by paired tests, and noise is not."""

import json
import random
from itertools import combinations
from pathlib import Path

import pytest
from scipy.stats import binomtest

from posttrain.report.record import read_run
from posttrain.report.sweep import sweep_report, write_sweep
from posttrain.report.sweep_results import SweepReport, SweepRun
from run_folders import SUITE, put_results, put_run, put_stage, samples_of

N = 60


def answers(right: int) -> list[float]:
    """Zeros and ones; a model with more right answers has all right answers of a weaker one."""
    return [float(n < right) for n in range(N)]


def a_run(folder: Path, values: list[float] | None, *, value: str, fingerprint: str) -> SweepRun:
    put_run(folder, {"sft": {}, "dpo": {"model": "sft", "beta": float(value)}}, {"facts": SUITE})
    put_stage(folder / "stages/sft", figures={"eval_loss": {"before": 2.0, "after": 1.0, "n": 9, "unit": "nats"}})
    state = "done"
    if values is None:
        (folder / "stages/dpo/stage.json").unlink()
        state = "step 3: the loss diverged"
    else:
        share = sum(values) / N
        figure = {"before": 0.1, "after": share, "n": N, "interval": [share - 0.1, share + 0.1], "unit": "share"}
        loss = {"before": 0.7, "after": 0.5, "n": 9, "interval": None, "unit": "value"}
        figures = {"facts": figure, "facts[even]": figure, "eval_loss": loss}
        put_stage(folder / "stages/dpo", fingerprint=fingerprint, figures=figures)
        put_results(folder / "stages/dpo", {"facts": samples_of(values)})
    put_results(folder / "stages/sft", {"facts": samples_of(answers(10))})
    return SweepRun(f"beta={value}", value, {"stages.dpo.beta": value}, state, read_run(folder))


@pytest.fixture
def report(tmp_path: Path) -> SweepReport:
    rights = {"0.05": answers(20), "0.1": answers(22), "0.2": answers(40), "0.9": None}
    return sweep_report([a_run(tmp_path / key, values, value=key, fingerprint=key) for key, values in rights.items()])


def test_every_pair_is_tested_on_the_same_answers_with_holm(report: SweepReport) -> None:
    """McNemar's exact test of the pairs that differ, and Holm's correction, computed here with scipy."""
    rights = {"0.05": 20, "0.1": 22, "0.2": 40}
    pairs = list(combinations(rights, 2))
    raw = [binomtest(0, abs(rights[a] - rights[b]), 0.5).pvalue for a, b in pairs]
    order = sorted(range(3), key=lambda i: raw[i])
    corrected, largest = [0.0] * 3, 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (3 - rank) * raw[i]))
        corrected[i] = largest
    assert [(test.first, test.second) for test in report.tests] == pairs
    assert [test.change.p for test in report.tests] == pytest.approx(corrected, abs=1e-12)
    assert [test.shown for test in report.tests] == [False, True, True]
    assert "0.05 → 0.2 is better by +33.3 points" in report.sentence
    assert "0.05 → 0.1" not in report.sentence


def test_equal_stages_are_named_once_and_failed_values_are_listed(report: SweepReport, tmp_path: Path) -> None:
    assert report.shared == ("sft",)
    assert [(row.stage, row.metric) for row in report.rows] == [("dpo", "facts"), ("dpo", "eval_loss")]
    assert report.rows[0].cells == [
        "33.3% (23.3% to 43.3%)",
        "36.7% (26.7% to 46.7%)",
        "66.7% (56.7% to 76.7%)",
        "–",
    ]
    page = write_sweep(tmp_path, report).read_text()
    for text in (
        "beta=0.9",
        "the loss diverged",
        "33.3% (23.3% to 43.3%)",
        "<svg",
        "0.05 → 0.2",
        'href="beta%3D0.1/report.html"',
    ):
        assert text in page
    written = json.loads((tmp_path / "sweep.json").read_text())
    assert written["runs"][3] == {
        "name": "beta=0.9",
        "values": {"stages.dpo.beta": "0.9"},
        "state": "step 3: the loss diverged",
    }
    assert written["figures"][0]["values"][2]["value"] == pytest.approx(2 / 3)


def test_noise_alone_seldom_is_a_difference(tmp_path: Path) -> None:
    """Four equal models, six times: their means differ each time, and at most one sweep in twenty shows it."""
    shown = 0
    for seed in range(6):
        rng, runs = random.Random(seed), list[SweepRun]()
        for n in "1234":
            values = [float(rng.random() < 0.5) for _ in range(N)]
            runs.append(a_run(tmp_path / f"{seed}-{n}", values, value=f"0.{n}", fingerprint=n))
        report = sweep_report(runs)
        assert len(report.tests) == 6
        assert report.sentence.startswith("No difference between values") == (not any(t.shown for t in report.tests))
        shown += any(test.shown for test in report.tests)
    assert shown <= 1


def test_without_suites_nothing_is_claimed(tmp_path: Path) -> None:
    runs = [a_run(tmp_path / key, answers(20), value=key, fingerprint=key) for key in ("0.1", "0.2")]
    for run in runs:
        assert run.record is not None
        for path in run.record.folder.rglob("results.json"):
            path.unlink()
    bare = [SweepRun(r.name, r.label, r.values, r.state, read_run(r.record.folder)) for r in runs if r.record]
    assert sweep_report(bare).sentence.startswith("No difference can be tested")
