"""`template_arguments`: variables of a chat template become defaults in its own text."""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from transformers.utils.chat_template_utils import render_jinja_template

from conversations import user
from posttrain.data.chat.renderer import Renderer, renderer_of
from posttrain.data.chat.template import Template, render_conversation
from posttrain.data.chat.template_arguments import with_arguments
from posttrain.data.options import RowOptions
from posttrain.errors import InputError

# Like Qwen 3's: the argument writes an empty block of reasoning, which switches reasoning off.
SWITCH = """{%- for m in messages %}{{ '<|' + m.role + '|>' + m.content + '<|end|>\\n' }}{% endfor %}
{%- if add_generation_prompt %}{{ '<|assistant|>' }}
{%- if enable_thinking is defined and enable_thinking is false %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}
{%- endif %}"""

EMPTY_BLOCK = "<think>\n\n</think>\n\n"


def rendered(tokenizer: Any, arguments: Mapping[str, Any], base: Path) -> tuple[Renderer, list[str]]:
    options = RowOptions.model_validate({"data": "rows.jsonl", "template": "t.jinja", "template_arguments": arguments})
    (base / "t.jinja").write_text(SWITCH)
    return renderer_of(options, tokenizer, end_tokens=(2,), positions=512, base=base)


def opening(how: Renderer) -> str:
    assert how.template is not None
    return render_conversation(how.template, [user("Hi")], where="row", open_answer=True)


def test_an_argument_reaches_the_template_and_the_plan(stories: Any, tmp_path: Path) -> None:
    off, notes = rendered(stories, {"enable_thinking": False}, tmp_path)
    on, quiet = rendered(stories, {"enable_thinking": True}, tmp_path)
    unset, none = rendered(stories, {}, tmp_path)
    assert opening(off) == "<|user|>Hi<|end|>\n<|assistant|>" + EMPTY_BLOCK
    assert opening(on) == opening(unset) == "<|user|>Hi<|end|>\n<|assistant|>"
    assert any("enable_thinking: false" in note for note in notes)
    assert any("enable_thinking: true" in note for note in quiet)
    assert not any("enable_thinking" in note for note in none)


def test_a_saved_template_renders_alike_in_transformers_and_can_be_overridden(stories: Any, tmp_path: Path) -> None:
    how, _ = rendered(stories, {"enable_thinking": False}, tmp_path)
    assert how.template is not None
    tokenizer = deepcopy(stories)
    tokenizer.chat_template = how.template.source
    ask = {"tokenize": False, "add_generation_prompt": True}
    assert tokenizer.apply_chat_template([user("Hi")], **ask).endswith(EMPTY_BLOCK)
    assert not tokenizer.apply_chat_template([user("Hi")], enable_thinking=True, **ask).endswith(EMPTY_BLOCK)


def test_without_arguments_the_template_is_the_same_text() -> None:
    assert with_arguments(SWITCH, {}) == SWITCH


@pytest.mark.parametrize("value", [True, 3, 0.5, 'a "quoted" \\ word\nß 🙂', "{{ x }} {% if %}"])
def test_a_value_arrives_as_it_was_written(value: Any, stories: Any, tmp_path: Path) -> None:
    (tmp_path / "t.jinja").write_text("\n{{ x | tojson }}{% for m in messages %}{{ m.content }}{% endfor %}")
    options = RowOptions.model_validate({"data": "d", "template": "t.jinja", "template_arguments": {"x": value}})
    how, _ = renderer_of(options, stories, end_tokens=(2,), positions=512, base=tmp_path)
    expected = render_jinja_template(
        [[user("!")]], chat_template=(tmp_path / "t.jinja").read_text(), x=value, add_generation_prompt=False
    )[0][0]
    assert how.template is not None
    assert render_conversation(how.template, [user("!")], where="row") == expected


def test_a_later_stage_overrides_the_argument_of_the_model_it_starts_from() -> None:
    once = with_arguments(SWITCH, {"enable_thinking": False})
    twice = with_arguments(once, {"enable_thinking": True})
    text = render_conversation(Template(twice, {}, False), [user("Hi")], where="row", open_answer=True)
    assert not text.endswith(EMPTY_BLOCK)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("enable_thinkin", "the chat template never reads it; did you mean enable_thinking"),
        ("colour", "the chat template never reads it; it reads enable_thinking"),
        ("messages", "the conversation and the tokenizer set it"),
        ("bos_token", "the conversation and the tokenizer set it"),
    ],
)
def test_an_argument_that_would_do_nothing_is_refused(name: str, message: str) -> None:
    with pytest.raises(InputError, match=f"template_arguments.{name}: {message}"):
        with_arguments(SWITCH, {name: True})


def test_a_model_without_a_template_refuses_arguments(stories: Any, tmp_path: Path) -> None:
    bare = deepcopy(stories)
    bare.chat_template = None
    options = RowOptions.model_validate({"data": "d", "template_arguments": {"enable_thinking": True}})
    with pytest.raises(InputError, match="no chat template that could read them"):
        renderer_of(options, bare, end_tokens=(2,), positions=512, base=tmp_path)
