"""Rounds: the block ``rounds`` of a recipe becomes named stages, before the recipe is checked.

The pipeline knows nothing of rounds. Fingerprints, resuming, gates and plans see the stages ``write-1``, ``pick-1``,
``dpo-1``, ``write-2`` and so on. Iterated rejection sampling is RAFT (Dong et al. 2023, arXiv:2304.06767); with pairs
and DPO it is iterated DPO, an on-policy DPO (Guo et al. 2024, arXiv:2402.04792) that draws once a round.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from posttrain.errors import InputError
from posttrain.recipe.problems import RecipeSource, explain
from posttrain.recipe.schema import Rounds
from posttrain.recipe.stages.candidates import CandidatesStage
from posttrain.recipe.yaml_lines import KeyPath

_NAMES_STAGES = frozenset({"model", "models", "data", "path", "validation", "against"})
"""Keys whose text may be the name of a stage."""


def expand_rounds(written: RecipeSource) -> RecipeSource:
    """The recipe with the stages of all rounds in place of the block ``rounds``.

    Raises:
        InputError: the block is not valid, or a stage outside it has a name that a round needs.
    """
    values = written.values
    outside = values.get("stages") or {}
    if values.get("rounds") is None or not isinstance(outside, dict):
        return written
    rounds = _checked(written)
    names = {f"{name}-{number}": name for name in rounds.stages for number in range(1, rounds.count + 1)}
    taken = next((name for name in outside if name in names or name in rounds.stages), None)
    if taken is not None:
        meant = names.get(taken, taken)
        raise InputError(
            f"{written.where(('stages', taken))}: `rounds` has a stage {meant}, which becomes {meant}-1 to "
            f"{meant}-{rounds.count}; rename one of the two"
        )
    repeated: dict[str, Any] = {}
    for number in range(1, rounds.count + 1):
        repeated |= _round(rounds, values["rounds"]["stages"], number)
    last = {name: f"{name}-{rounds.count}" for name in rounds.stages}
    expanded = {key: value for key, value in values.items() if key != "rounds"}
    expanded["stages"] = {**_renamed(outside, last), **repeated}
    if isinstance(values.get("suites"), dict):
        expanded["suites"] = {name: _measured(suite, rounds) for name, suite in values["suites"].items()}
    origins: dict[KeyPath, KeyPath] = {("stages", new): ("rounds", "stages", name) for new, name in names.items()}
    origins |= {("stages", f"{name}-1", "model"): ("rounds", "model") for name in rounds.from_round}
    return replace(written, values=expanded, origins=origins)


def _checked(written: RecipeSource) -> Rounds:
    try:
        return Rounds.model_validate(written.values["rounds"])
    except ValidationError as error:
        errors = [{**item, "loc": ("rounds", *item["loc"])} for item in error.errors(include_url=False)]
        raise InputError("\n".join(explain(errors, written))) from error


def _round(rounds: Rounds, stages: Mapping[str, Any], number: int) -> dict[str, Any]:
    """The stages of one round by their names in the expanded recipe."""
    trained = [name for name, stage in rounds.stages.items() if stage.makes == "causal"][-1]
    start = rounds.model if number == 1 else f"{trained}-{number - 1}"
    own = {name: f"{name}-{number}" for name in stages}
    expanded: dict[str, Any] = {}
    for name, values in stages.items():
        stage = _renamed(values, own)
        if name in rounds.from_round and start is not None:
            stage["model"] = start
        if isinstance(rounds.stages[name], CandidatesStage):
            shares = {"shares": rounds.count} if rounds.prompts == "disjoint" else {}
            stage = {"round": number, **shares, **stage}
        expanded[own[name]] = stage
    return expanded


def _renamed(value: Any, names: Mapping[str, str], key: str | None = None) -> Any:
    """A copy of recipe values in which stages have other names. The models of servers are no stages."""
    if isinstance(value, dict):
        inner = {k: v for k, v in value.items() if not (k == "model" and "url" in value)}
        return {**value, **{k: _renamed(v, names, k) for k, v in inner.items()}}
    if isinstance(value, list):
        return [_renamed(item, names, key) for item in value]
    return names.get(value, value) if isinstance(value, str) and key in _NAMES_STAGES else value


def _measured(suite: Any, rounds: Rounds) -> Any:
    """A suite that measures a stage of the block measures it after every round."""
    if not isinstance(suite, dict) or not isinstance(suite.get("stages"), list):
        return suite
    stages: list[Any] = []
    for name in suite["stages"]:
        repeated = isinstance(name, str) and name in rounds.stages
        stages += [f"{name}-{number}" for number in range(1, rounds.count + 1)] if repeated else [name]
    return {**suite, "stages": stages}
