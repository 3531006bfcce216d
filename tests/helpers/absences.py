"""What a test needs and the machine lacks: skipped with a reason, or refused in CI."""

import os

import pytest

REQUIRE_ALL = os.environ.get("POSTTRAIN_REQUIRE") == "all"


def absent(reason: str) -> None:
    """Skip with a reason, or fail where everything is required (CI)."""
    if REQUIRE_ALL:
        pytest.fail(f"POSTTRAIN_REQUIRE=all, but {reason}")
    pytest.skip(reason)
