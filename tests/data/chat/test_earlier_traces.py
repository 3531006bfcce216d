"""Templates that leave out the traces of earlier turns: rows are learnt as the template shows them to the model."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from conversations import QWEN3_RULES, UNMARKED_QWEN3_RULES, WHERE, group_of, renderer, taught_pieces, user, whole
from posttrain.core.group import Group
from posttrain.data.chat.encode import encode_example
from posttrain.data.example import Example, Message
from posttrain.data.files.read import Row
from posttrain.data.formats.preference_rows import read_pair
from posttrain.data.formats.sft_rows import read_messages
from posttrain.data.options import Reasoning

SOURCES = pytest.mark.parametrize("source", [QWEN3_RULES, UNMARKED_QWEN3_RULES], ids=["marked", "unmarked"])
END = "<|im_end|>"
EARLIER = "earlier reasoning traces that the template leaves out; they are not trained on"


def thought(trace: str, content: str, **more: Any) -> Message:
    return {"role": "assistant", "content": content, "reasoning_content": trace, **more}


TALK = [user("One?"), thought("Count to one.", "1"), user("Two?"), thought("Count to two.", "2")]


def of(messages: list[Message], **more: Any) -> Example:
    return read_messages(Row(WHERE, {"messages": messages, **more}))


def shown_by_transformers(tokenizer: Any, source: str, messages: list[Message], **more: Any) -> list[int]:
    """The tokens that `apply_chat_template` gives to the model."""
    own = deepcopy(tokenizer)
    own.chat_template = source
    return own.apply_chat_template(messages, return_dict=False, **more)


@SOURCES
def test_the_last_answer_is_learnt_behind_the_tokens_that_inference_shows(source: str, qwen: Any) -> None:
    how = renderer(qwen, source)
    group = group_of(of(TALK), how)
    asked = shown_by_transformers(qwen, source, TALK[:-1], add_generation_prompt=True)
    assert "Count to one" not in qwen.decode(asked)
    row, loss = whole(group), group.completions[0].loss
    assert row[: len(asked)] == asked
    first = len(group.prompt) + int(loss.argmax())
    assert first == len(asked)  # no token of an earlier answer bears loss
    assert row == shown_by_transformers(qwen, source, TALK)
    assert taught_pieces(group, qwen) == [f"<think>\nCount to two.\n</think>\n\n2{END}"]
    assert how.turns == {"answers with a reasoning trace": 2, EARLIER: 1, "reasoning traces that bear loss": 1}
    assert how.seen["rewritten answer"] == 1


@SOURCES
def test_traces_inside_the_content_are_left_out_and_counted_alike(source: str, qwen: Any) -> None:
    tagged = [
        {"role": m["role"], "content": f"<think>\n{m['reasoning_content']}\n</think>\n\n{m['content']}"}
        if m["role"] == "assistant"
        else m
        for m in TALK
    ]
    how, keyed = renderer(qwen, source), renderer(qwen, source)
    assert whole(group_of(of(tagged), how)) == whole(group_of(of(TALK), keyed))
    assert how.turns == keyed.turns


@SOURCES
def test_an_earlier_answer_without_a_trace_is_not_learnt_as_one_that_skips_its_block(source: str, qwen: Any) -> None:
    talk = [user("One?"), {"role": "assistant", "content": "1"}, user("Two?"), {"role": "assistant", "content": "2"}]
    assert taught_pieces(group_of(of(talk), renderer(qwen, source)), qwen) == [f"<think>\n\n</think>\n\n2{END}"]


@SOURCES
def test_answers_around_a_tool_are_all_learnt_with_their_traces(source: str, qwen: Any) -> None:
    calls = [thought("Look it up.", "look()"), {"role": "tool", "content": "7"}, thought("Seven.", "It is 7.")]
    group = group_of(of([user("Which?"), *calls]), renderer(qwen, source))
    assert [piece.strip() for piece in taught_pieces(group, qwen)] == [
        f"<think>\nLook it up.\n</think>\n\nlook(){END}",
        f"<think>\nSeven.\n</think>\n\nIt is 7.{END}",
    ]
    later = [user("Which?"), *calls, user("Sure?"), thought("Yes.", "Yes.")]
    how = renderer(qwen, source)
    assert taught_pieces(group_of(of(later), how), qwen) == [f"<think>\nYes.\n</think>\n\nYes.{END}"]
    assert how.turns[EARLIER] == 2


@SOURCES
def test_an_earlier_answer_that_its_author_excluded_costs_the_last_one_nothing(source: str, qwen: Any) -> None:
    talk = [TALK[0], {**TALK[1], "train": False}, *TALK[2:]]
    assert taught_pieces(group_of(of(talk), renderer(qwen, source)), qwen) == [
        f"<think>\nCount to two.\n</think>\n\n2{END}"
    ]


@SOURCES
def test_a_row_that_switches_thinking_off_is_shown_as_inference_shows_it(source: str, qwen: Any) -> None:
    talk = [user("One?"), {"role": "assistant", "content": "1"}]
    example = Example(WHERE, (talk[0],), ((talk[1],),), template_arguments={"enable_thinking": False})
    group = group_of(example, renderer(qwen, source))
    asked = shown_by_transformers(qwen, source, talk[:1], add_generation_prompt=True, enable_thinking=False)
    assert group.prompt.tolist() == asked
    assert taught_pieces(group, qwen)[0] == f"1{END}"


# Pairs


def pair(chosen: Message, rejected: Message) -> Example:
    return read_pair(Row(WHERE, {"prompt": TALK[:3], "chosen": [chosen], "rejected": [rejected]}))


def encoded(reasoning: Reasoning, qwen: Any, source: str, *sides: Message) -> Any:
    return encode_example(pair(*sides), replace(renderer(qwen, source), reasoning=reasoning))


@SOURCES
def test_pairs_are_compared_with_their_traces_by_the_answers_alone_or_without_traces(source: str, qwen: Any) -> None:
    sides = thought("Count to two.", "2"), thought("No idea.", "3")
    trains, masks, drops = (encoded(r, qwen, source, *sides) for r in ("train", "mask", "drop"))
    assert all(isinstance(group, Group) for group in (trains, masks, drops))
    learnt = [["".join(taught_pieces(group, qwen, side)) for side in (0, 1)] for group in (trains, masks, drops)]
    assert learnt == [
        [f"<think>\nCount to two.\n</think>\n\n2{END}", f"<think>\nNo idea.\n</think>\n\n3{END}"],
        [f"2{END}", f"3{END}"],
        [f"<think>\n\n</think>\n\n2{END}", f"<think>\n\n</think>\n\n3{END}"],
    ]
    for side in (0, 1):
        assert whole(masks, side) == whole(trains, side)
        assert whole(drops, side) == shown_by_transformers(
            qwen, source, [*TALK[:3], {"role": "assistant", "content": sides[side]["content"]}]
        )


def test_sides_that_differ_in_their_traces_alone_are_skipped_if_traces_are_dropped(qwen: Any) -> None:
    sides = thought("Count to two.", "2"), thought("No idea.", "2")
    assert isinstance(encoded("mask", qwen, QWEN3_RULES, *sides), Group)
    assert "same tokens" in str(encoded("drop", qwen, QWEN3_RULES, *sides))
