"""A group refuses contents that cannot be trained on."""

import numpy as np
import pytest

from posttrain.core.group import Completion, Group

ONE = Completion(np.array([5, 6], np.int32), np.array([False, True]))
PROMPT = np.array([1, 2, 3], np.int32)


def test_size_counts_the_prompt_once() -> None:
    group = Group("x:1", PROMPT, (ONE, ONE, ONE))
    assert group.size == 3 + 3 * 2
    assert group.loss_tokens == 3


def test_a_completion_without_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one token"):
        Completion(np.array([], np.int32), np.array([], bool))


def test_a_loss_mask_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="loss mask has shape"):
        Completion(np.array([1, 2], np.int32), np.array([True]))


def test_a_group_without_prompt_or_completions_names_its_row() -> None:
    with pytest.raises(ValueError, match=r"data\.jsonl:7: a prompt needs"):
        Group("data.jsonl:7", PROMPT[:0], (ONE,))
    with pytest.raises(ValueError, match=r"data\.jsonl:7: a group needs"):
        Group("data.jsonl:7", PROMPT, ())
