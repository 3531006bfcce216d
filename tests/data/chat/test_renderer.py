"""A stage's renderer: its template, the tokens that end an answer, its length limit, and the notes on it."""

from pathlib import Path
from typing import Any

import pytest

from conversations import BRACKETS, CHATML, NO_END, PLAIN, UNMARKED_CHATML, template
from posttrain.data.chat.renderer import LENGTH_LIMIT, Renderer, renderer_of, turn_end_token
from posttrain.data.options import DataOptions
from posttrain.errors import InputError


def made(
    tokenizer: Any, base: Path = Path(), *, ends: tuple[int, ...] = (2,), positions: int | None = None, **options: Any
) -> tuple[Renderer, list[str]]:
    how = DataOptions.model_validate({"data": "x.jsonl", **options})
    return renderer_of(how, tokenizer, end_tokens=ends, positions=positions, base=base)


def test_a_max_length_beyond_the_model_s_positions_is_refused(stories: Any) -> None:
    with pytest.raises(InputError, match=r"^max_length: 513 .* 512 positions"):
        made(stories, positions=512, max_length=513)
    assert made(stories, positions=512, max_length=512)[0].max_length == 512
    assert made(stories, positions=None, max_length=10**6)[0].max_length == 10**6


def test_unset_max_length_is_the_model_s_limit_and_no_more_than_ours(stories: Any) -> None:
    lengths = [made(stories, positions=positions)[0].max_length for positions in (512, 10**6, None)]
    assert lengths == [512, LENGTH_LIMIT, LENGTH_LIMIT]


def test_answers_end_with_the_model_s_tokens_and_the_template_s(phi: Any) -> None:
    renderer, _ = made(phi, ends=(32000, 7))
    assert renderer.end_tokens == {32000, 7, phi.convert_tokens_to_ids("<|end|>")}


def test_the_traits_of_a_template_are_noted_as_sentences(qwen: Any, phi: Any) -> None:
    assert made(phi)[1] == ["the chat template drops system messages"]
    (note,) = made(qwen)[1]
    assert note.startswith("the chat template adds a system message")
    assert made(qwen, template="chatml")[1] == []


def test_a_template_without_an_end_token_is_noted(qwen: Any, stories: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.jinja").write_text(NO_END)
    for renderer, notes in (made(qwen, tmp_path, template="mine.jinja"), made(stories, template="chatml")):
        (note,) = notes
        assert "no special token" in note
        assert renderer.end_tokens == {2}


def test_a_model_without_a_template_reads_plain_text_only(stories: Any) -> None:
    renderer, notes = made(stories)
    assert renderer.template is None
    assert renderer.end_tokens == {2}
    assert notes == []


# The token that ends an answer


def test_the_end_of_the_turn_is_the_token_that_the_template_writes(qwen: Any, phi: Any) -> None:
    assert qwen.convert_ids_to_tokens(turn_end_token(qwen, template(qwen))) == "<|im_end|>"
    assert phi.convert_ids_to_tokens(turn_end_token(phi, template(phi))) == "<|end|>"
    assert phi.eos_token == "<|endoftext|>"


@pytest.mark.parametrize("source", [PLAIN, BRACKETS], ids=["plain", "a blank before the end token"])
def test_plain_templates_end_with_the_tokenizer_s_end_token(source: str, stories: Any, phi: Any) -> None:
    for tokenizer in (stories, phi):
        assert turn_end_token(tokenizer, template(tokenizer, source)) == tokenizer.eos_token_id


def test_an_end_that_is_no_special_token_is_none(stories: Any, qwen: Any) -> None:
    assert turn_end_token(stories, template(stories, CHATML)) is None
    assert turn_end_token(qwen, template(qwen, NO_END)) is None


def test_a_later_special_token_does_not_end_the_answer(qwen: Any) -> None:
    source = "{% for m in messages %}{{ m.role + ': ' + m.content + ' (over)\n' + eos_token }}{% endfor %}"
    assert turn_end_token(qwen, template(qwen, source)) is None


def test_a_template_that_leaves_answers_out_has_no_end_token(qwen: Any) -> None:
    assert turn_end_token(qwen, template(qwen, "{{ messages[0].content + eos_token }}")) is None


def test_a_template_that_demands_a_system_message_has_its_end_token(qwen: Any) -> None:
    source = "{% if messages[0].role != 'system' %}{{ raise_exception('system?') }}{% endif %}" + UNMARKED_CHATML
    assert turn_end_token(qwen, template(qwen, source)) == qwen.eos_token_id


def test_a_template_that_takes_no_conversation_is_refused_with_its_own_reason(qwen: Any) -> None:
    with pytest.raises(InputError, match=r"^template: .*\(never\)"):
        turn_end_token(qwen, template(qwen, "{{ raise_exception('never') }}"))
