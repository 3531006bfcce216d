"""How far the people who ranked answers agree, from the stages of kind ``rank``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from posttrain.report.record import RunRecord, StageRecord
from posttrain.report.run_files import expected, json_object

ALPHA = "rank/krippendorff_alpha"


@dataclass(frozen=True, slots=True)
class RankingAgreement:
    """One project of rankings.

    Args:
        alpha: Krippendorff's alpha; None if too few items have two rankings.
        reading: what the value means.
        rows: the rows that became training data.
        left_out: reason → number of items.
    """

    stage: str
    project: str
    alpha: float | None
    interval: tuple[float, float] | None
    items: int
    reading: str
    rows: int
    left_out: Mapping[str, int]
    simulated: bool


def rankings_of(run: RunRecord) -> list[RankingAgreement]:
    """The agreement of each finished stage that let people rank.

    Raises:
        InputError: a file of the export is broken.
    """
    return [_agreement(stage) for stage in run.stages if ALPHA in stage.figures]


def _agreement(stage: StageRecord) -> RankingAgreement:
    path = stage.folder / "export" / "manifest.json"
    exported: Mapping[str, Any] = json_object(path) or {}
    with expected(path):
        left_out = {str(why): int(n) for why, n in exported.get("left_out", {}).items()}
        project = str(exported.get("project", stage.options.get("project", stage.name)))
    with expected(stage.folder / "stage.json"):
        alpha, rows = stage.figures[ALPHA], stage.figures.get("rank/rows", {})
        value = None if alpha["after"] is None else float(alpha["after"])
        ends = alpha.get("interval")
        return RankingAgreement(
            stage.name,
            project,
            value,
            None if ends is None else (float(ends[0]), float(ends[1])),
            int(alpha["n"]),
            alpha_reading(value),
            int(rows.get("after") or 0),
            left_out,
            bool(stage.options.get("simulated")),
        )


def alpha_reading(alpha: float | None) -> str:
    """The meaning of alpha, by the limits of K. Krippendorff, "Content Analysis" (2004), chapter 11."""
    if alpha is None:
        return "Too few items were ranked by two people, so agreement cannot be computed."
    if alpha >= 0.8:
        return "People agree well: their rankings are reliable."
    if alpha >= 0.667:
        return "People agree well enough for tentative conclusions."
    return "People disagree often: improve the guideline before you rely on a model trained on these rankings."
