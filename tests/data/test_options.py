"""The recipe's options for data, and the forms that they may have."""

from typing import Any

import pytest
from pydantic import ValidationError

from posttrain.data.options import DataOptions, DataSource, as_sources


def read(**values: Any) -> DataOptions:
    return DataOptions.model_validate(values)


@pytest.mark.parametrize("values", ["a.jsonl", ["a.jsonl"], {"path": "a.jsonl"}, [{"path": "a.jsonl"}]])
def test_a_path_a_source_and_a_list_of_either_mean_the_same(values: Any) -> None:
    assert read(data=values).data == (DataSource(path="a.jsonl"),)
    assert read(data="b.jsonl", validation=values).validation == (DataSource(path="a.jsonl"),)


def test_several_sources_keep_their_order() -> None:
    assert [source.path for source in read(data=["b", {"path": "a", "weight": 2}]).data] == ["b", "a"]


def test_validation_is_a_share_sources_or_nothing() -> None:
    assert read(data="a").validation is None
    assert read(data="a", validation=0.05).validation == 0.05


@pytest.mark.parametrize(
    "values",
    [
        {"data": []},
        {"data": ""},
        {"data": {"path": "a", "weigth": 2}},
        {"data": {"path": "a", "weight": 0}},
        {"data": {"path": "a", "rows": 0}},
        {"data": "a", "validation": 0},
        {"data": "a", "validation": 1},
        {"data": "a", "validation": 1.5},
        {"data": "a", "validation": []},
        {"data": "a", "max_length": 1},
        {"data": "a", "truncation": "both"},
        {"data": "a", "trunctation": "left"},
        {},
    ],
)
def test_invalid_options_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        read(**values)


def test_no_sources_by_default_are_no_sources() -> None:
    assert as_sources(()) == []
