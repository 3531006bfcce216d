"""The preference conventions: one prompt, its completions and their ranks; and the place and key in errors."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from conversations import assistant, gpt, human, system, user
from posttrain.data.example import Example
from posttrain.data.files.read import Row, read_rows
from posttrain.data.formats.examples import read_examples
from posttrain.data.skipped import Skips
from posttrain.errors import InputError


def row(values: dict[str, Any]) -> Row:
    return Row("a.jsonl:1", values)


def one(values: dict[str, Any]) -> Example:
    (example,) = read_examples([row(values)], "preference")
    return example


Q, A, B = user("why?"), assistant("because"), assistant("no idea")
HH = "\n\nHuman: why?\n\nAssistant:"
RANKING = {
    "id": "r1",
    "prompt": "why?",
    "candidates": [{"id": "a", "text": "because"}, {"id": "b", "text": "no idea"}, {"id": "c", "text": "hm"}],
    "ranks": {"b": 2, "a": 1, "c": 2},
}

PAIRS: dict[str, dict[str, Any]] = {
    "strings": {"prompt": "why?", "chosen": "because", "rejected": "no idea"},
    "messages": {"prompt": [Q], "chosen": [A], "rejected": [B]},
    "single messages": {"prompt": [Q], "chosen": A, "rejected": B},
    "sides that repeat the prompt": {"prompt": [Q], "chosen": [Q, A], "rejected": [Q, B]},
    "sides that repeat a string prompt": {"prompt": "why?", "chosen": [Q, A], "rejected": [Q, B]},
    "one side that repeats it": {"prompt": "why?", "chosen": "because", "rejected": [Q, B]},
    "prompt inside message lists": {"chosen": [Q, A], "rejected": [Q, B]},
    "transcripts": {"chosen": HH + " because", "rejected": HH + " no idea "},
    "transcripts without the first line ends": {"chosen": HH[2:] + " because", "rejected": HH + " no idea"},
    "sharegpt pair": {"conversations": [human("why?")], "chosen": gpt("because"), "rejected": gpt("no idea")},
    "sharegpt pair with strings": {"conversations": [human("why?")], "chosen": "because", "rejected": "no idea"},
}


@pytest.mark.parametrize("case", PAIRS)
def test_a_pair_is_chosen_then_rejected_after_one_prompt(case: str) -> None:
    example = one(PAIRS[case])
    assert list(example.prompt) == [Q]
    assert [list(turns) for turns in example.completions] == [[A], [B]]
    assert example.columns == {"rank": (1.0, 2.0)}
    assert example.row == PAIRS[case]


def test_a_repeated_prompt_is_cut_off_without_its_system_message_too() -> None:
    pair = {"prompt": [system("s"), Q], "chosen": [Q, A], "rejected": [system("s"), Q, B]}
    example = one(pair)
    assert list(example.prompt) == [system("s"), Q]
    assert [list(turns) for turns in example.completions] == [[A], [B]]


def test_a_shared_tool_call_belongs_to_an_implicit_prompt_and_a_differing_one_does_not() -> None:
    call, other = (assistant("") | {"tool_calls": [{"function": {"name": name}}]} for name in ("look", "go"))
    result = {"role": "tool", "content": "1"}
    shared = one({"chosen": [Q, call, result, A], "rejected": [Q, call, result, B]})
    assert [turn["role"] for turn in shared.prompt] == ["user", "assistant", "tool"]
    differing = one({"chosen": [Q, call, result, A], "rejected": [Q, other, result, A]})
    assert [turn["role"] for turn in differing.prompt] == ["user"]
    assert [len(turns) for turns in differing.completions] == [3, 3]


def test_a_ranking_keeps_all_candidates_and_ties() -> None:
    example = one(RANKING)
    assert list(example.prompt) == [Q]
    assert [turns[0]["content"] for turns in example.completions] == ["because", "no idea", "hm"]
    assert example.columns == {"rank": (1.0, 2.0, 2.0)}


def test_a_transcript_turn_ends_where_the_other_speaker_begins() -> None:
    chosen = "\n\nHuman: a\n\nHuman: b\n\nAssistant: c\n\nHumans: d\n\nHuman: e\n\nAssistant: f\n\nAssistant: g"
    example = one({"chosen": chosen, "rejected": chosen + "!"})
    assert list(example.prompt) == [user("a\n\nHuman: b"), assistant("c\n\nHumans: d"), user("e")]
    assert example.completions[0][0]["content"] == "f\n\nAssistant: g"


# name: (row, what the message says)
BAD: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "chosen is a number": ({"prompt": "x", "chosen": 3, "rejected": "z"}, ("chosen must be a string", "a number")),
    "rejected is null": ({"prompt": "x", "chosen": "y", "rejected": None}, ("rejected must be", "null")),
    "chosen is empty": ({"prompt": "x", "chosen": [], "rejected": "z"}, ("chosen is an empty conversation",)),
    "chosen ends with the user": ({"prompt": "why?", "chosen": [Q], "rejected": [Q, B]}, ("chosen must end",)),
    "implicit, ends with the user": ({"chosen": [Q, A], "rejected": [Q, B, Q]}, ("rejected must end",)),
    "plain strings without a prompt": ({"chosen": "x", "rejected": "y"}, ("chosen is a plain string", "columns:")),
    "transcript of a lone assistant": (
        {"chosen": "\n\nAssistant: x", "rejected": HH + " y"},
        ("chosen is a plain string",),
    ),
    "implicit null": ({"chosen": None, "rejected": None}, ("chosen must be a list", "null")),
    "candidates is an object": ({**RANKING, "candidates": {}}, ("candidates must be a list",)),
    "one candidate": ({**RANKING, "candidates": RANKING["candidates"][:1]}, ("at least 2", "1")),
    "candidate without text": ({**RANKING, "candidates": [{"id": "a"}]}, ("candidates[0]", "text")),
    "candidate without id": ({**RANKING, "candidates": [{"text": "a"}]}, ("candidates[0]", "id")),
    "candidate twice": ({**RANKING, "candidates": RANKING["candidates"][:1] * 2}, ("candidates[1]", "`a`", "twice")),
    "unknown candidate": ({**RANKING, "ranks": {"a": 1, "x": 2}}, ("ranks names `x`", "a, b, c")),
    "unranked candidate": ({**RANKING, "ranks": {"a": 1, "b": 2}}, ("no rank for c",)),
    "rank is a string": ({**RANKING, "ranks": {"a": "1", "b": 2, "c": 3}}, ("ranks.a", "a string")),
    "rank is a boolean": ({**RANKING, "ranks": {"a": True, "b": 2, "c": 3}}, ("ranks.a", "a boolean")),
    "ranks is a list": ({**RANKING, "ranks": [1, 2, 3]}, ("ranks must be an object", "a list")),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_row_is_refused_with_its_place_and_key(case: str) -> None:
    bad, parts = BAD[case]
    with pytest.raises(InputError) as caught:
        list(read_examples([row(bad)], "preference"))
    message = str(caught.value)
    assert message.startswith("a.jsonl:1: "), message
    assert "\n" not in message
    for part in parts:
        assert part in message, message


UNTRAINABLE: dict[str, tuple[dict[str, Any], str]] = {
    "equal strings": ({"prompt": "x", "chosen": "y", "rejected": "y"}, "chosen equals rejected"),
    "equal transcripts": ({"chosen": HH + " y", "rejected": HH + "  y "}, "chosen equals rejected"),
    "equal lists": ({"chosen": [Q, A], "rejected": [Q, A]}, "chosen equals rejected"),
    "equal candidates": (
        {**RANKING, "candidates": [{"id": name, "text": "x"} for name in "abc"]},
        "chosen equals rejected",
    ),
    "all tied": ({**RANKING, "ranks": dict.fromkeys("abc", 1)}, "all candidates are tied"),
    "other prompts": (
        {"chosen": [Q, A], "rejected": [user("how?"), A]},
        "the prompts of chosen and rejected differ",
    ),
    "other prompts in transcripts": (
        {"chosen": HH + " y", "rejected": "\n\nHuman: how?\n\nAssistant: y"},
        "the prompts of chosen and rejected differ",
    ),
    "one transcript goes on": (
        {"chosen": HH + " y", "rejected": HH + " y\n\nHuman: how?\n\nAssistant: z"},
        "chosen and rejected part before the last question",
    ),
    "the longer transcript is chosen": (
        {"rejected": HH + " y", "chosen": HH + " y\n\nHuman: how?\n\nAssistant: z"},
        "the prompts of chosen and rejected differ",
    ),
    "the dialogue parts ways": (
        {"chosen": [Q, A, Q, A], "rejected": [Q, B, Q, A]},
        "chosen and rejected part before the last question",
    ),
    "a side repeats another prompt": (
        {"prompt": "why?", "chosen": [user("how?"), A], "rejected": "z"},
        "chosen or rejected repeats another prompt than the row's own",
    ),
    "empty rejected": ({"prompt": "x", "chosen": "y", "rejected": " "}, "empty completion"),
    "empty transcript end": ({"chosen": HH + " y", "rejected": HH}, "empty completion"),
    "transcript without an answer": ({"chosen": HH + " y", "rejected": HH[:-13]}, "empty completion"),
    "empty candidate": (
        {**RANKING, "candidates": [{"id": i, "text": i.strip("c")} for i in "abc"]},
        "empty completion",
    ),
}


@pytest.mark.parametrize("case", UNTRAINABLE)
def test_a_row_that_cannot_train_is_counted_and_not_raised(case: str) -> None:
    values, reason = UNTRAINABLE[case]
    skips = Skips()
    assert list(read_examples([row(values)], "preference", skipped=skips)) == []
    assert dict(skips.counts) == {reason: 1}


def real(data_dir: Path, name: str) -> tuple[list[Example], Counter[str]]:
    skips = Skips()
    return list(read_examples(read_rows(name, base=data_dir), "preference", skipped=skips)), skips.counts


@pytest.mark.parametrize(
    ("name", "count", "reasons"),
    [
        ("helpful_base", 2354, {"chosen equals rejected": 2, "empty completion": 4}),
        ("helpful_rejection_sampled", 2749, {"chosen equals rejected": 32}),
    ],
)
def test_real_transcripts_split_before_the_last_answer(
    name: str, count: int, reasons: dict[str, int], data_dir: Path
) -> None:
    found, counts = real(data_dir, f"preference/hh_rlhf_{name}_test.jsonl.gz")
    assert counts == reasons
    assert len(found) == count - sum(reasons.values())
    for example in found:
        assert [turn["role"] for turn in example.prompt] == ["user", "assistant"] * (len(example.prompt) // 2) + [
            "user"
        ]
        for side, completion in zip(("chosen", "rejected"), example.completions, strict=True):
            (answer,) = completion
            words = "".join(
                f"\n\n{'Human' if turn['role'] == 'user' else 'Assistant'}: {turn['content']}"
                for turn in (*example.prompt, answer)
            )
            assert words.split() == example.row[side].split(), "every word of the transcript is kept, in order"


def test_real_sharegpt_pairs_read_whole(data_dir: Path) -> None:
    found, counts = real(data_dir, "preference/dpo_en_demo.jsonl.gz")
    assert (len(found), dict(counts)) == (300, {})
    assert Counter(example.prompt[0]["role"] for example in found) == {"user": 220, "system": 80}
    assert all(example.columns == {"rank": (1.0, 2.0)} for example in found)
