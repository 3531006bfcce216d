"""The options of `posttrain compare`, checked before anything is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posttrain.errors import InputError

WAYS = ("suite", "reward", "judge", "people")
"""Who decides."""


@dataclass(frozen=True, slots=True)
class ComparisonRequest:
    """The options as they were given; `checked_request` decides whether they fit together.

    Args:
        models: A, B, and the reward model or judge.
        local: keyword arguments of `posttrain.load`.
        sampling: options of answers to pairs.
    """

    models: tuple[str, ...]
    by: str
    out: Path | None
    data: str | None
    suite: Path | None
    kind: str
    metrics: tuple[str, ...]
    sets: tuple[str, ...]
    human: str | None
    ranked: str | None
    key: Path | None
    server: tuple[str, ...]
    local: Mapping[str, Any]
    sampling: Mapping[str, Any]
    seed: int
    as_json: bool

    @property
    def folder(self) -> Path:
        """The folder to write."""
        return Path() if self.out is None else self.out


def checked_request(request: ComparisonRequest) -> ComparisonRequest:
    """The request itself.

    Raises:
        InputError: options are missing, or do not belong to this kind of comparison; or the folder is in use.
    """
    if request.out is None:
        raise InputError("compare: name the folder for the results: --out compare/first")
    if request.out.exists() and (not request.out.is_dir() or any(request.out.iterdir())):
        raise InputError(f"--out {request.out}: is there already; choose another folder, results are not overwritten")
    if request.ranked is not None:
        if request.models or request.data or request.human:
            raise InputError("--from: the rankings and key.json hold all else; leave out A, B, --data and --human")
        return request
    if request.by not in WAYS:
        raise InputError(f"--by {request.by}: should be one of {', '.join(WAYS)}")
    _check_models(request)
    _check_questions(request)
    if request.key is not None:
        raise InputError("--key: belongs to --from")
    if request.human is not None and request.by not in ("judge", "reward"):
        raise InputError(f"--human: belongs to --by judge and --by reward, not to --by {request.by}")
    if request.server and not any("@http" in name for name in request.models[:2]):
        raise InputError(f"--server {request.server[0]}: neither A nor B is a server's model, name@http://host/v1")
    return request


def _check_models(request: ComparisonRequest) -> None:
    extra = {"reward": "the reward model", "judge": "the judge, name@http://host/v1"}.get(request.by)
    if len(request.models) != (2 if extra is None else 3):
        needed = "two models, A and B" if extra is None else f"A, B and {extra}"
        raise InputError(f"compare --by {request.by}: needs {needed}; there are {len(request.models)} names")
    if request.by == "judge" and "@http" not in request.models[2]:
        raise InputError(f"--by judge {request.models[2]}: the judge is name@http://host/v1, after A and B")


def _check_questions(request: ComparisonRequest) -> None:
    if request.by == "suite":
        if (request.suite is None) == (request.data is None):
            raise InputError("compare --by suite: name the questions with --suite or with --data; one of the two")
        if request.suite is not None and (request.metrics or request.kind != "answers"):
            raise InputError("compare: --kind and --metrics belong to --data; with --suite the file names them")
        return
    if request.data is None:
        raise InputError(f"compare --by {request.by}: name the prompts: --data prompts.jsonl")
    if request.suite is not None or request.metrics or request.kind != "answers":
        raise InputError(f"compare --by {request.by}: --suite, --kind and --metrics belong to --by suite")
    if request.sets and request.by != "judge":
        raise InputError(f"--set {request.sets[0]}: belongs to --by suite and --by judge")
