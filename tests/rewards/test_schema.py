"""Rewards of JSON: validity, schemas, and the share of fields that are right."""

import copy
import json
import math
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from posttrain.errors import InputError
from posttrain.rewards.json_schema import validator
from posttrain.rewards.json_text import find_json
from posttrain.rewards.schema import (
    JsonFieldsReward,
    JsonReward,
    JsonSchemaReward,
    fields_score,
    json_leaves,
    make_json_fields_reward,
    make_json_reward,
    make_json_schema_reward,
)
from posttrain.rewards.types import Failed

SCHEMA = {
    "type": "object",
    "properties": {"drug": {"type": "string"}, "dose": {"type": "integer", "minimum": 1}, "on": {"format": "date"}},
    "required": ["drug", "dose"],
    "additionalProperties": False,
}

SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text("ab", max_size=2)
VALUES = st.recursive(
    SCALARS,
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text("abc", max_size=2), v, max_size=3),
    max_leaves=12,
)


def same(a: Any, b: Any) -> bool:
    """Equality of JSON values by their text with sorted keys: true is not 1, but 1 is 1.0."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [plain(inner) for inner in value]
        return value + 0.0 if isinstance(value, int | float) and not isinstance(value, bool) else value

    return json.dumps(plain(a), sort_keys=True).replace("-0.0", "0.0") == json.dumps(plain(b), sort_keys=True).replace(
        "-0.0", "0.0"
    )


def shuffled(value: Any) -> Any:
    """The value with the keys of every object in reverse order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in reversed(value)}
    return [shuffled(inner) for inner in value] if isinstance(value, list) else value


@given(VALUES, VALUES)
def test_the_score_is_one_exactly_where_the_values_are_equal(expected: Any, given_value: Any) -> None:
    score = fields_score(expected, given_value)
    assert 0.0 <= score <= 1.0
    assert (score == 1.0) == same(expected, given_value)
    assert score == fields_score(given_value, expected)


@given(VALUES)
def test_a_value_equals_itself_whatever_the_order_of_its_keys(value: Any) -> None:
    assert fields_score(value, shuffled(value)) == 1.0
    assert fields_score(value, json.loads(json.dumps(shuffled(value)))) == 1.0


def put(value: Any, path: tuple[str | int, ...], leaf: Any) -> None:
    for step in path[:-1]:
        value = value[step]
    value[path[-1]] = leaf


def at(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


RECORDS = st.dictionaries(st.text("abc", min_size=1, max_size=2), VALUES, min_size=1, max_size=4)


@given(RECORDS, st.data())
def test_each_field_corrected_raises_the_score(expected: dict[str, Any], data: st.DataObject) -> None:
    paths = list(json_leaves(expected))
    wrong = copy.deepcopy(expected)
    for path in paths:
        put(wrong, path, "wrong") if data.draw(st.booleans()) else None
    broken = [path for path in paths if at(wrong, path) != at(expected, path) or at(wrong, path) == "wrong"]
    score = fields_score(expected, wrong)
    assert score == pytest.approx(1 - len(broken) / (len(paths)))
    for path in data.draw(st.permutations(broken)):
        put(wrong, path, at(expected, path))
        better = fields_score(expected, wrong)
        assert better > score
        score = better
    assert score == 1.0


@given(RECORDS, st.dictionaries(st.text("xyz", min_size=1, max_size=2), VALUES, min_size=1, max_size=3))
def test_each_extra_field_costs(expected: dict[str, Any], extra: dict[str, Any]) -> None:
    given_value, score = dict(expected), 1.0
    for key, value in extra.items():
        given_value[key] = value
        worse = fields_score(expected, given_value)
        assert worse < score
        score = worse


@given(RECORDS, st.data())
def test_each_missing_field_costs(expected: dict[str, Any], data: st.DataObject) -> None:
    given_value, score = dict(expected), 1.0
    for key in data.draw(st.permutations(sorted(expected)))[:-1]:
        del given_value[key]
        worse = fields_score(expected, given_value)
        assert worse < score
        score = worse


@pytest.mark.parametrize(
    ("expected", "given_value", "score"),
    [
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, 1 / 2),
        ({"a": 1, "b": 2}, {"a": 1}, 1 / 2),
        ({"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3}, 2 / 3),
        ({"a": {"b": [1, 2]}, "c": "x"}, {"a": {"b": [1, 3]}, "c": "x"}, 2 / 3),
        ({"a": True}, {"a": 1}, 0.0),
        ({"a": 1}, {"a": 1.0}, 1.0),
        ({"a": "1"}, {"a": 1}, 0.0),
        ({"a": {}}, {"a": []}, 0.0),
        ({}, {}, 1.0),
        ([1], {"0": 1}, 0.0),
        (None, None, 1.0),
    ],
)
def test_fields_by_hand(expected: Any, given_value: Any, score: float) -> None:
    assert fields_score(expected, given_value) == pytest.approx(score)


@pytest.mark.parametrize(
    ("text", "plain", "extracted"),
    [
        ('{"a": 1}', {"a": 1}, {"a": 1}),
        (" [1]\n", [1], [1]),
        ('```json\n{"a": 1}\n```', None, {"a": 1}),
        ('First ```json\n{"a": 1}\n``` then\n```\n{"a": 2}\n```', None, {"a": 2}),
        ('```json\n{"a": 1}\n```\n```json5\n{"a": 2}\n```', None, {"a": 2}),
        ('```json\r\n{"a": 1}\r\n```\r\n```json\r\n{"a": 2}\r\n```\r\n', None, {"a": 2}),
        ('- ```json\n  {"a": [1,\n  2]}\n  ```\n- longer: [1, 2, 3, 4, 5]', None, {"a": [1, 2]}),
        ('~~~json title="a"\n{"a": 1}\n~~~\nin [1, 2, 3, 4, 5]', None, {"a": 1}),
        ('```json\n{"a": 1}\n```\nprints\n```\n9\n```', None, {"a": 1}),
        ('```json\n{"a": 1}\n```\n```bash\n{}\n```', None, {"a": 1}),
        ('```python\n[1]\n```\nso\n```\n{"a": 1}\n```', None, {"a": 1}),
        ('```json\n{"a": "```"}\n```', None, {"a": "```"}),
        ("```\n42\n```", None, 42),
        ('```json\n{"a": 1}\n```\nfinally\n```json\n{"a": {"b": 2}\n```', None, None),
        ('As in [1]: {"a": [1, 2]} is it.', None, {"a": [1, 2]}),
        ('{"a": NaN}', None, None),
        ('{"a": 1, "a": 2}', None, None),
        ('{"a": 1} {"b": 2}', None, {"b": 2}),
        ("The answer is 3", None, None),
        ('{"a": 1', None, None),
        ("", None, None),
    ],
)
def test_the_whole_completion_is_json_unless_it_may_be_extracted(text: str, plain: Any, extracted: Any) -> None:
    assert find_json(text) == (None if plain is None else (plain,))
    assert find_json(text, extract=True) == (None if extracted is None else (extracted,))


@pytest.mark.parametrize(
    "hostile", ["[" * 200_000, '{"a":' * 50_000, "[1," * 50_000, '["' * 50_000, "```json\n" * 20_000]
)
def test_a_hostile_text_is_read_in_bounded_time(hostile: str) -> None:
    assert find_json(hostile) is None
    assert find_json(hostile, extract=True) is None
    deep = '{"a":' * 900 + "1" + "}" * 900
    schema = JsonSchemaReward(
        kind="json_schema",
        inline={"$ref": "#/$defs/t", "$defs": {"t": {"additionalProperties": {"$ref": "#/$defs/t"}}}},
    )
    assert make_json_schema_reward(schema, Path())([deep], [{}])[0] in (0.0, 1.0)


def test_null_is_json() -> None:
    assert make_json_reward(JsonReward(kind="json"), Path())(["null", "nul"], [{}, {}]) == [1.0, 0.0]


CASES = (
    ('{"drug": "Belvar", "dose": 5}', 1.0),
    ('{"dose": 5, "drug": "Belvar", "on": "2026-02-28"}', 1.0),
    ('{"drug": "Belvar", "dose": 5, "on": "2026-02-30"}', 0.0),
    ('{"drug": "Belvar", "dose": 0}', 0.0),
    ('{"drug": "Belvar"}', 0.0),
    ('{"drug": "Belvar", "dose": 5, "x": 1}', 0.0),
    ("Belvar", 0.0),
)


def test_a_schema_comes_from_the_recipe_a_file_or_the_row(tmp_path: Path) -> None:
    (tmp_path / "note.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    completions, expected = zip(*CASES, strict=True)
    for options, row in (
        ({"inline": SCHEMA}, {}),
        ({"file": "note.json"}, {}),
        ({"column": "schema"}, {"schema": SCHEMA}),
        ({"column": "schema"}, {"schema": json.dumps(SCHEMA)}),
    ):
        spec = JsonSchemaReward.model_validate({"kind": "json_schema", **options})
        assert make_json_schema_reward(spec, tmp_path)(completions, [row] * len(completions)) == list(expected)


def test_a_broken_schema_is_an_error_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"type": "thing"}', encoding="utf-8")
    with pytest.raises(InputError, match=r"bad\.json: no JSON Schema: .*at \$\.type"):
        make_json_schema_reward(JsonSchemaReward(kind="json_schema", file="bad.json"), tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        make_json_schema_reward(JsonSchemaReward(kind="json_schema", file="none.json"), tmp_path)
    by_column = make_json_schema_reward(JsonSchemaReward(kind="json_schema", column="s"), tmp_path)
    (failed,) = by_column(["{}"], [{"s": {"type": 3}}])
    assert isinstance(failed, Failed)
    assert "`s`: no JSON Schema" in failed.reason
    with pytest.raises(ValidationError, match="needs one of"):
        JsonSchemaReward(kind="json_schema")


def test_a_schema_is_never_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr("socket.create_connection", refuse)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"
        with pytest.raises(InputError, match=re.escape(url)):
            validator({"$ref": url}, "inline")
        with pytest.raises(BlockingIOError):  # no client has connected
            server.accept()


DRAFT_7 = "http://json-schema.org/draft-07/schema#"

FORMATS = {
    "date": ("2026-02-28", "2026-02-30"),
    "date-time": ("2026-02-28T12:00:00Z", "tomorrow at noon"),
    "time": ("12:00:00+01:00", "noon"),
    "duration": ("P3DT2H", "two days"),
    "email": ("a.b@example.org", "a @ b"),
    "idn-email": ("ä@exämple.org", "nobody"),
    "hostname": ("www.example.org", "-bad-.example.."),
    "idn-hostname": ("exämple.org", "-bad-"),
    "ipv4": ("10.0.0.1", "300.1.1.1"),
    "ipv6": ("::1", "12345::"),
    "uri": ("https://example.org/a?b#c", "not a uri"),
    "uri-reference": ("../a", "\\\\a"),
    "iri": ("https://exämple.org/ä", "no iri"),
    "iri-reference": ("/ä", "\\\\a"),
    "uri-template": ("https://example.org/{id}", "{id"),
    "uuid": ("123e4567-e89b-12d3-a456-426614174000", "1234"),
    "json-pointer": ("/a/0", "a/b"),
    "relative-json-pointer": ("1/a", "/a"),
    "regex": ("^a+$", "("),
}


@pytest.mark.parametrize("draft", [None, DRAFT_7])
@pytest.mark.parametrize(("name", "texts"), FORMATS.items())
def test_every_format_of_json_schema_is_checked(name: str, texts: tuple[str, str], draft: str | None) -> None:
    fits = validator({"format": name} if draft is None else {"$schema": draft, "format": name}, "inline")
    assert [fits(text) for text in (*texts, 3)] == [True, False, True]


RULES = (
    ({"multipleOf": 0.01}, 19.99, True),
    ({"multipleOf": 0.01}, 1157.85, True),
    ({"multipleOf": 0.01}, 19.995, False),
    ({"multipleOf": 0.1}, 0.3, True),
    ({"multipleOf": 7}, 7 * 10**30 + 1, False),
    ({"pattern": "^\\d+$"}, "34", True),
    ({"pattern": "^\\d+$"}, "٣٤", False),
    ({"pattern": "^\\w+$"}, "Zoë", False),
    ({"pattern": "^[A-Z]{3}$"}, "ABC\n", False),
    ({"pattern": "^\\p{L}+$"}, "Zoë", True),
    ({"pattern": "^\\p{Script=Greek}$"}, "λ", True),
    ({"pattern": "^(?!no)[a-z]+$"}, "nose", False),
    ({"pattern": "^.$"}, "🐲", True),
    ({"pattern": "b"}, "abc", True),
    ({"patternProperties": {"^\\d$": {"type": "null"}}}, {"1": 2}, False),
    ({"patternProperties": {"^a$": {}}, "additionalProperties": False}, {"a\n": 1}, False),
    ({"patternProperties": {"^\\p{L}$": {}}, "unevaluatedProperties": False}, {"ë": 1}, True),
    ({"properties": {"format": {"enum": ["x"]}}}, {"format": "x"}, True),
    ({"const": 1}, True, False),
    ({"type": "integer"}, 1.0, True),
    ({"$ref": "https://json-schema.org/draft/2020-12/schema"}, {"type": "thing"}, False),
    ({"$id": "https://example.org/a", "$defs": {"b": {"$id": "b", "type": "null"}}, "$ref": "b"}, 1, False),
    ({"$defs": {"b": {"$dynamicAnchor": "b", "type": "null"}}, "$dynamicRef": "#b"}, 1, False),
)


@pytest.mark.parametrize(("schema", "value", "fits"), RULES)
def test_a_rule_holds_as_json_schema_defines_it(schema: dict[str, Any], value: Any, fits: bool) -> None:
    assert validator(schema, "inline")(value) is fits


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"items": {"properties": {"on": {"format": "datetime"}}}}, "$.items.properties.on.format"),
        ({"items": {"pattern": "("}}, "$.items.pattern"),
        ({"allOf": [{}, {"pattern": "a\\Z"}]}, "$.allOf[1].pattern"),
        ({"properties": {"a": {"patternProperties": {"(": {}}}}}, "$.properties.a.patternProperties.("),
        ({"properties": {"a": {"$ref": "#/$defs/nope"}}}, "/$defs/nope"),
        ({"anyOf": [{}, {"items": {"$dynamicRef": "#nope"}}]}, "nope"),
        ({"$ref": "https://example.org/s.json"}, "https://example.org/s.json"),
        ({"$ref": "other.json#/a"}, "other.json"),
        ({"$ref": "#/required", "required": ["a"]}, "$.required"),
        ({"$schema": "https://example.org/unknown"}, "https://example.org/unknown"),
        ({"minimum": "3"}, "$.minimum"),
    ],
)
def test_a_rule_that_cannot_be_checked_is_refused_with_the_recipe(schema: dict[str, Any], place: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(place)):
        JsonSchemaReward(kind="json_schema", inline=schema)


@pytest.mark.parametrize("schema", ["text", 3, [], None])
def test_a_schema_is_an_object_or_a_boolean(schema: Any) -> None:
    with pytest.raises(InputError, match="no JSON Schema"):
        validator(schema, "`schema`")


@pytest.mark.parametrize("pattern", [r"^(\w+\s?)*$", r"^(?!x)(\w+\s?)*$"])
def test_a_pattern_does_not_hang_on_a_hostile_text(pattern: str) -> None:
    assert not validator({"pattern": pattern}, "inline")("a" * 2_000 + "!")


@pytest.mark.parametrize(
    ("schema", "wrap"),
    [
        ({"pattern": r"(a*)*\1b$"}, lambda text: text),
        ({"not": {"pattern": r"(a*)*\1b$"}}, lambda text: text),
        ({"patternProperties": {r"(a*)*\1b$": False}}, lambda text: {text: 1}),
    ],
)
def test_a_pattern_that_takes_too_many_steps_is_no_verdict(schema: dict[str, Any], wrap: Callable[[str], Any]) -> None:
    batch = make_json_schema_reward(JsonSchemaReward(kind="json_schema", inline=schema), Path())
    (failed,) = batch([json.dumps(wrap("a" * 30 + "!"))], [{}])
    assert isinstance(failed, Failed)
    assert "pattern" in failed.reason


def test_fields_are_compared_with_the_row() -> None:
    batch = make_json_fields_reward(JsonFieldsReward(kind="json_fields", target="note", extract=True), Path())
    rows = [{"note": {"a": 1, "b": 2}}, {"note": '{"a": 1, "b": 2}'}, {"note": None}, {"note": "{"}]
    half, text, null, broken = batch(['so {"a": 1, "b": 0}'] * 4, rows)
    assert (half, text, null) == (0.5, 0.5, None)
    assert isinstance(broken, Failed)
    assert "`note`: broken JSON" in broken.reason
    (score,) = batch(["no JSON"], rows[:1])
    assert isinstance(score, float)
    assert math.isclose(score, 0.0)


def test_a_reward_may_need_the_whole_record() -> None:
    batch = make_json_fields_reward(JsonFieldsReward(kind="json_fields", target="note", whole=True), Path())
    rows = [{"note": {"a": 1, "b": 2}}]
    for text, value in (('{"b": 2, "a": 1}', 1.0), ('{"a": 1}', 0.0), ('{"a": 1, "b": 2, "c": 3}', 0.0), ("no", 0.0)):
        assert batch([text], rows) == [value], text
