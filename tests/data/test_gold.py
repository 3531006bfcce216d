"""Gold rows: which prompts are the same, and what the file keeps."""

import json
from pathlib import Path
from typing import Any

import pytest

from posttrain.data.example import Example
from posttrain.data.files.read import Row
from posttrain.data.gold import GOLD, add_gold, normalised_prompt, prompt_hash, read_gold, user_turn_hashes
from posttrain.errors import InputError


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def bot(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("May I take it with wine?", "may i take it  with wine"),
        ("Is it “safe”, really?", 'Is it "safe" really?'),
        ("Dose: 5 mg.", "DOSE 5 mg"),
        ("ﬁve ½", "five 1⁄2"),
    ],
)
def test_case_space_and_punctuation_do_not_distinguish_prompts(one: str, other: str) -> None:
    assert normalised_prompt(one) == normalised_prompt(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is 2 + 1?", "What is 2 - 1?"),
        ("3.5 mg", "35 mg"),
        ("10:30", "1030"),
        ("a*b", "a/b"),
        ("?", "!"),
        ("May I?", "May we?"),
    ],
)
def test_what_changes_the_meaning_does(one: str, other: str) -> None:
    assert normalised_prompt(one) != normalised_prompt(other)


def hashes(prompt: list[Any], *completions: list[Any]) -> set[str]:
    return set(user_turn_hashes(Example("x:1", tuple(prompt), tuple(tuple(one) for one in completions))))


def test_a_gold_question_is_found_under_any_system_prompt_and_in_every_turn_of_a_conversation() -> None:
    gold = prompt_hash([user("Why?")])
    assert gold in hashes([{"role": "system", "content": "Be kind"}, user("why")], [bot("so")])
    assert gold in hashes([user("Why?")], [bot("so"), user("Who?"), bot("me")])
    second = prompt_hash([user("Hi"), bot("Hello"), user("Why?")])
    assert second in hashes([user("Hi")], [bot("Hello"), user("Why?"), bot("so")])
    assert second in hashes([user("Hi"), bot("Hello"), user("Why?")], [bot("so")], [bot("no")])


def test_the_same_last_message_in_another_conversation_is_another_prompt() -> None:
    gold = prompt_hash([user("Hi"), bot("Hello"), user("Why?")])
    assert gold not in hashes([user("Why?")], [bot("so")])
    assert gold not in hashes([user("Hi"), bot("Good day"), user("Why?")], [bot("so")])
    assert prompt_hash([user("a b")]) != prompt_hash([user("a"), user("b")])


def test_the_file_keeps_hashes_and_places_but_no_text(tmp_path: Path) -> None:
    rows = [Row("gold.jsonl:1", {"input": "Secret question?", "target": "x"}), Row("gold.jsonl:2", {"prompt": "B"})]
    assert add_gold(tmp_path, rows) == (2, 2)
    assert add_gold(tmp_path, [Row("more.jsonl:7", {"prompt": "secret question"})]) == (0, 2)
    assert add_gold(tmp_path, [Row("more.jsonl:8", {"input": [user("C")]})]) == (1, 3)
    text = (tmp_path / GOLD).read_text()
    assert "ecret" not in text
    assert [json.loads(line)["row"] for line in text.splitlines()] == ["gold.jsonl:1", "gold.jsonl:2", "more.jsonl:8"]
    assert len(read_gold(tmp_path)) == 3


@pytest.mark.parametrize("values", [{"text": "x"}, {"input": []}, {"input": [{"role": "system", "content": "x"}]}])
def test_a_row_without_a_question_is_named(tmp_path: Path, values: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"^rows\.jsonl:4"):
        add_gold(tmp_path, [Row("rows.jsonl:4", values)])
    assert not (tmp_path / GOLD).exists()


def test_a_file_of_something_else_is_named(tmp_path: Path) -> None:
    (tmp_path / GOLD).write_text('{"prompt": "x"}\n')
    with pytest.raises(InputError, match=rf"{GOLD}:1: no `prompt_sha256`"):
        read_gold(tmp_path)
