"""Comparison by people: blind pairs for the ranking app, and the rankings that come back."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from posttrain.annotate.exchange.imports import read_imports
from posttrain.cli.compare_request import ComparisonRequest
from posttrain.errors import InputError
from posttrain.evaluate.compare.blind_pairs import Votes, blind_rows, vote_of
from posttrain.evaluate.compare.pairs import AnswerPair, Outcome
from posttrain.files import read_json, write_json, write_whole

RANKING = "ranking.jsonl"
"""The blind pairs, as `posttrain annotate import` reads them."""

KEY = "key.json"
"""Which model wrote which answer."""


def write_blind_pairs(request: ComparisonRequest, models: Mapping[str, Any], pairs: Sequence[AnswerPair]) -> None:
    """Write the ranking file and its key, and show the next commands."""
    rows, keys = blind_rows(pairs, request.seed)
    if not rows:
        raise InputError("both models give the same answer to every prompt; there is nothing to rank")
    ranking, key = request.folder / RANKING, request.folder / KEY
    write_json(key, {"models": models, "seed": request.seed, "pairs": keys})
    write_whole(ranking, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    if request.as_json:
        value = {"ranking": str(ranking), "key": str(key), "pairs": len(rows), "identical": len(keys) - len(rows)}
        typer.echo(json.dumps(value, indent=2))
        return
    console = Console(highlight=False)
    for line in (
        f"{len(rows):,} blind pairs are in {ranking}; {len(keys) - len(rows):,} pairs have identical answers and count "
        f"as ties. Keep {key} from the people who rank.",
        f"  posttrain annotate import {ranking} --project compare",
        "  posttrain annotate serve",
        "  posttrain annotate export --project compare --out RANKED --set what=rankings",
        f"  posttrain compare --from RANKED/train.jsonl --key {key} --out {request.folder}-people",
    ):
        console.print(line, markup=False, soft_wrap=True)


def read_pairs_key(request: ComparisonRequest) -> tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]:
    """Both models and the pairs' keys.

    Raises:
        InputError: there is no key, or it is no key.
    """
    ranked = Path(str(request.ranked))
    path = request.key or (ranked if ranked.is_dir() else ranked.parent) / KEY
    if not path.is_file():
        raise InputError(
            f"{path}: there is no such key; name the file that --by people wrote: --key compare/x/key.json"
        )
    try:
        key = read_json(path)
        return key["models"], key["pairs"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: this is no key of `posttrain compare --by people`") from error


def votes_on(pairs: Sequence[AnswerPair], rankings: str) -> Mapping[str, Votes]:
    """People's verdicts on the pairs, by the pair's id. Items of other ids are left out.

    Args:
        rankings: a file or folder in any format that `posttrain annotate import` reads.

    Raises:
        InputError: the file cannot be read, has no verdict on these pairs, or its candidates are other answers.
    """
    known = {pair.id: pair for pair in pairs}
    votes: dict[str, dict[str, Outcome]] = {}
    for imported in read_imports(rankings):
        pair = known.get(str(imported.item.name))
        if pair is None:
            continue
        texts = {str(candidate["id"]): str(candidate["text"]) for candidate in imported.item.candidates}
        for vote in imported.votes:
            votes.setdefault(pair.id, {})[vote.person] = vote_of(pair, texts, vote.ranks, imported.where)
    if not votes:
        raise InputError(f"{rankings}: has no ranking of these pairs; pairs and rankings are matched by id")
    return votes
