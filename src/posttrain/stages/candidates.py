"""Candidates: the first step of RLHF. Models write several completions of each prompt, and people rank them later."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from posttrain.data.summary import DataSummary
from posttrain.endpoint import EndpointOptions
from posttrain.errors import InputError
from posttrain.files import hash_of, sha256_of, write_json, write_whole
from posttrain.generation.options import SamplingOptions, sampling_of
from posttrain.policy.options import PolicyOptions
from posttrain.stages.context import Context, Figure
from posttrain.stages.figures import unit_of
from posttrain.stages.inputs import left_out_of, renderer_for
from posttrain.stages.technique import BaseStage, Other, Preview

if TYPE_CHECKING:
    from posttrain.candidates.draw import Writer
    from posttrain.candidates.prompts import Ask
    from posttrain.data.chat.renderer import Renderer
    from posttrain.generation.sampling import Sampling
    from posttrain.policy.load import Policy

FILE = "candidates.jsonl"
"""What the stage leaves: rows in the ranking format, without ranks."""


def _tag(value: Any) -> str:
    return "name" if isinstance(value, str) else "server"


Named = Annotated[
    Annotated[Annotated[str, Field(min_length=1)], Tag("name")] | Annotated[EndpointOptions, Tag("server")],
    Discriminator(_tag),
]
"""A model: an earlier stage's name, a folder or hub id, or a server."""


class CandidatesStage(BaseStage, SamplingOptions):
    """K completions a prompt, from one or several models, for people to rank. It trains nothing."""

    kind: Literal["candidates"]
    models: tuple[Named, ...] = Field(
        default=(), description="several models instead of one: stages, folders, hub ids, or servers {url, model}"
    )
    k: int = Field(default=4, ge=2, le=26, description="candidates a prompt, shared out evenly among the models")
    similar: float = Field(
        default=0.95,
        gt=0,
        le=1,
        description="completions with equal numbers and this share of their characters in common count as the same",
    )
    redraws: int = Field(default=3, ge=0, le=20, description="rounds of further draws for what was too similar")
    temperature_step: float = Field(
        default=0.0, ge=0, le=1, description="added to the temperature in each of these rounds"
    )

    @model_validator(mode="after")
    def _each_once(self) -> "CandidatesStage":
        if self.models and self.model is not None:
            raise ValueError("says both `model` and `models`; keep one")
        names = self.starts_from
        if len(set(names)) < len(names):
            raise ValueError("`models` names one twice")
        if len(names) > self.k:
            raise ValueError(f"`models` names {len(names)}, but there are only k = {self.k} candidates a prompt")
        return self

    @property
    def starts_from(self) -> tuple[str, ...]:
        """The models it starts from, as it names them; empty for the recipe's."""
        return tuple(name_of(model) for model in self.models) or super().starts_from

    @property
    def others(self) -> tuple[Other, ...]:
        """Its models, servers aside."""
        named = enumerate(self.models)
        return tuple(Other(f"models.{i}", model, "causal") for i, model in named if isinstance(model, str))


def name_of(model: str | EndpointOptions) -> str:
    """What people call a model; a server's by both."""
    return model if isinstance(model, str) else f"{model.model}@{model.url}"


def needs(stage: CandidatesStage, context: Context, longest: Mapping[str, int] | None = None) -> dict[str, int]:
    """Bytes of memory at the peak, by purpose: of the largest model, since they write one after another.

    Args:
        longest: tokens of the longest prompt by the model's path; the least there can be if it is not known.
    """
    from posttrain.policy.memory import cache_bytes
    from posttrain.policy.shape import model_shape

    most = {"weights": 0, "writing": 0}
    for path in (path for _, path in _paths(stage, context) if isinstance(path, str)):
        shape = model_shape(path, trust_remote_code=stage.trust_remote_code)
        length = (longest or {}).get(path, 1) + stage.max_new_tokens
        cache = cache_bytes(shape, rows=stage.rollout_rows, length=length)
        most = max(most, {"weights": 4 * shape.parameters, "writing": cache}, key=lambda some: sum(some.values()))
    return most


def preview(stage: CandidatesStage, context: Context) -> Preview:
    """What a run would do: prompts, and the memory of the largest model."""
    locals_ = _locals(stage, context)
    asks, summary = _read(stage, list(locals_.values()), context)
    longest = {path: max(len(ask.tokens[number]) for ask in asks) for number, path in enumerate(locals_)}
    return Preview(summary, 0, needs(stage, context, longest), tuple(locals_.values()))


def write(stage: CandidatesStage, context: Context) -> dict[str, Figure]:
    """Generate the candidates; the stage's folder then holds ``candidates.jsonl``, ``params.json`` and ``data.json``.

    Killed at any point and called again, it goes on to the same bytes.

    Returns:
        the stage's part of ``summary.json``.
    """
    from posttrain.candidates.draw import Choosing, make_candidates

    screen, folder = context.screen, context.folder
    locals_ = _locals(stage, context)
    asks, summary = _read(stage, list(locals_.values()), context)
    how = Choosing(stage.k, stage.similar, stage.redraws, stage.temperature_step, sampling_of(stage, context.seed))
    writers = _writers(stage, asks, locals_, context)
    found = make_candidates(asks, writers, how, folder / "draws", screen=screen, stop=context.stop)
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


def _locals(stage: CandidatesStage, context: Context) -> "dict[str, Renderer]":
    """Path → renderer of each model that runs here."""
    found: dict[str, Renderer] = {}
    for _, path in _paths(stage, context):
        if isinstance(path, str):
            own = replace(context, model=path)
            found[path] = renderer_for(stage, own, trust_remote_code=stage.trust_remote_code)
    return found


def _read(stage: CandidatesStage, renderers: "Sequence[Renderer]", context: Context) -> "tuple[list[Ask], DataSummary]":
    """The prompts, and a word on what was left out."""
    from posttrain.candidates.prompts import read_asks
    from posttrain.data.chat.answer_text import prefill_note

    with context.screen.bar("reading", None) as advance:
        asks, summary = read_asks(
            stage,
            renderers,
            answer=stage.max_new_tokens,
            base=context.base,
            on_rows=lambda n: advance(n, "rows"),
        )
    prefills = dict.fromkeys(sentence for renderer in renderers for sentence in prefill_note(renderer))
    for sentence in (f"prompts: {len(asks):,}", *left_out_of(summary), *prefills):
        context.screen.note(sentence)
    if any(not isinstance(model, str) for model in stage.models):
        ask = next((ask for ask in asks if ask.tools), None)
        if ask is not None:
            raise InputError(f"{ask.where}: the row has tools, which servers are not told of; drop it, or the server")
    return asks, summary


def _writers(
    stage: CandidatesStage, asks: "Sequence[Ask]", renderers: "dict[str, Renderer]", context: Context
) -> "list[Writer]":
    opened = _opener(stage, renderers, context)
    return [
        _local_writer(name, path, list(renderers).index(path), renderers[path], stage, asks, opened)
        if isinstance(path, str)
        else _remote_writer(name, path, asks)
        for name, path in _paths(stage, context)
    ]


def _opener(stage: CandidatesStage, renderers: "dict[str, Renderer]", context: Context) -> "Callable[[str], Policy]":
    """Opens models, the last one kept: several would not fit in memory together."""
    from posttrain.policy.open import open_policy

    options = PolicyOptions(precision=stage.precision, device=stage.device, trust_remote_code=stage.trust_remote_code)
    held: dict[str, Policy] = {}

    def opened(path: str) -> "Policy":
        if path not in held:
            held.clear()
            policy = open_policy(path, options, train=False, on_note=context.screen.note)
            policy.end_tokens = tuple(sorted(renderers[path].end_tokens))
            if not policy.end_tokens:
                context.screen.note(f"{path} has no end token: its completions will be cut at max_new_tokens")
            held[path] = policy
        return held[path]

    return opened


def _local_writer(
    name: str,
    path: str,
    number: int,
    renderer: "Renderer",
    stage: CandidatesStage,
    asks: "Sequence[Ask]",
    opened: "Callable[[str], Policy]",
) -> "Writer":
    from posttrain.candidates.draw import Draft, Writer
    from posttrain.data.chat.answer_text import answer_text
    from posttrain.generation.engine import generate_completions

    def draw(places: Sequence[int], count: int, sampling: "Sampling") -> list[list[Draft]]:
        policy = opened(path)
        tokens = [asks[place].tokens[number] for place in places]
        written = generate_completions(policy, tokens, sampling, n=count, ids=places, rows=stage.rollout_rows)
        return [[Draft(_cut(answer_text(w.tokens, renderer), stage.stop), w.ended) for w in some] for some in written]

    weights = sha256_of(Path(path)) if Path(path).is_dir() else path
    template = None if renderer.template is None else hash_of(renderer.template.source)
    return Writer(name, {"model": weights, "template": template}, draw)


def _remote_writer(name: str, options: EndpointOptions, asks: "Sequence[Ask]") -> "Writer":
    from posttrain.candidates.draw import Draft, Writer
    from posttrain.generation.remote import request_completions

    def draw(places: Sequence[int], count: int, sampling: "Sampling") -> list[list[Draft]]:
        some = [asks[place] for place in places]
        wheres = [one.where for one in some]
        written = request_completions(
            [one.messages for one in some], options, sampling, n=count, wheres=wheres, ids=places
        )
        return [[Draft(w.text, w.ended) for w in each] for each in written]

    return Writer(name, {"model": options.model, "url": options.url}, draw)


def _cut(text: str, stop: Sequence[str]) -> str:
    """Without the stop string and what follows: servers leave it out, and it would tell one model from another."""
    return text[: min((at for at in map(text.find, stop) if at >= 0), default=len(text))]
