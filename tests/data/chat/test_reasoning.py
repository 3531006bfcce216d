"""Reasoning traces bear loss, are read without it, or are removed, as the recipe wants."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from transformers import AutoTokenizer

from conversations import CHATML, UNMARKED_CHATML, WHERE, group_of, renderer, taught, taught_pieces, user, whole
from posttrain.core.packing import WEIGHT
from posttrain.data.chat.encode import encode_example
from posttrain.data.chat.renderer import Renderer, renderer_of
from posttrain.data.chat.scored_text import record_reasoning
from posttrain.data.chat.template_arguments import with_arguments
from posttrain.data.example import Example
from posttrain.data.files.read import Row
from posttrain.data.formats.sft_rows import read_messages
from posttrain.data.options import Reasoning, RowOptions
from posttrain.data.reasoning import split_trace
from posttrain.data.skipped import SkipReason
from posttrain.recipe.stages.dpo import DPOStage
from posttrain.recipe.stages.grpo import GRPOStage
from posttrain.recipe.stages.ift import IFTStage
from posttrain.recipe.stages.kto import KTOStage
from posttrain.recipe.stages.reward import RewardStage
from posttrain.recipe.stages.sft import SFTStage

# Like Qwen 3's: reasoning before the last question is left out; the last answer has a block, if need be an empty one.
QWEN3 = """
{%- set ns = namespace(last=0) %}
{%- for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}
{%- for m in messages %}
{%- if m.role == 'assistant' %}
{%- set thought = m.reasoning_content or '' %}{% set answer = m.content %}
{%- if not thought and '</think>' in answer %}
{%- set thought = answer.split('</think>')[0].split('<think>')[-1] %}
{%- set answer = answer.split('</think>')[-1].lstrip('\\n') %}
{%- endif %}
{{- '<|im_start|>assistant\\n' }}
{%- if loop.index0 > ns.last %}{{- '<think>\\n' + thought.strip() + '\\n</think>\\n\\n' }}{% endif %}
{{- answer + '<|im_end|>\\n' }}
{%- else %}{{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}
{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{% endif %}
{%- endif %}"""

# Like DeepSeek R1's: a new answer starts behind `<think>`, which the template writes.
R1 = """
{%- for m in messages %}{{- '<|im_start|>' + m.role + '\\n' }}
{%- if m.role == 'assistant' %}{{- '<think>\\n' + (m.reasoning_content or '') + '\\n</think>\\n' }}{% endif %}
{{- m.content + '<|im_end|>\\n' }}{% endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n<think>\\n' }}{% endif %}"""

# Other marks than <think>, and the assistant's text in two marked parts.
CHANNELS = """
{%- for m in messages %}{{- '<|im_start|>' + m.role + '\\n' }}
{%- if m.reasoning %}{{- '[analysis]' + m.reasoning + '[final]' }}{% endif %}
{{- m.content + '<|im_end|>\\n' }}{% endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{% endif %}"""
TWO_MARKS = """
{%- for m in messages %}{{- '<|im_start|>' + m.role + '\\n' }}
{%- if m.role == 'assistant' %}
{%- generation %}{{- '<think>' + (m.reasoning_content or '') + '</think>' }}{% endgeneration %}
{%- generation %}{{- m.content + '<|im_end|>' }}{% endgeneration %}
{%- else %}{{- m.content + '<|im_end|>' }}{% endif %}{{- '\\n' }}{% endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{% endif %}"""

END = "<|im_end|>"
KEYED: dict[str, Any] = {"content": "It is 42.", "reasoning": "17 + 25"}
TAGGED = {"content": "<think>\n17 + 25\n</think>\n\nIt is 42."}
ANSWERS = pytest.mark.parametrize("answer", [KEYED, TAGGED], ids=["key", "tag"])


def row(*answers: dict[str, Any]) -> Example:
    turns = [turn for a in answers for turn in (user("How much?"), {"role": "assistant", **a})]
    return read_messages(Row(WHERE, {"messages": turns}))


def how(tokenizer: Any, source: str, reasoning: Reasoning) -> Renderer:
    made = renderer(tokenizer, source)
    assert made.template is not None
    key = "reasoning" if "m.reasoning " in source.replace("}", " ") else "reasoning_content"
    return replace(made, reasoning=reasoning, template=replace(made.template, reasoning=key))


@ANSWERS
def test_a_masked_trace_is_read_without_loss_and_the_tokens_are_the_same(answer: dict[str, Any], qwen: Any) -> None:
    trains, masks = how(qwen, QWEN3, "train"), how(qwen, QWEN3, "mask")
    learnt, masked = group_of(row(answer), trains), group_of(row(answer), masks)
    assert taught(learnt, qwen) == f"<think>\n17 + 25\n</think>\n\nIt is 42.{END}"
    assert taught(masked, qwen) == f"It is 42.{END}"
    assert whole(masked) == whole(learnt)
    assert masked.prompt.tolist() == learnt.prompt.tolist()  # samples start before the trace
    assert trains.turns == {"answers with a reasoning trace": 1, "reasoning traces that bear loss": 1}
    assert masks.turns == {
        "answers with a reasoning trace": 1,
        "reasoning traces that are read without loss (`reasoning: mask`)": 1,
    }


@ANSWERS
@pytest.mark.parametrize("source", [CHATML, UNMARKED_CHATML, QWEN3], ids=["marked", "unmarked", "qwen3"])
def test_a_dropped_trace_leaves_the_row_as_if_it_never_had_one(answer: dict[str, Any], source: str, qwen: Any) -> None:
    drops, plain = how(qwen, source, "drop"), how(qwen, source, "train")
    dropped, never = group_of(row(answer), drops), group_of(row({"content": "It is 42."}), plain)
    assert whole(dropped) == whole(never)
    assert dropped.completions[0].loss.tolist() == never.completions[0].loss.tolist()
    assert drops.turns == {
        "answers with a reasoning trace": 1,
        "reasoning traces removed from the rows (`reasoning: drop`)": 1,
    }


def test_traces_that_the_template_leaves_out_of_earlier_turns_are_counted(qwen: Any) -> None:
    earlier = {"content": "One.", "reasoning": "17 + 25"}  # the same trace in both turns
    made = how(qwen, QWEN3, "mask")
    group = group_of(row(earlier, KEYED), made)
    assert taught(group, qwen) == f"It is 42.{END}"  # the template rewrites the earlier answer
    assert made.turns == {
        "answers with a reasoning trace": 2,
        "reasoning traces that are read without loss (`reasoning: mask`)": 1,
        "earlier reasoning traces that the template leaves out; they are not trained on": 1,
    }


def test_the_empty_block_of_a_template_is_masked_and_is_no_trace(qwen: Any) -> None:
    made = how(qwen, QWEN3, "mask")
    assert taught(group_of(row({"content": "It is 42."}), made), qwen) == f"It is 42.{END}"
    assert made.turns == {}
    off = how(qwen, with_arguments(QWEN3, {"enable_thinking": False}), "train")
    assert taught(group_of(row({"content": "It is 42."}), off), qwen) == f"It is 42.{END}"


@pytest.mark.parametrize(
    ("source", "learnt"),
    [
        (R1, "17 + 25\n</think>\nIt is 42."),
        (CHANNELS, "[analysis]17 + 25[final]It is 42."),
        (TWO_MARKS, "<think>17 + 25</think>It is 42."),
    ],
    ids=["opened by the template", "other marks", "two marked parts"],
)
def test_a_trace_is_found_in_templates_that_mark_it_in_another_way(source: str, learnt: str, qwen: Any) -> None:
    assert taught(group_of(row(KEYED), how(qwen, source, "train")), qwen) == learnt + END
    made = how(qwen, source, "mask")
    assert taught(group_of(row(KEYED), made), qwen) == f"It is 42.{END}"
    assert made.turns["reasoning traces that are read without loss (`reasoning: mask`)"] == 1


def test_each_answer_of_a_conversation_loses_its_own_trace(qwen: Any) -> None:
    group = group_of(row(KEYED, {"content": "Ten.", "reasoning": "It is 42, no"}), how(qwen, CHANNELS, "mask"))
    assert taught_pieces(group, qwen) == [f"It is 42.{END}", f"Ten.{END}"]


def test_weights_stay_beside_the_tokens_of_the_answer(qwen: Any) -> None:
    group = group_of(row(KEYED, {**KEYED, "content": "Ten.", "weight": 0.5}), how(qwen, R1, "mask"))
    tokens = group.completions[0].tokens[group.completions[0].loss]
    weights = group.columns[WEIGHT]
    assert qwen.decode(tokens[weights == np.float32(0.5)]) == f"Ten.{END}"
    assert qwen.decode(tokens[weights == 1]) == f"It is 42.{END}"


@pytest.mark.parametrize("reasoning", ["mask", "drop"])
@pytest.mark.parametrize("content", ["<think>17 + 25</think>", "<think>17 + 25"], ids=["closed", "unfinished"])
def test_an_answer_without_words_behind_its_trace_is_not_learnt(content: str, reasoning: Reasoning, qwen: Any) -> None:
    made = how(qwen, UNMARKED_CHATML, reasoning)
    assert encode_example(row({"content": content}), made) is SkipReason.ANSWER_WITHOUT_WORDS


def test_tags_of_users_and_tags_inside_an_answer_are_no_traces(qwen: Any) -> None:
    said = "Write <think>x</think> first."
    turns = [user("<think>a</think>b"), {"role": "assistant", "content": said}]
    example = read_messages(Row(WHERE, {"messages": turns}))
    reasonings: list[Reasoning] = ["train", "mask", "drop"]
    for reasoning in reasonings:
        made = how(qwen, CHATML, reasoning)
        group = group_of(example, made)
        assert taught(group, qwen) == said + END
        assert "<think>a</think>b" in qwen.decode(group.prompt)
        assert made.turns == {}


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("<think>\na\n</think>\n\nb", ("a", "b")),
        (" <think>a</think>b</think>c", ("a", "b</think>c")),
        ("<think>a", ("a", "")),
        ("b <think>a</think>", ("", "b <think>a</think>")),
        ("<think></think>b", ("", "b")),
    ],
)
def test_a_trace_is_what_a_text_starts_with(content: str, parts: tuple[str, str]) -> None:
    assert split_trace(content) == parts


STAGES = {"sft": SFTStage, "ift": IFTStage, "dpo": DPOStage, "kto": KTOStage, "reward": RewardStage, "grpo": GRPOStage}


@pytest.mark.parametrize("kind", ["sft", "ift", "dpo", "kto", "reward"])
def test_the_recipe_of_a_stage_decides_and_a_recipe_without_the_key_trains_on_traces(kind: str, qwen: Any) -> None:
    ways: dict[str, dict[str, Any]] = {"train": {}, "mask": {"reasoning": "mask"}, "drop": {"reasoning": "drop"}}
    for way, keys in ways.items():
        if (kind, way) == ("reward", "mask"):
            continue
        stage = STAGES[kind].model_validate({"kind": kind, "data": "a.jsonl", **keys})
        made, _ = renderer_of(stage, qwen, end_tokens=(), positions=None, base=Path())
        assert made.reasoning == way


@pytest.mark.parametrize(
    ("kind", "reasoning", "message"),
    [
        ("reward", "mask", "a reward model scores whole completions, and no token of them bears loss; use `drop`"),
        ("grpo", "drop", "`reasoning` is for rows that contain answers; .* remove the key"),
        ("grpo", "train", "`reasoning` is for rows that contain answers"),
    ],
)
def test_a_way_that_means_nothing_for_a_stage_is_refused(kind: str, reasoning: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message) as refused:
        STAGES[kind].model_validate({"kind": kind, "data": "a.jsonl", "reasoning": reasoning})
    assert refused.value.error_count() == 1


def test_a_reward_model_s_folder_records_that_its_rows_lost_their_traces(qwen: Any, tmp_path: Path) -> None:
    options = RowOptions.model_validate({"data": "a.jsonl"})
    for reasoning, way in (("drop", "drop"), ("train", "train")):
        own = deepcopy(qwen)
        record_reasoning(own, reasoning)
        own.save_pretrained(tmp_path / reasoning)
        saved = AutoTokenizer.from_pretrained(tmp_path / reasoning)
        made, _ = renderer_of(options, saved, end_tokens=(), positions=None, base=Path())
        assert made.reasoning == way
