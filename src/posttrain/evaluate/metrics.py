"""Metrics: functions of (answer, row) to a number between 0 and 1, found by name."""

import json
from collections.abc import Callable, Mapping
from typing import Any

Metric = Callable[[str, Mapping[str, Any]], float]


def exact(answer: str, row: Mapping[str, Any]) -> float:
    """The target, white space aside."""
    return float(" ".join(answer.split()) == " ".join(str(row["target"]).split()))


def json_equal(answer: str, row: Mapping[str, Any]) -> float:
    """Valid JSON with the target's facts, key order aside."""
    target = row["target"]
    try:
        return float(json.loads(answer) == (json.loads(target) if isinstance(target, str) else target))
    except ValueError:
        return 0.0


def json_valid(answer: str, row: Mapping[str, Any]) -> float:
    """Any valid JSON."""
    try:
        json.loads(answer)
    except ValueError:
        return 0.0
    return 1.0


def contains(answer: str, row: Mapping[str, Any]) -> float:
    """The target stands in the answer, white space and case aside."""
    return float(" ".join(str(row["target"]).split()).casefold() in " ".join(answer.split()).casefold())


def refused(answer: str, row: Mapping[str, Any]) -> float:
    """The answer says that it cannot do what was asked (``metadata.refusal``: the house's own words for it)."""
    markers = row.get("metadata", {}).get("refusal") or REFUSALS
    text = " ".join(answer.split()).casefold().replace("’", "'")
    return float(any(marker.casefold() in text for marker in ([markers] if isinstance(markers, str) else markers)))


REFUSALS = ("i can't", "i cannot", "i am unable", "i'm unable", "i am not able", "i'm not able", "i won't", "i'm sorry")
"""Openings of a refusal in plain English; a house with a style of its own names its words in the row."""

METRICS: Mapping[str, Metric] = {f.__name__: f for f in (exact, json_equal, json_valid, contains, refused)}
"""Every metric by name."""
