"""A group of facts on one subject, with its figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FactGroup:
    """Facts and figures on one subject.

    Args:
        facts: fact → whether it holds.
        figures: name → the figure that reasons quote.
    """

    facts: Mapping[str, bool]
    figures: Mapping[str, Any]
