"""Names of models on the hub: what the cache has of them, and messages about a name that does not exist."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import huggingface_hub  # it imports its parts when they are first used

SHOWN = 8
"""The number of cached models that a message names, at most."""


def cached_models() -> list[str]:
    """The hub ids of the models in the Hugging Face cache."""
    try:
        return sorted(repo.repo_id for repo in huggingface_hub.scan_cache_dir().repos if repo.repo_type == "model")
    except (huggingface_hub.CacheNotFound, ValueError, OSError):
        return []


def cached_folder(name: str, files: Sequence[str] = ("config.json",)) -> Path | None:
    """The folder in the Hugging Face cache with these files of a model; None if one of them is not there.

    Args:
        name: the hub id.
    """
    try:
        paths = [huggingface_hub.try_to_load_from_cache(name, file) for file in files]
    except ValueError:  # it is no hub id
        return None
    return Path(str(paths[0])).parent if all(isinstance(path, str) for path in paths) else None


def is_offline() -> bool:
    """Whether `HF_HUB_OFFLINE` is set, so that the hub is not used."""
    from huggingface_hub import constants

    return constants.HF_HUB_OFFLINE


def unreachable(name: str, error: BaseException) -> str | None:
    """A sentence about a hub id that could not be fetched; None if the error has another cause.

    Args:
        name: the hub id.
        error: the error of transformers; its causes show whether the connection or the repository is missing.
    """
    from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled, RepositoryNotFoundError

    if Path(name).exists():
        return None
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    if any(isinstance(c, RepositoryNotFoundError) for c in causes):
        return f"the hub has no such model, or it is private{_meant(name)}"
    if not any(isinstance(c, LocalEntryNotFoundError | OfflineModeIsEnabled | ConnectionError) for c in causes):
        return None
    why = "offline (HF_HUB_OFFLINE is set)" if is_offline() else "the hub cannot be reached"
    return f"{why} and not in the cache{_meant(name)}"


def not_cached(name: str) -> str:
    """The sentence about a hub id that is not in the cache."""
    if not is_offline():
        return f"not in the cache, so plan and run ask the hub for it{_meant(name)}"
    return f"offline (HF_HUB_OFFLINE is set) and not in the cache{_meant(name)}"


def near_folder(name: str, base: Path) -> str | None:
    """The folder with the most similar name in the recipe's folder; None if no name is similar."""
    path = base / name
    try:
        folders = [entry.name for entry in path.parent.iterdir() if entry.is_dir()]
    except OSError:
        return None
    matches = get_close_matches(path.name, folders, n=1)
    return str(Path(name).with_name(matches[0])) if matches else None


def _meant(name: str) -> str:
    cached = cached_models()
    folder = near_folder(name, Path())
    near = [*([folder] if folder else []), *get_close_matches(name, cached, n=1)]
    more = f" and {len(cached) - SHOWN} more" if len(cached) > SHOWN else ""
    here = f"; cached here: {', '.join(cached[:SHOWN])}{more}" if cached else "; nothing is cached here"
    return here + (f"; did you mean {near[0]}?" if near else "")
