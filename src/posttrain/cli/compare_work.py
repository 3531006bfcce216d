"""The work of `posttrain compare`, apart from its options."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from posttrain import __version__
from posttrain.cli.compare_people import read_pairs_key, votes_on, write_blind_pairs
from posttrain.cli.compare_request import ComparisonRequest
from posttrain.cli.compared_answers import answers_of_models, one_answerer, samples_of_models
from posttrain.cli.measured_model import model_to_measure
from posttrain.cli.show_comparison import show_measures, show_pairs
from posttrain.console import Screen
from posttrain.endpoint import read_key
from posttrain.errors import RunError
from posttrain.evaluate.compare.blind_pairs import pairs_of_key, verdicts_of_people
from posttrain.evaluate.compare.judge import judge_pairs
from posttrain.evaluate.compare.judge_request import PairJudge
from posttrain.evaluate.compare.pairs import AnswerPair
from posttrain.evaluate.compare.result import PairsResult, result_of
from posttrain.evaluate.compare.reward_scores import score_difference, score_pairs
from posttrain.evaluate.compare.suites import MeasureComparison, compare_on_suite, with_holm
from posttrain.evaluate.compare.verdicts import PairVerdict
from posttrain.evaluate.suites.registry import suite_kind
from posttrain.files import write_json, write_whole
from posttrain.recipe.set_options import options_from_sets

COMPARISON = "comparison.json"
"""The result in the folder of a comparison."""

PAIRS = "pairs.jsonl"
"""Both answers to every prompt, with the verdict."""


def compare_and_show(request: ComparisonRequest) -> None:
    """Compare, write the folder, and show the result.

    Raises:
        InputError: a model, the prompts or the judge cannot be read.
        RunError: nothing was judged.
    """
    screen = Screen(quiet=request.as_json)
    if request.ranked is not None:
        models, keys = read_pairs_key(request)
        pairs = pairs_of_key(keys)
        votes = votes_on(pairs, request.ranked)
        verdicts = verdicts_of_people(pairs, votes)
        result = result_of(verdicts, votes=votes, by_people=True, seed=request.seed)
        _finish_pairs(request, models, {"by": "people"}, verdicts, result)
    elif request.by == "suite":
        _compare_suites(request, screen)
    elif request.by == "people":
        models, pairs = answers_of_models(request, screen)
        write_blind_pairs(request, models, pairs)
    else:
        _compare_pairs(request, screen)


def _compare_pairs(request: ComparisonRequest, screen: Screen) -> None:
    """By a judge or a reward model."""
    name = request.models[2]
    judge = _judge(request) if request.by == "judge" else None
    models, pairs = answers_of_models(request, screen)
    votes = None if request.human is None else votes_on(pairs, request.human)
    if judge is not None:
        verdicts = _judged(pairs, judge, screen)
        about = {"by": "judge", "judge": {"name": name, **judge.model_dump(mode="json")}}
    else:
        model = model_to_measure(name, (), request.local, request.seed, {"score"})
        with screen.bar("reward model", len(pairs)) as advance:
            verdicts = score_pairs(pairs, one_answerer(model), lambda done: advance(done, "pairs"))
        about = {"by": "reward", "reward_model": name, "score": score_difference(verdicts)}
    _check_judged(verdicts)
    result = result_of(verdicts, both_orders=judge is not None, votes=votes, seed=request.seed)
    _finish_pairs(request, models, about, verdicts, result)


def _judge(request: ComparisonRequest) -> PairJudge:
    model, _, url = request.models[2].partition("@http")
    judge = options_from_sets(PairJudge, request.sets, {"url": f"http{url}", "model": model})
    read_key(judge)  # a missing key is an error before the models answer
    return judge


def _judged(pairs: Sequence[AnswerPair], judge: PairJudge, screen: Screen) -> list[PairVerdict]:
    total = 2 * sum(not pair.identical for pair in pairs)
    with screen.bar("judge", total) as advance:
        return judge_pairs(pairs, judge, lambda done: advance(done, "replies"))


def _check_judged(verdicts: Sequence[PairVerdict]) -> None:
    if not any(verdict.outcome for verdict in verdicts):
        problems = [problem for verdict in verdicts for problem in verdict.problems]
        raise RunError(f"no pair was judged ({problems[0] if problems else 'there are no pairs'})")


def _finish_pairs(
    request: ComparisonRequest,
    models: Mapping[str, Any],
    about: Mapping[str, Any],
    verdicts: Sequence[PairVerdict],
    result: PairsResult,
) -> None:
    _write_lines(request.folder / PAIRS, [verdict.as_json() for verdict in verdicts])
    value = _write_comparison(request, models, about, result.as_json())
    if request.as_json:
        typer.echo(json.dumps(value, indent=2))
    else:
        show_pairs(result, models, request.folder)


def _compare_suites(request: ComparisonRequest, screen: Screen) -> None:
    models, suites, samples = samples_of_models(request, screen)
    rows: list[MeasureComparison] = []
    lines: list[Mapping[str, Any]] = []
    for name, options in suites.items():
        a, b = samples["A"][name], samples["B"][name]
        measures = suite_kind(options).measures(options)
        rows += compare_on_suite(name, measures, a, b, slices=options.slices, seed=request.seed)
        others = {sample.key: sample for sample in b}
        lines += [
            {
                **{"suite": name, "id": one.id, "repeat": one.repeat, "slice": one.slice, "group_id": one.group},
                **{"question": one.question, "answer_a": one.answer, "answer_b": others[one.key].answer},
                **{"values_a": dict(one.values), "values_b": dict(others[one.key].values)},
            }
            for one in a
            if one.key in others
        ]
    rows = with_holm(rows)
    _write_lines(request.folder / PAIRS, lines)
    value = _write_comparison(request, models, {"by": "suite"}, {"measures": [row.as_json() for row in rows]})
    if request.as_json:
        typer.echo(json.dumps(value, indent=2))
    else:
        show_measures(rows, models, request.folder)


def _write_comparison(
    request: ComparisonRequest, models: Mapping[str, Any], about: Mapping[str, Any], result: Mapping[str, Any]
) -> dict[str, Any]:
    data = {"data": request.data, "suite": None if request.suite is None else str(request.suite)}
    inputs = {"rankings": request.ranked, "human": request.human, **data, "sampling": dict(request.sampling)}
    value = {"posttrain": __version__, **about, "models": models, **inputs, "seed": request.seed, **result}
    write_json(request.folder / COMPARISON, value)
    return value


def _write_lines(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    write_whole(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
