"""The answers of two models, one model after the other, so that only one is in memory."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from posttrain.cli.compare_request import ComparisonRequest
from posttrain.cli.measured_model import ModelToMeasure, model_to_measure, saved_to_measure
from posttrain.console import Screen
from posttrain.errors import InputError
from posttrain.evaluate.answers import Answerer, ModelAnswer
from posttrain.evaluate.behaviour import run_suite, samples_file
from posttrain.evaluate.compare.pairs import AnswerPair, Side, answer_pairs
from posttrain.evaluate.options import SuiteOptions, SuiteTask
from posttrain.evaluate.questions import Question, read_questions
from posttrain.evaluate.sample import Sample, write_samples
from posttrain.evaluate.suites.registry import suite_kind
from posttrain.files import write_whole
from posttrain.recipe.suite_file import load_suites, suite_of_options

SIDES: tuple[Side, Side] = ("A", "B")


def answers_of_models(request: ComparisonRequest, screen: Screen) -> tuple[dict[str, Any], list[AnswerPair]]:
    """What both models are, and their answers to the prompts; these are also written to the folder.

    Raises:
        InputError: a model or the prompts cannot be read.
    """
    options = SuiteOptions.model_validate({"data": request.data, **request.sampling})
    questions = read_questions(options, Path(), lambda question: None)
    if not questions:
        raise InputError(f"--data {request.data}: has no rows")
    models: dict[str, Any] = {}
    answers: dict[Side, list[list[ModelAnswer]]] = {}
    for side, name in zip(SIDES, request.models[:2], strict=True):
        source = _model(name, request, {"pairs": options})
        generate = one_answerer(source).generate
        if generate is None:
            raise InputError(f"{name}: gives no answers")
        with screen.bar(f"answers of {side}", len(questions)) as advance:
            answers[side] = generate(questions, options, lambda done, advance=advance: advance(done, "answers"))
        models[side] = _about(source)
        _write_answers(request.folder / f"answers_{side.lower()}.jsonl", questions, answers[side])
    return models, answer_pairs(questions, answers["A"], answers["B"])


def samples_of_models(
    request: ComparisonRequest, screen: Screen
) -> tuple[dict[str, Any], Mapping[str, SuiteOptions], dict[Side, dict[str, list[Sample]]]]:
    """What both models are, the suites, and both models' samples of each; these are also written to the folder.

    Raises:
        InputError: a model or a suite cannot be read.
    """
    if request.suite is not None:
        suites, base = load_suites(request.suite, request.sets), request.suite.parent
    else:
        suites = suite_of_options(str(request.data), request.kind, request.metrics, request.sets)
        base = Path()
    for name, options in suites.items():
        try:
            suite_kind(options).read(options, base)  # a wrong row is an error before a model is loaded
        except InputError as error:
            raise InputError(f"suites.{name}: {error}") from error
    models: dict[str, Any] = {}
    samples: dict[Side, dict[str, list[Sample]]] = {}
    for side, name in zip(SIDES, request.models[:2], strict=True):
        source = _model(name, request, suites)
        samples[side] = {}
        for suite, options in suites.items():
            with screen.bar(f"{suite} of {side}", None) as advance:
                found = run_suite(
                    one_answerer(source, suite), options, base, lambda done, advance=advance: advance(done, "answers")
                )
            samples[side][suite] = found
            write_samples(request.folder / side / samples_file(suite), found)
        models[side] = _about(source)
    return models, suites, samples


def one_answerer(source: ModelToMeasure, suite: str = "pairs") -> Answerer:
    """The answerer of a suite."""
    return source.answerer if isinstance(source.answerer, Answerer) else source.answerer[suite]


def _model(name: str, request: ComparisonRequest, suites: Mapping[str, SuiteOptions]) -> ModelToMeasure:
    place = Path(name)
    if place.is_file() or (place.is_dir() and any(place.glob("samples_*.jsonl"))):
        return saved_to_measure(place, suites)
    tasks: set[SuiteTask] = {options.task for options in suites.values()}
    return model_to_measure(name, request.server if "@http" in name else (), request.local, request.seed, tasks)


def _about(source: ModelToMeasure) -> dict[str, Any]:
    return {"name": source.name, "place": source.place, "sha256": source.fingerprint}


def _write_answers(path: Path, questions: Sequence[Question], answers: Sequence[Sequence[ModelAnswer]]) -> None:
    """Write rows that serve as saved answers of a later comparison."""
    rows = [
        {"id": question.id, "question": question.text, "answer": group[0].text}
        for question, group in zip(questions, answers, strict=True)
    ]
    write_whole(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
