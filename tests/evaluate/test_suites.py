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
from posttrain.evaluate.options import MetricName, SuiteOptions
from posttrain.evaluate.suites import read_suite, run_suite
from posttrain.generation.engine import greedy
from posttrain.policy.load import load_policy


def suite(folder: Path, metric: MetricName, *rows: dict[str, Any]) -> SuiteOptions:
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return SuiteOptions(data="rows.jsonl", metric=metric, max_new_tokens=4)


ASKED = {"input": "Is it so?"}


@pytest.mark.parametrize(
    ("metric", "row"),
    [
        ("exact", {**ASKED, "target": None}),
        ("json_equal", ASKED),
        ("contains", {**ASKED, "target": [["yes"]]}),
        ("refused", {**ASKED, "metadata": {"refusal": ""}}),
        ("json_valid", {**ASKED, "metadata": {"slice": ["a"]}}),
        ("json_valid", {**ASKED, "metadata": "a"}),
        ("json_valid", {"target": "yes"}),
    ],
)
def test_a_row_that_cannot_be_measured_is_named(tmp_path: Path, metric: MetricName, row: dict[str, Any]) -> None:
    good = {**ASKED, "target": "1"}
    with pytest.raises(InputError, match=r"^rows\.jsonl:2: |/rows\.jsonl:2: "):
        read_suite(suite(tmp_path, metric, good, row), tmp_path)


def test_metadata_may_be_null_and_a_slice_a_number(tmp_path: Path) -> None:
    rows = ({**ASKED, "metadata": None}, {**ASKED, "metadata": {"slice": None}}, {**ASKED, "metadata": {"slice": 7}})
    assert [one.slice for one in read_suite(suite(tmp_path, "refused", *rows), tmp_path)] == [None, None, "7"]


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
        read_suite(suite(tmp_path, "refused", *rows), tmp_path)
    own = [{**row, "metadata": {"refusal": "no"}} for row in rows]
    read_suite(suite(tmp_path, "refused", *own), tmp_path)
    read_suite(suite(tmp_path, "json_valid", *rows), tmp_path)


@pytest.mark.parametrize("question", [ENGLISH, "Why?", "No.", CODE, "Wie wechsle ich das Öl an meinem Auto?"])
def test_a_suite_in_a_known_language_or_in_none_is_measured(tmp_path: Path, question: str) -> None:
    read_suite(suite(tmp_path, "refused", *[{"input": question}] * 40), tmp_path)


def test_an_answer_is_measured_as_it_was_written(tmp_path: Path) -> None:
    policy = load_policy(str(save_byte_model(tmp_path / "model")))
    options = DataOptions.model_validate({"data": "x.jsonl"})
    renderer, _ = renderer_of(options, policy.tokenizer, end_tokens=policy.end_tokens, positions=256, base=tmp_path)
    opened = replace(renderer, prefill="<think>\n")
    options = suite(tmp_path, "contains", {**ASKED, "target": "<think>"})
    (tokens,) = greedy(
        policy, [encode_prompt([{"role": "user", "content": "Is it so?"}], renderer, where="")], max_new_tokens=4
    )
    written = policy.tokenizer.decode(tokens.tolist())
    assert [one.answer for one in run_suite(policy, opened, options, tmp_path)] == ["<think>\n" + written]
    assert [one.answer for one in run_suite(policy, renderer, options, tmp_path)] == [written]
