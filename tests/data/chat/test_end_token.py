"""Which token ends an answer: the template's, which may be another one than the tokenizer's."""

from typing import Any

import pytest

from conversations import BRACKETS, CHATML, NO_END, PLAIN, UNMARKED_CHATML, template
from posttrain.data.chat.end_token import turn_end
from posttrain.errors import InputError


def test_the_end_of_the_turn_is_the_token_that_the_template_writes(qwen: Any, phi: Any) -> None:
    assert qwen.convert_ids_to_tokens(turn_end(qwen, template(qwen))) == "<|im_end|>"
    assert phi.convert_ids_to_tokens(turn_end(phi, template(phi))) == "<|end|>"
    assert phi.eos_token == "<|endoftext|>"


def test_plain_ends_with_the_tokenizer_s_end_token(stories: Any, phi: Any) -> None:
    for tokenizer in (stories, phi):
        assert turn_end(tokenizer, template(tokenizer, PLAIN)) == tokenizer.eos_token_id


def test_blanks_between_an_answer_and_its_end_are_passed_over(stories: Any, phi: Any) -> None:
    for tokenizer in (stories, phi):
        assert turn_end(tokenizer, template(tokenizer, BRACKETS)) == tokenizer.eos_token_id


def test_an_end_that_is_no_special_token_is_none(stories: Any, qwen: Any) -> None:
    assert turn_end(stories, template(stories, CHATML)) is None
    assert turn_end(qwen, template(qwen, NO_END)) is None


def test_a_later_special_token_does_not_end_the_answer(qwen: Any) -> None:
    source = "{% for m in messages %}{{ m.role + ': ' + m.content + ' (over)\n' + eos_token }}{% endfor %}"
    assert turn_end(qwen, template(qwen, source)) is None


def test_a_template_that_leaves_answers_out_has_no_end(qwen: Any) -> None:
    assert turn_end(qwen, template(qwen, "{{ messages[0].content + eos_token }}")) is None


def test_a_template_that_demands_a_system_message_has_its_end(qwen: Any) -> None:
    source = "{% if messages[0].role != 'system' %}{{ raise_exception('system?') }}{% endif %}" + UNMARKED_CHATML
    assert turn_end(qwen, template(qwen, source)) == qwen.eos_token_id


def test_a_template_that_takes_no_conversation_says_why(qwen: Any) -> None:
    with pytest.raises(InputError, match=r"^template: .*\(never\)"):
        turn_end(qwen, template(qwen, "{{ raise_exception('never') }}"))
