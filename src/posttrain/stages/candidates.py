"""Candidates, the first step of RLHF: models generate several completions of each prompt for people to rank."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from posttrain.candidates.draw import Draft, Writer, make_candidates
from posttrain.candidates.prompts import CandidatePrompt, read_prompts_for_candidates
from posttrain.data.chat.answer_text import answer_text, prefill_note
from posttrain.data.chat.encode import Renderer
from posttrain.data.sets.split import TRAIN
from posttrain.data.summary import DataSummary, PartSize
from posttrain.endpoint import EndpointOptions
from posttrain.errors import InputError
from posttrain.files import hash_of, sha256_of, write_json, write_whole
from posttrain.generation.engine import generate_completions
from posttrain.generation.remote import request_completions
from posttrain.generation.sampling import Sampling, sampling_of
from posttrain.policy.load import Policy
from posttrain.policy.memory import cache_bytes
from posttrain.policy.open import open_policy
from posttrain.policy.options import PolicyOptions
from posttrain.policy.shape import model_shape
from posttrain.ranks.assist import Call, Function, OnDone, assisted
from posttrain.recipe.stages.candidates import CandidatesStage, name_of
from posttrain.stages.context import Context, Figure
from posttrain.stages.figures import unit_of
from posttrain.stages.inputs import left_out_of, renderer_for
from posttrain.stages.runner import Preview, Runner

FILE = str(CandidatesStage.product)
"""What the stage leaves: rows in the ranking format, without ranks."""


def _needs(stage: CandidatesStage, context: Context, longest: Mapping[str, int] | None = None) -> dict[str, int]:
    """Bytes of memory at the peak, by purpose: of the largest model, since they write one after another.

    Args:
        longest: tokens of the longest prompt by the model's path; the least there can be if it is not known.
    """
    most = {"weights": 0, "writing": 0}
    for path in (path for _, path in _paths(stage, context) if isinstance(path, str)):
        shape = model_shape(path, trust_remote_code=stage.trust_remote_code)
        length = (longest or {}).get(path, 1) + stage.max_new_tokens
        cache = cache_bytes(shape, rows=stage.rollout_rows, length=length)
        most = max(most, {"weights": 4 * shape.parameters, "writing": cache}, key=lambda some: sum(some.values()))
    return most


def _preview(stage: CandidatesStage, context: Context) -> Preview:
    """What a run would do: prompts, and the memory of the largest model."""
    locals_ = _locals(stage, context)
    prompts, summary = _read(stage, list(locals_.values()), context)
    longest = {path: max(len(prompt.tokens[number]) for prompt in prompts) for number, path in enumerate(locals_)}
    return Preview(summary, 0, _needs(stage, context, longest), tuple(locals_.values()))


def draw_candidates(stage: CandidatesStage, context: Context) -> dict[str, Figure]:
    """Generate the candidates; the stage's folder then holds ``candidates.jsonl``, ``params.json`` and ``data.json``.

    Killed at any point and called again, it goes on to the same bytes. Every rank of a run generates for some of the
    prompts; the main process does the rest.

    Returns:
        the stage's part of ``summary.json``.
    """
    locals_ = _locals(stage, context)
    prompts, summary = _read(stage, list(locals_.values()), context)
    functions = _local_draws(stage, prompts, locals_, context)
    return assisted(functions, lambda call: _write(stage, prompts, summary, locals_, context, call))


def _write(
    stage: CandidatesStage,
    prompts: Sequence[CandidatePrompt],
    summary: DataSummary,
    renderers: Mapping[str, Renderer],
    context: Context,
    call: Call,
) -> dict[str, Figure]:
    """Draw the candidates and write the stage's files."""
    screen, folder = context.screen, context.folder
    writers, sampling = (
        _writers(stage, prompts, renderers, context, call),
        sampling_of(stage, _seed(stage, context.seed)),
    )
    found = make_candidates(prompts, writers, stage, sampling, folder / "draws", screen=screen, stop=context.stop)
    drawn = replace(DataSummary.of_rows(len(found.rows)), skipped=found.skips.by_reason(), noted=found.noted)
    for sentence in left_out_of(drawn):
        screen.note(sentence)
    skipped, noted = {**summary.skipped, **drawn.skipped}, {**summary.noted, **drawn.noted}
    summary = replace(summary, skipped=skipped, noted=noted)
    write_json(folder / "data.json", {**summary.as_json(), "rows": len(found.rows)})
    write_json(folder / "params.json", found.params)
    lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in found.rows)
    write_whole(folder / FILE, "".join(lines))
    return {
        name: Figure(None, value, n, None, unit_of(name), "prompts" if name.endswith("prompt") else "candidates")
        for name, (value, n) in found.figures.items()
    }


def _paths(stage: CandidatesStage, context: Context) -> list[tuple[str, str | EndpointOptions]]:
    """(name, folder or hub id, or server) of each model."""
    if not stage.models:
        folder = Path(context.model)
        return [(stage.model or (folder.name if folder.is_dir() else context.model), context.model)]
    return [(name_of(m), context.models[m] if isinstance(m, str) else m) for m in stage.models]


def _locals(stage: CandidatesStage, context: Context) -> dict[str, Renderer]:
    """Path → renderer of each model that runs here."""
    found: dict[str, Renderer] = {}
    for _, path in _paths(stage, context):
        if isinstance(path, str):
            own = replace(context, model=path)
            found[path] = renderer_for(stage, own, trust_remote_code=stage.trust_remote_code)
    return found


def _read(
    stage: CandidatesStage, renderers: Sequence[Renderer], context: Context
) -> tuple[list[CandidatePrompt], DataSummary]:
    """The prompts, and a word on what was left out."""
    with context.screen.bar("reading", None) as advance:
        prompts, summary = read_prompts_for_candidates(
            stage,
            renderers,
            answer=stage.max_new_tokens,
            base=context.base,
            keep_columns=stage.keep_columns,
            on_rows=lambda n: advance(n, "rows"),
        )
    prompts, summary = _share(stage, prompts, summary)
    prefills = dict.fromkeys(sentence for renderer in renderers for sentence in prefill_note(renderer))
    for sentence in (f"prompts: {len(prompts):,}", *left_out_of(summary), *prefills):
        context.screen.note(sentence)
    if any(not isinstance(model, str) for model in stage.models):
        prompt = next((prompt for prompt in prompts if prompt.tools), None)
        if prompt is not None:
            raise InputError(
                f"{prompt.where}: the row has tools, but servers get no tools; drop the row, or the server"
            )
    return prompts, summary


def _share(
    stage: CandidatesStage, prompts: list[CandidatePrompt], summary: DataSummary
) -> tuple[list[CandidatePrompt], DataSummary]:
    """The prompts of the stage's round; all of them if the rounds share their prompts."""
    if stage.shares == 1:
        return prompts, summary
    share = prompts[stage.round - 1 :: stage.shares]
    if not share:
        raise InputError(
            f"data: {len(prompts):,} prompts are too few for {stage.shares} shares; add prompts, or lower the number"
        )
    longest = sum(max((len(tokens) for tokens in prompt.tokens), default=0) for prompt in share)
    noted = {**summary.noted, "in the share of another round": len(prompts) - len(share)}
    return share, replace(summary, parts={TRAIN: PartSize(len(share), longest)}, noted=noted)


def _seed(stage: CandidatesStage, seed: int) -> int:
    """The seed of the draws: the run's seed in the first round, and another one in each later round."""
    return seed if stage.round == 1 else int(np.random.SeedSequence([seed, stage.round]).generate_state(1)[0])


def _writers(
    stage: CandidatesStage,
    prompts: Sequence[CandidatePrompt],
    renderers: Mapping[str, Renderer],
    context: Context,
    call: Call,
) -> list[Writer]:
    return [
        _local_writer(name, path, renderers[path], call)
        if isinstance(path, str)
        else _remote_writer(name, path, prompts, stage.template_arguments)
        for name, path in _paths(stage, context)
    ]


def _opener(stage: CandidatesStage, renderers: Mapping[str, Renderer], context: Context) -> Callable[[str], Policy]:
    """Opens models, the last one kept: several would not fit in memory together."""
    options = PolicyOptions(precision=stage.precision, device=stage.device, trust_remote_code=stage.trust_remote_code)
    held: dict[str, Policy] = {}

    def opened(path: str) -> Policy:
        if path not in held:
            held.clear()
            policy = open_policy(path, options, train=False, on_note=context.screen.note)
            policy.end_tokens = tuple(sorted(renderers[path].end_tokens))
            if not policy.end_tokens:
                context.screen.note(f"{path} has no end token: its completions will be cut at max_new_tokens")
            held[path] = policy
        return held[path]

    return opened


def _local_draws(
    stage: CandidatesStage, prompts: Sequence[CandidatePrompt], renderers: Mapping[str, Renderer], context: Context
) -> dict[str, Function]:
    """Path → the function that generates completions with the model of this path."""
    opened = _opener(stage, renderers, context)

    def function(number: int, path: str) -> Function:
        def draw(places: Sequence[int], count: int, sampling: Sampling, done: OnDone) -> list[list[Draft]]:
            policy, renderer = opened(path), renderers[path]
            tokens = [prompts[place].tokens[number] for place in places]
            written = generate_completions(policy, tokens, sampling, n=count, ids=places, rows=stage.rollout_rows)
            return [
                [Draft(_cut(answer_text(w.tokens, renderer, own), stage.stop), w.ended) for w in group]
                for own, group in zip((prompts[place].template_arguments for place in places), written, strict=True)
            ]

        return draw

    return {path: function(number, path) for number, path in enumerate(renderers)}


def _local_writer(name: str, path: str, renderer: Renderer, call: Call) -> Writer:
    def draw(places: Sequence[int], count: int, sampling: Sampling) -> list[list[Draft]]:
        return call(path, places, (count, sampling), lambda done: None)

    weights = sha256_of(Path(path)) if Path(path).is_dir() else path
    template = None if renderer.template is None else hash_of(renderer.template.source)
    return Writer(name, {"model": weights, "template": template}, draw)


def _remote_writer(
    name: str, options: EndpointOptions, prompts: Sequence[CandidatePrompt], given: Mapping[str, Any]
) -> Writer:
    """A server's model.

    Args:
        given: the stage's template arguments; the server's own override them, and a row's override both.
    """
    arguments = {**given, **options.template_arguments}

    def draw(places: Sequence[int], count: int, sampling: Sampling) -> list[list[Draft]]:
        chosen = [prompts[place] for place in places]
        wheres = [prompt.where for prompt in chosen]
        written = request_completions(
            [prompt.messages for prompt in chosen],
            options,
            sampling,
            n=count,
            wheres=wheres,
            ids=places,
            arguments=[{**arguments, **prompt.template_arguments} for prompt in chosen],
        )
        return [[Draft(w.text, w.ended) for w in each] for each in written]

    about = {"model": options.model, "url": options.url}
    return Writer(name, about | ({"template_arguments": arguments} if arguments else {}), draw)


def _cut(text: str, stop: Sequence[str]) -> str:
    """Without the stop string and what follows: servers leave it out, and it would tell one model from another."""
    return text[: min((at for at in map(text.find, stop) if at >= 0), default=len(text))]


RUNNER = Runner(draw_candidates, _preview, _needs, parallel=True)
