"""The chart of the best of n answers in a run's report."""

import json
from pathlib import Path

import pytest

from posttrain.errors import InputError
from posttrain.report.picked import picked_curves
from posttrain.report.record import StageRecord

CURVE = {
    "prompts": 40,
    "prompts_with_fewer_scores": 0,
    "curve": [{"n": n, "score": s} for n, s in ((1, 0.2), (2, 0.5))],
}


def stage(folder: Path, kind: str = "pick") -> StageRecord:
    return StageRecord("pick", folder, {"kind": kind}, "done", {}, {}, (), None)


def test_the_page_shows_the_curve_of_a_stage_that_picked(tmp_path: Path) -> None:
    (tmp_path / "best_of_n.json").write_text(json.dumps(CURVE))
    (curve,) = picked_curves(stage(tmp_path))
    assert "0.2 for one answer and 0.5 for the best of 2, over 40 prompts" in curve.aid
    assert "n = 1" in curve.chart
    assert "step" not in curve.chart
    assert picked_curves(stage(tmp_path, "candidates")) == []


def test_a_stage_without_two_points_has_no_chart_and_a_broken_file_is_named(tmp_path: Path) -> None:
    assert picked_curves(stage(tmp_path)) == []
    path = tmp_path / "best_of_n.json"
    path.write_text(json.dumps({**CURVE, "curve": CURVE["curve"][:1]}))  # type: ignore[index]
    assert picked_curves(stage(tmp_path)) == []
    path.write_text(json.dumps({"prompts": 40}))
    with pytest.raises(InputError, match=r"best_of_n\.json"):
        picked_curves(stage(tmp_path))
