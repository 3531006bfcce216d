"""The text of an answer: the template's opening and the model's text, without the end token."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import AutoTokenizer

import posttrain.demo
from posttrain.data.chat.answer_text import answer_text, prefill_note
from posttrain.data.chat.renderer import Renderer, prefill_of, renderer_of
from posttrain.data.chat.template import Template
from posttrain.data.options import DataOptions

BASE = Path(posttrain.demo.__file__).parent / "base"

TURNS = "{% for m in messages %}{{ '<|' + m.role + '|>' + m.content + '<|end|>' }}{% endfor %}"
OPENS = "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"


def opening(text: str, turns: str = TURNS) -> str:
    """A template that opens an answer with a text after the mark of the turn."""
    return turns + OPENS.replace("<|assistant|>", "<|assistant|>" + text)


REASONING = (  # as in Qwen 3: the last answer has an empty block, earlier ones have none
    "{% for m in messages %}{{ '<|' + m.role + '|>' }}"
    "{% if m.role == 'assistant' and loop.last %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}"
    "{{ m.content + '<|end|>' }}{% endfor %}"
)
ONE_QUESTION = "{% if messages|length > 2 %}{{ raise_exception('one question') }}{% endif %}"


@pytest.mark.parametrize(
    ("source", "prefill"),
    [
        (TURNS + OPENS, ""),
        (opening("<think>\\n"), "<think>\n"),
        (opening("<think>\\n", REASONING), "<think>\n"),
        (opening('{"'), '{"'),
        (opening("```python\\n"), "```python\n"),
        (opening("<think>\\n\\n</think>\\n\\n"), ""),  # reasoning is switched off
        (opening("\\n"), ""),
        (TURNS.replace("m.role + '|>'", "m.role + '|>\\n'") + opening("<think>").removeprefix(TURNS), "<think>"),
        ("{% for m in messages %}{{ m.role + ': ' + m.content + '\\n' }}{% endfor %}assistant:", ""),
        ("{% for m in messages %}{{ '[I]' + m.content + '[/I]' }}{% endfor %}", ""),  # the template writes no mark
        (TURNS + "{% if add_generation_prompt %}{{ 'Bot: ' }}{% endif %}", ""),  # another mark, no text of the answer
        (ONE_QUESTION + opening("<think>"), ""),
    ],
)
def test_the_prefill_is_the_template_s_opening_of_an_answer(source: str, prefill: str) -> None:
    assert prefill_of(Template(source, {}, marked=False)) == prefill


def test_templates_of_instruct_models_have_no_prefill(qwen: Any, phi: Any) -> None:
    for tokenizer in (qwen, phi):
        assert prefill_of(Template(tokenizer.chat_template, tokenizer.special_tokens_map, marked=False)) == ""


SPECIAL = ["<think>", "</think>", "<|python_tag|>", "<pad>"]


@pytest.fixture(scope="module")
def renderer(tmp_path_factory: pytest.TempPathFactory) -> Renderer:
    """The demo's tokenizer with special tokens of reasoning and tools, and a template that opens with `<think>`."""
    tokenizer = AutoTokenizer.from_pretrained(BASE)
    tokenizer.add_special_tokens({"additional_special_tokens": SPECIAL, "pad_token": "<pad>"})
    folder = tmp_path_factory.mktemp("template")
    (folder / "reasoning.jinja").write_text(opening("<think>\\n"), encoding="utf-8")
    options = DataOptions.model_validate({"data": "x.jsonl", "template": "reasoning.jinja"})
    renderer, _ = renderer_of(options, tokenizer, end_tokens=(), positions=256, base=folder)
    return renderer


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("17 + 25</think>42<|end|>", "17 + 25</think>42"),
        ("17 + 25</think>42", "17 + 25</think>42"),  # cut at the limit
        ("<|python_tag|>f ( x ) . , n't<|end|><pad><pad>", "<|python_tag|>f ( x ) . , n't"),
        ("<pad>42<|end|>", "<pad>42"),  # the model wrote it inside the answer
        ("<|end|>", ""),
        ("", ""),
    ],
)
def test_end_tokens_and_padding_are_cut_and_the_prefill_is_included(
    renderer: Renderer, written: str, text: str
) -> None:
    ids = np.array(renderer.tokenizer(written, add_special_tokens=False)["input_ids"], np.int32)
    assert answer_text(ids, renderer) == "<think>\n" + text


def test_a_note_names_the_prefill(renderer: Renderer) -> None:
    (sentence,) = prefill_note(renderer)
    assert "'<think>'" in sentence
    assert prefill_note(Renderer(renderer.tokenizer, None, frozenset(), 8)) == []
