"""What `posttrain eval` measures: a folder, a hub id, a stage of a run, a server's model, or saved answers."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posttrain.endpoint import EndpointOptions
from posttrain.errors import InputError
from posttrain.evaluate.answers import Answerer
from posttrain.evaluate.behaviour import samples_file
from posttrain.evaluate.endpoint_answerer import endpoint_answerer
from posttrain.evaluate.options import SuiteTask
from posttrain.evaluate.saved_answerer import saved_answerer
from posttrain.files import sha256_of
from posttrain.pipeline.run_models import model_place
from posttrain.recipe.set_options import options_from_sets


@dataclass(frozen=True, slots=True)
class ModelToMeasure:
    """A source of answers.

    Args:
        name: as the user gave it.
        place: its folder, hub id, address or file.
        fingerprint: the hash of the folder or file; None if there is none.
        answerer: of all suites, or one for each.
    """

    name: str
    place: str
    fingerprint: str | None
    answerer: Answerer | Mapping[str, Answerer]


def model_to_measure(
    name: str, server: Sequence[str], local: Mapping[str, Any], seed: int, tasks: set[SuiteTask]
) -> ModelToMeasure:
    """A model by its name; a local one is loaded.

    Args:
        server: settings of requests, ``key=value``, for a server's model.
        local: template, device and precision of a local model.
        seed: of sampled answers.
        tasks: what the suites measure.

    Raises:
        InputError: there is no such model, or settings belong to another kind of model.
    """
    match = re.fullmatch(r"(.+)@(https?://.*)", name)
    if match is not None:
        options = options_from_sets(EndpointOptions, server, {"url": match[2], "model": match[1]})
        return ModelToMeasure(name, match[2], None, endpoint_answerer(options, seed=seed))
    if server:
        raise InputError(f"--server {server[0]}: {name} is no server's model, which is name@http://host/v1")
    place = model_place(name, servers=True)
    from posttrain.api.evaluations import load_answerer

    fingerprint = sha256_of(Path(place)) if Path(place).is_dir() else None
    if len(tasks) > 1:
        raise InputError("some suites measure a model that writes, others a reward model; measure each by itself")
    device = {key: value for key, value in local.items() if key != "template"}
    answerer = load_answerer(place, device, seed, template=local["template"], task=next(iter(tasks)))
    return ModelToMeasure(name, place, fingerprint, answerer)


def saved_to_measure(source: Path, suites: Iterable[str]) -> ModelToMeasure:
    """Saved answers: a file for one suite, or a folder of ``samples_SUITE.jsonl``.

    Raises:
        InputError: a file is missing, or one file would have to answer several suites.
    """
    names = list(suites)
    if source.is_dir():
        files = {name: source / samples_file(name) for name in names}
        for name, file in files.items():
            if not file.is_file():
                raise InputError(f"--saved {source}: has no {file.name} for the suite {name}")
    elif len(names) > 1:
        raise InputError(
            f"--saved {source}: one file holds the answers of one suite, and there are {len(names)} suites; name a "
            "folder with samples_SUITE.jsonl for each"
        )
    else:
        files = {names[0]: source}
    answerers = {name: saved_answerer(file) for name, file in files.items()}
    return ModelToMeasure(str(source), str(source), sha256_of(source) if source.exists() else None, answerers)
