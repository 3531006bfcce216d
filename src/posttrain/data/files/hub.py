"""Data sets of the Hugging Face hub, as files in its cache. HF_HOME, HF_HUB_OFFLINE and HF_TOKEN have effect."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from posttrain.errors import InputError, first_line

SCHEME = "hf://"

_NAME = re.compile(r"hf://(?P<repo>[\w.-]+/[\w.-]+)(?:/(?P<part>.*[^/]))?/?")
_SPLIT_WORDS = frozenset({"train", "validation", "valid", "val", "dev", "test", "eval"})


def hub_files(source: str, suffixes: Iterable[str]) -> list[tuple[str, Path]]:
    """Fetch ``hf://org/name[/file, folder or split]``; (name in messages, path) of its data files.

    Args:
        source: the data set.
        suffixes: the suffixes of data files; ``.gz`` or ``.zst`` may follow.

    Raises:
        InputError: the repository cannot be fetched, has no such part, or has several splits and none is named.
    """
    match = _NAME.fullmatch(source)
    if match is None:
        raise InputError(f"{source}: hub data sets are written hf://org/name, or hf://org/name/split")
    part = match["part"] or ""
    folder = _snapshot(source, match["repo"], [f"*{part}*{suffix}*" for suffix in suffixes] + [part])
    ending = re.compile(rf"({'|'.join(map(re.escape, suffixes))})(\.gz|\.zst)?$", re.IGNORECASE)
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    names = {name: _split_name(ending.sub("", name)) for name in sorted(files) if ending.search(name)}
    chosen = _choose(names, part)
    if not chosen:
        what = f"no data file, folder or split `{part}`" if part else "no data files"
        has = f"; it has {', '.join(sorted(set(names.values()))[:8])}" if names else ""
        raise InputError(f"{source}: the data set holds {what}{has}")
    splits = sorted({split for name in chosen if (split := _split(names[name]))})
    if len(splits) > 1:
        raise InputError(
            f"{source}: holds several splits ({', '.join(splits)}), which must not be read as one; "
            f"name one: {source.rstrip('/')}/{splits[-1]}"
        )
    return [(f"{SCHEME}{match['repo']}/{name}", files[name]) for name in chosen]


def _snapshot(source: str, repo: str, patterns: list[str]) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repo, repo_type="dataset", allow_patterns=[p for p in patterns if p]))
    except Exception as error:  # the hub's client raises errors of many kinds, from several libraries
        reason = first_line(error)[:300]
        raise InputError(
            f"{source}: the data set cannot be fetched from the Hugging Face hub ({reason}); check the name, the "
            "network, HF_TOKEN for a private or gated one, and whether HF_HUB_OFFLINE is set"
        ) from error


def _choose(names: Mapping[str, str], part: str) -> list[str]:
    """All files; with `part`, the file of that path, else the files in that folder, else those of that split."""
    if not part or part in names:
        return [part] if part else list(names)
    inside = [name for name in names if name.startswith(f"{part}/")]
    return inside or [n for n, split in names.items() if split == part or split.endswith(f"/{part}")]


def _split_name(stem: str) -> str:
    """``data/train-00000-of-00002`` and ``data/train/0000`` are both ``data/train``."""
    return re.sub(r"(-\d+-of-\d+|/\d+)$", "", stem)


def _split(name: str) -> str | None:
    """The part of a path that names a split (``train``, ``test_prefs``); None if no part does."""
    parts = reversed(name.split("/"))
    return next((part for part in parts if _SPLIT_WORDS & set(re.split(r"[._-]", part.lower()))), None)
