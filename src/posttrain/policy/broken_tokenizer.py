"""Finds the reason why a tokenizer file cannot be read, if the library's message does not show it."""

import json
from pathlib import Path
from typing import Any


def broken_file(path: Path) -> str | None:
    """The problem with a ``tokenizer.json``: not JSON, no model, or a `broken_merge`; None if it is unknown."""
    try:
        written: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        return None
    except ValueError as error:
        return f"{path.name}: not JSON ({error}); the file is truncated or damaged, so get the published file again"
    if not isinstance(written, dict) or "model" not in written:
        return f"{path.name}: has no `model`, so this is not a tokenizer of the tokenizers library"
    return broken_merge(path)


def broken_merge(path: Path) -> str | None:
    """The first merge of a BPE ``tokenizer.json`` that does not fit its vocabulary; None if there is none.

    Such merges appear when an editor or a copy changes characters of entries, such as U+00A0 to a space.
    """
    try:
        model: Any = json.loads(path.read_text(encoding="utf-8"))["model"]
        vocabulary, merges = model["vocab"], model["merges"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    for number, merge in enumerate(merges, start=1):
        parts = merge.split(" ") if isinstance(merge, str) else merge
        if len(parts) != 2:
            reason = f"has {len(parts)} parts, not two"
        elif missing := next((part for part in (*parts, "".join(parts)) if part not in vocabulary), None):
            reason = f"needs {missing!r}, which the vocabulary lacks"
        else:
            continue
        text = merge if isinstance(merge, str) else " ".join(map(str, merge))
        return (
            f"{path.name}: merge {number} ({text!r}) {reason}; an editor or a copy has changed the file, "
            "so get the published file again"
        )
    return None
