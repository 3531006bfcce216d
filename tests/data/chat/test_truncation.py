"""A row that is too long is refused, skipped or cut, as the recipe wants, and it is counted."""

from typing import Any

import pytest

from conversations import WHERE, assistant, group_of, pair, raw, renderer, sft, taught, user, whole
from posttrain.core.group import Group
from posttrain.data.chat.encode import encode_example
from posttrain.data.chat.renderer import Renderer
from posttrain.data.example import Example
from posttrain.data.options import Truncation
from posttrain.errors import InputError

LONG = sft([user("Which metal is liquid at room temperature?")], assistant("Mercury, and almost gallium too."))


def cut(example: Example, length: int, how: Truncation, tokenizer: Any) -> tuple[Group | str, Renderer]:
    short = renderer(tokenizer, max_length=length, truncation=how)
    return encode_example(example, short), short


@pytest.fixture
def full(qwen: Any) -> Group:
    return group_of(LONG, renderer(qwen))


@pytest.mark.parametrize("how", ["error", "drop", "left", "right"])
def test_a_row_of_exactly_max_length_is_left_alone(qwen: Any, full: Group, how: Truncation) -> None:
    group, short = cut(LONG, full.size, how, qwen)
    assert isinstance(group, Group)
    assert whole(group) == whole(full)
    assert not short.seen


def test_error_names_the_row_its_length_and_the_limit(qwen: Any, full: Group) -> None:
    message = rf"^{WHERE}: {full.size} tokens, more than max_length {full.size - 1}; raise max_length, or set"
    with pytest.raises(InputError, match=message):
        cut(LONG, full.size - 1, "error", qwen)


def test_drop_skips_the_row(qwen: Any, full: Group) -> None:
    reason, short = cut(LONG, full.size - 1, "drop", qwen)
    assert reason == "longer than max_length"
    assert not short.seen


def test_left_cuts_the_start_of_the_prompt_and_nothing_else(qwen: Any, full: Group) -> None:
    for less in (1, 5, len(full.prompt) - 1):
        group, short = cut(LONG, full.size - less, "left", qwen)
        assert isinstance(group, Group)
        assert whole(group) == whole(full)[less:]
        assert taught(group, qwen) == taught(full, qwen)
        assert short.seen == {"cut left": 1}


def test_left_never_cuts_the_last_token_of_the_prompt(qwen: Any, full: Group) -> None:
    reason, short = cut(LONG, full.size - len(full.prompt), "left", qwen)
    assert reason == "longer than max_length, however cut"
    assert not short.seen


def test_right_cuts_the_end_of_the_completion_and_nothing_else(qwen: Any, full: Group) -> None:
    end = qwen.convert_tokens_to_ids("<|im_end|>")
    for less in (2, 5, full.size - len(full.prompt) - 1):
        group, short = cut(LONG, full.size - less, "right", qwen)
        assert isinstance(group, Group)
        assert whole(group) == whole(full)[:-less]
        assert end not in group.completions[0].tokens
        assert group.completions[0].loss.all()
        assert short.seen == {"cut right": 1}


def test_right_never_cuts_into_the_prompt(qwen: Any, full: Group) -> None:
    for length in (len(full.prompt), len(full.prompt) - 3):
        reason, short = cut(LONG, length, "right", qwen)
        assert reason == "longer than max_length, however cut"
        assert not short.seen


def test_the_longest_completion_of_a_pair_decides(qwen: Any) -> None:
    both = pair([user("Which metal is liquid?")], "Mercury.", "Gold, or was it silver, or perhaps both of them?")
    whole_pair = group_of(both, renderer(qwen))
    lengths = [len(whole(whole_pair, i)) for i in (0, 1)]
    assert lengths[0] < lengths[1]
    left, _ = cut(both, lengths[1] - 2, "left", qwen)
    assert isinstance(left, Group)
    assert left.prompt.tolist() == whole_pair.prompt[2:].tolist()
    assert [taught(left, qwen, i) for i in (0, 1)] == [taught(whole_pair, qwen, i) for i in (0, 1)]
    right, short = cut(both, lengths[0], "right", qwen)
    assert isinstance(right, Group)
    assert [whole(right, i) for i in (0, 1)] == [whole(whole_pair, i)[: lengths[0]] for i in (0, 1)]
    assert short.seen == {"cut right": 1}


def test_a_pair_that_differs_only_after_the_cut_is_skipped_and_not_counted_as_cut(qwen: Any) -> None:
    both = pair([user("Which metal?")], "Mercury, of all the metals.", "Mercury, of all the gases.")
    length = len(group_of(both, renderer(qwen)).prompt) + 3
    reason, short = cut(both, length, "right", qwen)
    assert reason == "completions are the same tokens"
    assert not short.seen


def test_plain_text_is_cut_on_the_right_and_has_no_prompt_to_cut_on_the_left(stories: Any) -> None:
    text = raw("Once upon a time there was a fox.")
    full_text = group_of(text, Renderer(stories, None, frozenset({2}), 4096))
    right = encode_example(text, Renderer(stories, None, frozenset({2}), 6, "right"))
    assert isinstance(right, Group)
    assert whole(right) == whole(full_text)[:6]
    assert (
        encode_example(text, Renderer(stories, None, frozenset({2}), 6, "left"))
        == "longer than max_length, however cut"
    )


def test_left_keeps_the_start_token(phi: Any) -> None:
    full, _ = cut(LONG, 10_000, "left", phi)
    assert isinstance(full, Group)
    shorter, _ = cut(LONG, full.size - 3, "left", phi)
    assert isinstance(shorter, Group)
    assert shorter.prompt.tolist() == [phi.bos_token_id, *full.prompt[4:].tolist()]
