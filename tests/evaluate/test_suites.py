"""Suites: what a row must have, and what text of an answer is measured."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from byte_model import save_byte_model
from posttrain.data.chat.encode import encode_prompt
from posttrain.data.chat.renderer import renderer_of
from posttrain.data.options import DataOptions
from posttrain.errors import InputError
from posttrain.evaluate.behaviour import run_suite
from posttrain.evaluate.policy_answerer import policy_answerer
from posttrain.evaluate.suites.answers import AnswersSuite, read_answers_suite
from posttrain.generation.engine import greedy
from posttrain.policy.load import load_policy


def suite(folder: Path, metric: str, *rows: dict[str, Any]) -> AnswersSuite:
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return AnswersSuite.model_validate({"data": "rows.jsonl", "metrics": metric, "max_new_tokens": 4})


ROW = {"input": "Is it so?"}


@pytest.mark.parametrize(
    ("metric", "row"),
    [
        ("match", {**ROW, "target": []}),
        ("json_fields", ROW),
        ("contains", {**ROW, "target": [["yes"]]}),
        ("refusal", {**ROW, "metadata": {"refusal": ""}}),
        ("json", {**ROW, "metadata": {"slice": ["a"]}}),
        ("json", {**ROW, "metadata": "a"}),
        ("json", {"target": "yes"}),
    ],
)
def test_a_row_that_cannot_be_measured_is_named(tmp_path: Path, metric: str, row: dict[str, Any]) -> None:
    good = {**ROW, "target": "1"}
    with pytest.raises(InputError, match=r"^rows\.jsonl:2: |/rows\.jsonl:2: "):
        read_answers_suite(suite(tmp_path, metric, good, row), tmp_path)


def test_metadata_may_be_null_and_a_slice_a_number(tmp_path: Path) -> None:
    rows = ({**ROW, "metadata": None}, {**ROW, "metadata": {"slice": None}}, {**ROW, "metadata": {"slice": 7}})
    assert [one.slice for one in read_answers_suite(suite(tmp_path, "refusal", *rows), tmp_path)] == [None, None, "7"]


ENGLISH = "How do I change the oil of my car, and which of the oils is right for it in winter?"
POLISH = (
    "Jak mogę wymienić olej w moim samochodzie i który z nich jest najlepszy na mroźną zimę? Czy powinienem sprawdzić "
    "jego poziom przed każdą dłuższą podróżą, czy wystarczy raz w miesiącu? Gdzie można oddać zużyty olej bez opłat?"
)
DUTCH = "Hoe kan ik de olie van mijn auto verversen en welke is het beste voor de winter, als het koud is?"
JAPANESE = "車のオイルを自分で交換する方法を教えてください。冬にはどのオイルが一番いいですか。"
CODE = "x = { 'a': 1, 'b': [2, 3] }; for k, v in x.items(): print(k, v[0] + 1); assert x['a'] == 1 and x != {}"


@pytest.mark.parametrize("question", [POLISH, DUTCH, JAPANESE])
def test_a_suite_in_a_language_without_a_list_of_refusals_is_named(tmp_path: Path, question: str) -> None:
    rows = [{"input": ENGLISH}] * 10 + [{"input": question}] * 30
    with pytest.raises(InputError, match=r"rows\.jsonl:\d+: .*metadata.*refusal"):
        read_answers_suite(suite(tmp_path, "refusal", *rows), tmp_path)
    own = [{**row, "metadata": {"refusal": "no"}} for row in rows]
    read_answers_suite(suite(tmp_path, "refusal", *own), tmp_path)
    read_answers_suite(suite(tmp_path, "json", *rows), tmp_path)


@pytest.mark.parametrize("question", [ENGLISH, "Why?", "No.", CODE, "Wie wechsle ich das Öl an meinem Auto?"])
def test_a_suite_in_a_known_language_or_in_none_is_measured(tmp_path: Path, question: str) -> None:
    read_answers_suite(suite(tmp_path, "refusal", *[{"input": question}] * 40), tmp_path)


def test_an_answer_is_measured_as_it_was_written(tmp_path: Path) -> None:
    policy = load_policy(str(save_byte_model(tmp_path / "model")))
    options = DataOptions.model_validate({"data": "x.jsonl"})
    renderer, _ = renderer_of(options, policy.tokenizer, end_tokens=policy.end_tokens, positions=256, base=tmp_path)
    opened = replace(renderer, prefill="<think>\n")
    options = suite(tmp_path, "contains", {**ROW, "target": "<think>"})
    (tokens,) = greedy(
        policy, [encode_prompt([{"role": "user", "content": "Is it so?"}], renderer, where="")], max_new_tokens=4
    )
    written = policy.tokenizer.decode(tokens.tolist())
    assert [one.answer for one in run_suite(policy_answerer(policy, opened), options, tmp_path)] == [
        "<think>\n" + written
    ]
    assert [one.answer for one in run_suite(policy_answerer(policy, renderer), options, tmp_path)] == [written]
