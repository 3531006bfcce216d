"""The page of keys agrees with the option classes."""

from pathlib import Path

from command_line import Posttrain

PAGE = Path(__file__).parents[2] / "docs/recipe.md"


def test_the_page_of_keys_is_up_to_date(posttrain: Posttrain) -> None:
    answer = posttrain("keys")
    assert answer.code == 0
    assert answer.out == PAGE.read_text(encoding="utf-8"), "write it again: posttrain keys > docs/recipe.md"


def test_the_page_names_values_bounds_and_defaults() -> None:
    rows = {line.split("|")[1].strip(): line for line in PAGE.read_text(encoding="utf-8").splitlines() if "|" in line}
    assert "whole number, at least 1" in rows["`max_steps`"]
    assert "`cosine` or `linear`" in rows["`schedule`"]
    assert "number" in rows["`validation`"]
    assert "required" in rows["`rewards`"]
