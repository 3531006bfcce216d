"""Rows of real data sets: the tokens that bear loss are the answer and its end."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from conversations import CHATML, UNMARKED_CHATML, WHERE, group_of, plain_tokens, renderer, taught, taught_pieces, whole
from posttrain.core.group import Group
from posttrain.data.chat.encode import encode_example, encode_prompt
from posttrain.data.chat.renderer import Renderer
from posttrain.data.example import Example, Message
from posttrain.data.files.read import read_rows
from posttrain.data.formats.conventions import Kind
from posttrain.data.formats.examples import read_examples

ROWS = 25


def rows(path: str, kind: Kind, columns: dict[str, str], data_dir: Path) -> list[Example]:
    return list(islice(read_examples(read_rows(path, base=data_dir), kind, columns), ROWS))


@pytest.fixture(params=["qwen", "phi"])
def how(request: pytest.FixtureRequest) -> Renderer:
    return renderer(request.getfixturevalue(request.param), max_length=100_000)


def end_of(how: Renderer) -> str:
    return {"LlamaTokenizer": "<|end|>"}.get(type(how.tokenizer).__name__, "<|im_end|>")


def expected(answer: Message, how: Renderer) -> str:
    """The learnt text, without the answer's leading blanks where Phi's template token holds them."""
    text: str = answer["content"]
    return (text.lstrip() if end_of(how) == "<|end|>" else text) + end_of(how)


@pytest.mark.parametrize(
    ("path", "columns"),
    [
        ("instruct/alpaca_en_demo.jsonl.gz", {}),
        ("instruct/dolly_3k.jsonl.gz", {}),
        ("verifiable/gsm8k_train.jsonl.gz", {"prompt": "question", "completion": "answer"}),
        ("pharma/medquad_answered.jsonl.gz", {"prompt": "question", "completion": "answer"}),
    ],
)
def test_an_answer_is_learned_with_its_end_and_nothing_else(
    path: str, columns: dict[str, str], how: Renderer, data_dir: Path
) -> None:
    for example in rows(path, "sft", columns, data_dir):
        group = group_of(example, how)
        assert taught(group, how.tokenizer) == expected(example.completions[0][0], how), example.where
        assert whole(group) == plain_tokens(example, how)


@pytest.mark.parametrize("source", [None, CHATML])
def test_a_tool_conversation_teaches_calls_and_answers_and_not_results(
    qwen: Any, source: str | None, data_dir: Path
) -> None:
    calls = 0
    for example in rows("instruct/glaive_toolcall_en_demo.jsonl.gz", "sft", {}, data_dir):
        group = group_of(example, renderer(qwen, source, max_length=100_000))
        pieces = taught_pieces(group, qwen)
        answers = [turn for turn in example.completions[0] if turn["role"] == "assistant"]
        assert len(pieces) == len(answers)
        for piece, answer in zip(pieces, answers, strict=True):
            assert piece.endswith("<|im_end|>")
            assert piece.count("<|im_end|>") == 1
            if "tool_calls" in answer:
                calls += 1
                named = piece.removesuffix("</tool_call><|im_end|>").lstrip().removeprefix("<tool_call>")
                assert json.loads(named) == answer["tool_calls"][0]["function"]
            else:
                assert piece == answer["content"] + "<|im_end|>"
    assert calls > 5


def test_a_marked_template_gives_the_masks_of_transformers_and_of_an_unmarked_one(qwen: Any, data_dir: Path) -> None:
    for example in rows("instruct/glaive_toolcall_en_demo.jsonl.gz", "sft", {}, data_dir):
        marked, unmarked = (
            group_of(example, renderer(qwen, source, max_length=100_000)) for source in (CHATML, UNMARKED_CHATML)
        )
        theirs = qwen.apply_chat_template(
            [dict(turn) for turn in (*example.prompt, *example.completions[0])],
            tools=list(example.tools or ()),
            chat_template=CHATML,
            return_assistant_tokens_mask=True,
            return_dict=True,
        )
        assert whole(marked) == whole(unmarked) == theirs["input_ids"]
        assert mask(marked) == mask(unmarked) == theirs["assistant_masks"]


def mask(group: Group) -> list[int]:
    return [0] * len(group.prompt) + group.completions[0].loss.astype(int).tolist()


@pytest.mark.parametrize("path", ["preference/hh_rlhf_helpful_base_test.jsonl.gz", "preference/dpo_en_demo.jsonl.gz"])
def test_a_pair_shares_its_prompt_and_both_answers_read_right(path: str, how: Renderer, data_dir: Path) -> None:
    for example in rows(path, "preference", {}, data_dir):
        group = encode_example(example, how)
        assert isinstance(group, Group), (example.where, group)
        for index, completion in enumerate(example.completions):
            assert whole(group, index) == plain_tokens(example, how, index)
            assert taught(group, how.tokenizer, index) == expected(completion[0], how), example.where
        assert group.prompt.tolist() == encode_prompt(example.prompt, how, where=WHERE).tolist()
        assert group.columns["rank"].tolist() == [1, 2]


def test_plain_text_is_learned_whole(stories: Any, data_dir: Path) -> None:
    for example in rows("text/c4_demo.jsonl.gz", "sft", {}, data_dir):
        group = group_of(example, Renderer(stories, None, frozenset({2}), 100_000))
        text = example.completions[0][0]["content"]
        assert taught(group, stories).removesuffix("</s>").strip() == text.strip()
        assert group.loss_tokens == len(stories(text, add_special_tokens=False)["input_ids"]) + 1
