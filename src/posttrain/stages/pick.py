"""Picking: rewards score candidates, and the best or worst ones become training data."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

from posttrain.candidates.best_of_n import best_of_n_curve
from posttrain.candidates.picked_rows import Picked, ScoredGroup, picked_rows
from posttrain.candidates.read import CandidateData, read_candidate_groups
from posttrain.data.skipped import SkipReason, Skips
from posttrain.data.summary import DataSummary
from posttrain.errors import InputError, RunError
from posttrain.files import write_json, write_whole
from posttrain.policy.shape import model_shape
from posttrain.ranks.assist import Call, assisted
from posttrain.recipe.stages.pick import PickStage
from posttrain.stages.context import Context, Figure
from posttrain.stages.inputs import left_out_of
from posttrain.stages.pick_scores import CandidateScores, score_candidates, scoring_functions
from posttrain.stages.rewards import SHOWN
from posttrain.stages.runner import Preview, Runner
from posttrain.statistics.estimate import Estimate
from posttrain.statistics.intervals import interval

FILE = str(PickStage.product)
"""The rows that the stage leaves for later stages."""

CURVE = "best_of_n.json"
"""The expected score of the best of n candidates."""


def _needs(stage: PickStage, context: Context) -> Mapping[str, int]:
    """Bytes of the weights of all reward models; empty if no reward is a model of this machine."""
    paths = [context.models[other.name] for other in stage.others]
    shapes = [model_shape(path, trust_remote_code=stage.trust_remote_code) for path in paths]
    return {"weights": sum(4 * shape.parameters for shape in shapes)} if shapes else {}


def _preview(stage: PickStage, context: Context) -> Preview:
    data = _read(stage, context)
    candidates = sum(len(group.candidates) for group in data.groups)
    context.screen.note(f"{candidates:,} candidates of {len(data.groups):,} prompts to score")
    return Preview(_summary(len(data.groups), data, Skips(), {}), 0, _needs(stage, context), ())


def pick_candidates(stage: PickStage, context: Context) -> dict[str, Figure]:
    """Score the candidates, and write ``picked.jsonl``, ``best_of_n.json`` and ``data.json``.

    Killed at any point and called again, it goes on to the same bytes. Every rank of a run scores some of the prompts;
    the main process does the rest.

    Raises:
        RunError: a reward fails too often, or no prompt gives a row.
    """
    return assisted(scoring_functions(stage, context), lambda call: _pick(stage, context, call))


def _pick(stage: PickStage, context: Context, call: Call) -> dict[str, Figure]:
    data = _read(stage, context)
    scores = score_candidates(stage, data.groups, context, call)
    skips, picked = Skips(), list[tuple[ScoredGroup, Picked]]()
    for scored in scores.groups:
        result = picked_rows(scored, stage)
        if isinstance(result, SkipReason):
            skips.add(result, scored.group.example.where)
        else:
            picked.append((scored, result))
    rows = [row for _, result in picked for row in result.rows]
    summary = _summary(len(picked), data, skips, _noted(scores, picked))
    for sentence in (*_alarms(scores), f"rows: {len(rows):,}, of {len(picked):,} prompts", *left_out_of(summary)):
        context.screen.note(sentence)
    if not rows:
        raise RunError(
            f"no prompt gives a row. {'; '.join(skips.lines())}. Change the rewards, min_score or min_difference, or "
            "generate more candidates per prompt"
        )
    curve = best_of_n_curve([[total for total in s.totals if total is not None] for s in scores.groups])
    write_json(context.folder / CURVE, _curve_as_json(curve, len(scores.groups)))
    write_json(context.folder / "data.json", _about(stage, summary, scores, len(rows)))
    lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
    write_whole(context.folder / FILE, "".join(lines))
    return {**_figures(scores, picked, len(rows)), **_curve_figures(curve)}


def _read(stage: PickStage, context: Context) -> CandidateData:
    data = read_candidate_groups(stage.data, context.base)
    if not data.groups:
        raise InputError(f"data: no prompt is left. {'; '.join(data.skips.lines()) or 'The sources are empty'}")
    return data


def _summary(prompts: int, data: CandidateData, skips: Skips, noted: Mapping[str, int]) -> DataSummary:
    skipped = {**data.skips.by_reason(), **skips.by_reason()}
    return replace(DataSummary.of_rows(prompts), skipped=skipped, noted={**data.noted, **noted})


def _noted(scores: CandidateScores, picked: Sequence[tuple[ScoredGroup, Picked]]) -> dict[str, int]:
    """Counts of candidates and prompts beside those that give no row."""
    noted = {
        "a candidate is left out, as its score equals that of a better placed one": sum(
            result.ties > 0 for _, result in picked
        ),
        "a candidate has no score": sum(None in scored.totals for scored in scores.groups),
    }
    return {what: count for what, count in noted.items() if count}


def _alarms(scores: CandidateScores) -> list[str]:
    """Sentences on rewards that failed or did not apply."""
    shown = [f"a reward failed on a candidate: {sentence}" for sentence in scores.failures[:SHOWN]]
    if len(scores.failures) > SHOWN:
        shown.append(f"rewards failed on {len(scores.failures) - SHOWN:,} further candidates")
    return shown + [
        f"rewards.{name} does not apply to {count:,} candidates: {reason}"
        for name, reasons in scores.not_applicable.items()
        for reason, count in reasons.items()
    ]


def _about(stage: PickStage, summary: DataSummary, scores: CandidateScores, rows: int) -> dict[str, Any]:
    """The content of ``data.json``."""
    return {
        **summary.as_json(),
        "rows": rows,
        "rewards": {name: spec.model_dump(mode="json") for name, spec in stage.rewards.items()},
        "failures": len(scores.failures),
        "not_applicable": {name: dict(reasons) for name, reasons in scores.not_applicable.items()},
    }


def _figures(scores: CandidateScores, picked: Sequence[tuple[ScoredGroup, Picked]], rows: int) -> dict[str, Figure]:
    every = [[total for total in scored.totals if total is not None] for scored in scores.groups]
    sides = {
        "pick/score_of_all": [values for values in every if values],
        "pick/score_of_kept": [_totals(scored, result.kept) for scored, result in picked],
        "pick/score_of_rejected": [_totals(scored, result.rejected) for scored, result in picked if result.rejected],
    }
    return {
        "pick/rows": Figure(None, float(rows), rows, unit="count", of="rows"),
        "pick/prompts_with_rows_ratio": Figure(
            None, len(picked) / len(scores.groups), len(scores.groups), None, "share", "prompts"
        ),
        **{name: _mean(values) for name, values in sides.items() if values},
    }


def _totals(scored: ScoredGroup, places: Sequence[int]) -> list[float]:
    return [total for place in places if (total := scored.totals[place]) is not None]


def _mean(by_prompt: Sequence[Sequence[float]]) -> Figure:
    """The mean over prompts of the mean score of a prompt's candidates."""
    means = [fmean(values) for values in by_prompt]
    return Figure(None, fmean(means), len(means), interval(means), of="prompts")


def _curve_figures(curve: Sequence[Estimate]) -> dict[str, Figure]:
    """The last point of the curve; ``best_of_n.json`` has all points."""
    return {f"pick/best_of_{len(curve)}": _figure(curve[-1])} if curve else {}


def _figure(point: Estimate) -> Figure:
    return Figure(None, point.value, point.n, point.interval, of=point.counted)


def _curve_as_json(curve: Sequence[Estimate], prompts: int) -> dict[str, Any]:
    counted = curve[0].n if curve else 0
    points = [{"n": n, "score": point.value, "interval": point.interval} for n, point in enumerate(curve, 1)]
    return {"prompts": counted, "prompts_with_fewer_scores": prompts - counted, "curve": points}


RUNNER = Runner(pick_candidates, _preview, _needs, parallel=True)
