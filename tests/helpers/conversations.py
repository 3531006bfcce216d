"""Conversations, chat templates and the text that bears loss, for tests of how text becomes tokens."""

import re
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posttrain.core.group import Group
from posttrain.data.chat.encode import encode_example
from posttrain.data.chat.renderer import Renderer, turn_end_token
from posttrain.data.chat.template import Template, render_conversation
from posttrain.data.example import Example, Message
from posttrain.data.options import Truncation

WHERE = "rows.jsonl:7"

CHATML = files("posttrain.data.chat").joinpath("templates/chatml.jinja").read_text(encoding="utf-8")
PLAIN = files("posttrain.data.chat").joinpath("templates/plain.jinja").read_text(encoding="utf-8")

UNMARKED_CHATML = re.sub(r"{%-? *(end)?generation *%}", "", CHATML)

# Like Qwen 3's: what an answer thought before the last question is not shown again.
FORGETS_REASONING = """
{%- set ns = namespace(last=0) %}
{%- for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}
{%- for m in messages %}
{%- set answer = m.content.split('</think>')[-1].lstrip('\n') if loop.index0 < ns.last else m.content %}
{{- '<|im_start|>' + m.role + '\n' + answer + '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"""

# Qwen 3's rules: the traces of answers before the last question are left out, the last answer always has a block, and
# `enable_thinking: false` opens a new answer with an empty one.
QWEN3_RULES = """
{%- set ns = namespace(query=-1) %}
{%- for m in messages %}{% if m.role == 'user' %}{% set ns.query = loop.index0 %}{% endif %}{% endfor %}
{%- for m in messages %}
{%- if m.role == 'assistant' %}
{%- set content = m.content %}{% set trace = m.reasoning_content or '' %}
{%- if not trace and '</think>' in content %}
{%- set trace = content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') %}
{%- set content = content.split('</think>')[-1].lstrip('\n') %}
{%- endif %}
{{- '<|im_start|>assistant\n' }}{% generation %}
{%- if loop.index0 > ns.query and (loop.last or trace) %}{{- '<think>\n' + trace + '\n</think>\n\n' }}{% endif %}
{{- content + '<|im_end|>' }}{% endgeneration %}{{- '\n' }}
{%- elif m.role == 'tool' %}{{- '<|im_start|>user\n<tool_response>\n' + m.content + '\n</tool_response><|im_end|>\n' }}
{%- else %}{{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}
{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\n\n</think>\n\n' }}{% endif %}
{%- endif %}"""
UNMARKED_QWEN3_RULES = re.sub(r"{%-? *(end)?generation *%}", "", QWEN3_RULES)

# Like DeepSeek R1's: opens an answer with a tag that given answers do not bear.
OPENS_WITH_THOUGHT = """
{%- for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n<think>\n' }}{% endif %}"""

# Like Llama 2's: blanks around an answer, questions between brackets, no system messages.
BRACKETS = """
{%- if messages[0].role == 'system' %}{{ raise_exception('no system messages, please') }}{% endif %}
{%- for m in messages %}
{%- if m.role == 'user' %}{{ bos_token + '[INST] ' + m.content.strip() + ' [/INST]' }}
{%- else %}{{ ' ' + m.content + ' ' + eos_token }}{% endif %}
{%- endfor %}"""

NO_END = "{% for m in messages %}{{ m.role + ': ' + m.content + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"  # noqa: E501


def system(content: str) -> Message:
    return {"role": "system", "content": content}


def user(content: str) -> Message:
    return {"role": "user", "content": content}


def assistant(content: str) -> Message:
    return {"role": "assistant", "content": content}


def human(value: str) -> Message:
    return {"from": "human", "value": value}


def gpt(value: str) -> Message:
    return {"from": "gpt", "value": value}


def tool(content: str) -> Message:
    return {"role": "tool", "content": content}


def calling(name: str, **arguments: Any) -> Message:
    call = {"type": "function", "function": {"name": name, "arguments": arguments}}
    return {"role": "assistant", "content": "", "tool_calls": [call]}


def schema(name: str) -> Message:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}


def sft(prompt: list[Message], *completion: Message, **more: Any) -> Example:
    return Example(WHERE, tuple(prompt), (completion,), **more)


def pair(prompt: list[Message], chosen: str, rejected: str) -> Example:
    return Example(WHERE, tuple(prompt), ((assistant(chosen),), (assistant(rejected),)), {"rank": (1.0, 2.0)})


def raw(text: str, prompt: str = "") -> Example:
    return Example(WHERE, (user(prompt),) if prompt else (), ((assistant(text),),), raw=True)


def template(tokenizer: Any, source: str | None = None) -> Template:
    source = source or tokenizer.chat_template
    return Template(source, tokenizer.special_tokens_map, "generation %}" in source)


def renderer(
    tokenizer: Any, source: str | None = None, *, max_length: int = 4096, truncation: Truncation = "drop"
) -> Renderer:
    """The tokenizer with its own template or another; ends are its end token and the template's."""
    how = template(tokenizer, source)
    ends = {tokenizer.eos_token_id, turn_end_token(tokenizer, how)} - {None}
    return Renderer(tokenizer, how, frozenset(ends), max_length, truncation)


def group_of(example: Example, how: Renderer) -> Group:
    group = encode_example(example, how)
    assert isinstance(group, Group), group
    return group


def whole(group: Group, index: int = 0) -> list[int]:
    """Prompt and a completion as one row of tokens."""
    return [*group.prompt.tolist(), *group.completions[index].tokens.tolist()]


def plain_tokens(example: Example, how: Renderer, index: int = 0) -> list[int]:
    """The rendered conversation, tokenised once without masks."""
    assert how.template is not None
    text = render_conversation(
        how.template, [*example.prompt, *example.completions[index]], where=WHERE, tools=example.tools
    )
    return how.tokenizer(text, add_special_tokens=False)["input_ids"]


def taught(group: Group, tokenizer: Any, index: int = 0) -> str:
    """The text of the loss-bearing tokens."""
    return "".join(taught_pieces(group, tokenizer, index))


def taught_pieces(group: Group, tokenizer: Any, index: int = 0) -> list[str]:
    """The text of each run of loss-bearing tokens: one for each answer.

    Each is decoded with the tokens before it, since some tokenizers drop a text's first blank.
    """
    row, loss = whole(group, index), group.completions[index].loss.astype(int)
    edges: NDArray[np.int64] = np.flatnonzero(np.diff(loss, prepend=0, append=0)) + len(group.prompt)
    return [tokenizer.decode(row[:b])[len(tokenizer.decode(row[:a])) :] for a, b in edges.reshape(-1, 2).tolist()]
