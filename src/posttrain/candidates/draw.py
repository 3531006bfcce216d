"""Candidates for people to rank: K different completions per prompt, from one or several models, in shuffled order.

A ranking of near-identical completions carries no information, so further draws of the same model replace them. All
draws are saved, one file per chunk, and the next draws depend on the saved ones alone. So a resumed run ends with the
same bytes.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from posttrain.candidates.options import CandidateOptions
from posttrain.candidates.prompts import CandidatePrompt
from posttrain.console import Screen
from posttrain.data.formats.row_arguments import ROW_ARGUMENTS
from posttrain.data.sets.prompts import prompt_column
from posttrain.data.similarity import ComparedText, compared_text, near_identical
from posttrain.data.skipped import SkipReason, Skips
from posttrain.errors import RunError, Stopped
from posttrain.files import hash_of, read_json, write_json
from posttrain.generation.sampling import Sampling

CHUNK = 64
"""Prompts in one chunk; a chunk is lost if the process dies before the chunk is complete."""

LEAST = 2
"""The smallest number of candidates that can be ranked."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A completion: its text, and whether it ended by itself."""

    text: str
    ended: bool


@dataclass(frozen=True, slots=True)
class Writer:
    """A model that generates candidates.

    Args:
        name: the model's name for people.
        about: the properties besides its name that identify it: hash of its weights, its template, its server.
        draw: (places of the prompts, completions per prompt, sampling) → the completions of each prompt.
    """

    name: str
    about: Mapping[str, Any]
    draw: Callable[[Sequence[int], int, Sampling], Sequence[Sequence[Draft]]]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A draft with the number of its writer and of its round."""

    writer: int
    round: int
    draft: Draft


@dataclass(frozen=True, slots=True)
class Candidates:
    """The rows to rank, with counts.

    Args:
        rows: the rows, in the ranking format without ranks.
        params: params_hash → the settings that it names.
        skips: prompts left out, by reason.
        noted: note → number of prompts.
        figures: name → (mean, number of values).
    """

    rows: list[dict[str, Any]]
    params: dict[str, dict[str, Any]]
    skips: Skips
    noted: dict[str, int]
    figures: dict[str, tuple[float, int]]


def make_candidates(
    prompts: Sequence[CandidatePrompt],
    writers: Sequence[Writer],
    options: CandidateOptions,
    sampling: Sampling,
    folder: Path,
    *,
    screen: Screen,
    stop: Callable[[], bool] = lambda: False,
) -> Candidates:
    """Draw candidates for each prompt, replace similar ones, choose `options.k` of them, and shuffle these.

    Args:
        folder: the folder of all draws; a second call with the same folder resumes there.
        stop: whether the user has requested a stop.

    Raises:
        Stopped: the user requested a stop.
        RunError: no prompt has two completions that differ.
    """
    drawn: list[list[Drawn]] = [[] for _ in prompts]
    for round in range(options.redraws + 1):
        short = [_short(drawn[place], place, len(writers), options) for place in range(len(prompts))]
        for number, writer in enumerate(writers):
            requests = [(place, counts[number]) for place, counts in enumerate(short) if counts[number]]
            if not requests:
                continue
            suffix = f", round {round + 1}" if round else ""
            total = sum(count for _, count in requests)
            with screen.bar(f"{writer.name}{suffix}", total) as advance:
                done = 0
                for index, start in enumerate(range(0, len(requests), CHUNK)):
                    path = folder / f"round-{round}" / f"model-{number}" / f"{index:06}.json"
                    for place, drafts in _chunk(
                        path, writer, requests[start : start + CHUNK], _redraw(options, sampling, number, round), stop
                    ):
                        drawn[place] += [Drawn(number, round, draft) for draft in drafts]
                        done += len(drafts)
                    advance(done, "completions")
    return _result(prompts, writers, options, sampling, drawn)


def choose(drawn: Sequence[Drawn], place: int, writers: int, options: CandidateOptions) -> list[Drawn]:
    """Choose each writer's first drafts that have text and are not near-identical to an earlier one.

    Earlier rounds come first. The first writer changes from prompt to prompt, so that no writer always comes last.
    A text with a NUL character is left out, since databases of rankings cannot store it.
    """
    left = _shares(options.k, place, writers)
    kept: list[Drawn] = []
    texts: list[ComparedText] = []
    for draw in sorted(drawn, key=lambda draw: (draw.round, (draw.writer - place) % writers)):
        text = compared_text(draw.draft.text)
        if "\0" in draw.draft.text or (options.drop_truncated and not draw.draft.ended):
            continue
        if left[draw.writer] and text.words and not any(near_identical(text, t, options.similar) for t in texts):
            left[draw.writer] -= 1
            kept.append(draw)
            texts.append(text)
    return kept


def _shares(k: int, place: int, writers: int) -> list[int]:
    """How many candidates each writer gives; the writers that give one more change from prompt to prompt."""
    return [k // writers + ((number - place) % writers < k % writers) for number in range(writers)]


def _short(drawn: Sequence[Drawn], place: int, writers: int, options: CandidateOptions) -> list[int]:
    """How many candidates each writer still has to give."""
    kept = Counter(draw.writer for draw in choose(drawn, place, writers, options))
    return [share - kept[number] for number, share in enumerate(_shares(options.k, place, writers))]


def _redraw(options: CandidateOptions, sampling: Sampling, number: int, round: int) -> Sampling:
    """The sampling settings of a writer in a round. Seeds differ, so that similar models draw different answers."""
    seed = int(np.random.SeedSequence([sampling.seed, number, round]).generate_state(1)[0])
    return replace(sampling, seed=seed, temperature=sampling.temperature + round * options.temperature_step)


def _chunk(
    path: Path, writer: Writer, requests: Sequence[tuple[int, int]], sampling: Sampling, stop: Callable[[], bool]
) -> list[tuple[int, list[Draft]]]:
    """(place, drafts) for each request (place, count); drafts that an earlier run saved are read from disk."""
    if not path.is_file():
        if stop():
            raise Stopped("stopped while writing candidates; everything is saved")
        drafts_at: dict[int, Sequence[Draft]] = {}
        for count in sorted({count for _, count in requests}):
            places = [place for place, n in requests if n == count]
            drafts_at |= dict(zip(places, writer.draw(places, count, sampling), strict=True))
        write_json(path, [[place, [[d.text, d.ended] for d in drafts_at[place]]] for place, _ in requests])
    return [(place, [Draft(*draft) for draft in drafts]) for place, drafts in read_json(path)]


def _result(
    prompts: Sequence[CandidatePrompt],
    writers: Sequence[Writer],
    options: CandidateOptions,
    sampling: Sampling,
    drawn: Sequence[Sequence[Drawn]],
) -> Candidates:
    params: dict[str, dict[str, Any]] = {}
    rows: list[dict[str, Any]] = []
    skips, every, short, kept_at_once = Skips(), list[Drawn](), 0, 0
    for place, prompt in enumerate(prompts):
        kept = choose(drawn[place], place, len(writers), options)
        kept_at_once += sum(draw.round == 0 for draw in kept)
        if len(kept) < LEAST:
            skips.add(SkipReason.TOO_FEW_DIFFERENT, prompt.where)
            continue
        short += len(kept) < options.k
        every += kept
        order = np.random.default_rng([sampling.seed, place]).permutation(len(kept))
        rows.append(_row(prompt, [kept[i] for i in order], writers, options, sampling, params))
    if not rows:
        raise RunError(
            "no prompt has two completions that differ. Raise temperature, temperature_step or redraws, or name "
            "further models"
        )
    return Candidates(
        rows,
        params,
        skips,
        {f"fewer than {options.k} different completions": short} if short else {},
        {
            "candidates/per_prompt": (len(every) / len(rows), len(rows)),
            "candidates/replaced_ratio": (1 - kept_at_once / (options.k * len(prompts)), options.k * len(prompts)),
            "candidates/characters": (fmean(len(draw.draft.text) for draw in every), len(every)),
            "candidates/clipped_ratio": (fmean(not draw.draft.ended for draw in every), len(every)),
        },
    )


def _row(
    prompt: CandidatePrompt,
    kept: Sequence[Drawn],
    writers: Sequence[Writer],
    options: CandidateOptions,
    sampling: Sampling,
    params: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """A row in the ranking format; the settings of its candidates are added to `params`."""
    candidates: list[dict[str, str]] = []
    for number, draw in enumerate(kept, 1):
        writer = writers[draw.writer]
        settings = {**writer.about, **asdict(_redraw(options, sampling, draw.writer, draw.round))}
        del settings["seed"]
        key = hash_of(settings)
        params[key] = {"name": writer.name, **settings}
        candidates.append({"id": f"c{number}", "text": draw.draft.text, "model": writer.name, "params_hash": key})
    row: dict[str, Any] = {"id": prompt.id, "prompt": prompt_column(prompt.messages)}
    if prompt.tools:
        row["tools"] = [dict(tool) for tool in prompt.tools]
    if prompt.template_arguments:
        row[ROW_ARGUMENTS] = dict(prompt.template_arguments)
    return {**row, **prompt.columns, "candidates": candidates}
