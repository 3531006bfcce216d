"""A message's weight falls on the tokens of its answer alone."""

from typing import Any

import pytest

from conversations import (
    CHATML,
    FORGETS_REASONING,
    UNMARKED_CHATML,
    WHERE,
    assistant,
    group_of,
    pair,
    renderer,
    sft,
    taught,
    user,
)
from posttrain.core.group import Group
from posttrain.core.packing import WEIGHT
from posttrain.data.chat.encode import encode_example
from posttrain.data.chat.renderer import Renderer
from posttrain.data.example import Example
from posttrain.data.files.read import Row
from posttrain.data.formats.messages import MESSAGE_WEIGHT
from posttrain.data.formats.sft_rows import read_messages
from posttrain.errors import InputError

ANSWERS = [{"content": "Forty."}, {"content": "One.", "weight": 0.25}, {"content": "Two three.", "loss_scale": 2}]


def example_of(*answers: dict[str, Any]) -> Example:
    turns = [turn for a in answers for turn in (user("How many?"), {"role": "assistant", **a})]
    return read_messages(Row(WHERE, {"messages": turns}))


def by_weight(group: Group, tokenizer: Any) -> dict[float, str]:
    """The text of the tokens of each weight."""
    tokens = group.completions[0].tokens[group.completions[0].loss]
    weights = group.columns[WEIGHT]
    return {float(w): tokenizer.decode(tokens[weights == w]) for w in sorted(set(weights.tolist()))}


@pytest.mark.parametrize("template", [CHATML, UNMARKED_CHATML], ids=["marked", "unmarked"])
def test_each_answer_has_its_own_weight_and_the_mask_is_that_of_the_row_without_weights(
    template: str, qwen: Any
) -> None:
    how = renderer(qwen, template)
    group = group_of(example_of(*ANSWERS), how)
    end = "<|im_end|>"
    assert by_weight(group, qwen) == {0.25: f"One.{end}", 1.0: f"Forty.{end}", 2.0: f"Two three.{end}"}
    assert how.turns == {"answers with a weight of their own in the loss": 2}
    plain = group_of(example_of(*({"content": a["content"]} for a in ANSWERS)), how)
    assert plain.completions[0].loss.tolist() == group.completions[0].loss.tolist()
    assert WEIGHT not in plain.columns


def test_weights_stay_beside_their_tokens_when_the_row_is_cut(qwen: Any) -> None:
    whole = group_of(example_of(*ANSWERS), renderer(qwen, CHATML))
    cut = group_of(example_of(*ANSWERS), renderer(qwen, CHATML, max_length=whole.size - 8, truncation="right"))
    kept = len(cut.columns[WEIGHT])
    assert 0 < kept == cut.loss_tokens < whole.loss_tokens
    assert cut.columns[WEIGHT].tolist() == whole.columns[WEIGHT].tolist()[:kept]


def test_answers_that_are_not_learnt_are_counted(qwen: Any) -> None:
    how = renderer(qwen, CHATML)
    group = group_of(example_of({"content": "a", "train": False}, {"content": "b", "weight": 0}, {"content": "c"}), how)
    assert WEIGHT not in group.columns
    assert how.turns == {"answers that are read and not learnt": 2}


def test_an_answer_that_the_template_rewrites_bears_no_loss_with_a_weight_either(qwen: Any) -> None:
    answers = ({"content": "<think>x</think>One.", "weight": 0.5}, {"content": "Two.", "weight": 0.5})
    group = group_of(example_of(*answers), renderer(qwen, FORGETS_REASONING))
    assert taught(group, qwen) == "Two.<|im_end|>"
    assert set(group.columns[WEIGHT].tolist()) == {0.5}


def test_a_weight_in_a_pair_is_refused(qwen: Any) -> None:
    row = pair([user("a?")], "b", "c")
    weighted = Example(WHERE, row.prompt, (({**assistant("b"), MESSAGE_WEIGHT: 0.5},), row.completions[1]), row.columns)
    with pytest.raises(InputError, match="a message has a weight; only 0 and 1"):
        encode_example(weighted, renderer(qwen, CHATML))


def test_a_weight_of_one_is_no_weight(qwen: Any) -> None:
    how: Renderer = renderer(qwen, CHATML)
    assert WEIGHT not in group_of(example_of({"content": "a", "weight": 1.0}), how).columns
    assert not how.turns
    assert WEIGHT not in group_of(sft([user("a?")], assistant("b")), how).columns
