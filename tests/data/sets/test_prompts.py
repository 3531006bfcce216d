"""Prompts for the policy: their tokens are those that generation starts from, and rewards get every column."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from conversations import PLAIN, renderer
from posttrain.data.chat.template import template_of
from posttrain.data.options import DataOptions
from posttrain.data.sets.prompts import Prompts, read_prompts
from posttrain.data.sets.split import part_of
from posttrain.data.skipped import SkipReason
from posttrain.errors import InputError


def ready(tokenizer: Any, folder: Path, rows: list[dict[str, Any]], answer: int = 20, **options: Any) -> Prompts:
    (folder / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = DataOptions.model_validate({"data": "p.jsonl", **options})
    share = data.validation if isinstance(data.validation, float) else 0.0
    by = partial(part_of, seed=0, validation=share, tasks=(), phrasings=())
    how = renderer(tokenizer, PLAIN, max_length=100, truncation=data.truncation)
    return read_prompts(data, how, answer=answer, part_of=by, base=folder)


def test_every_column_reaches_the_reward_under_the_files_own_names(stories: Any, tmp_path: Path) -> None:
    rows = [{"question": "What is 2?", "answer": "2", "level": 3}]
    columns = {"data": {"path": "p.jsonl", "columns": {"prompt": "question"}}}
    (prompt,) = ready(stories, tmp_path, rows, **columns).train
    assert prompt.row == {"prompt": "What is 2?", "question": "What is 2?", "answer": "2", "level": 3}
    assert prompt.where == "p.jsonl:1"


def test_a_prompt_ends_where_the_answer_begins(stories: Any, tmp_path: Path) -> None:
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    (prompt,) = ready(stories, tmp_path, [{"prompt": chat}]).train
    assert stories.decode(prompt.tokens.tolist()).rstrip().endswith("Assistant:")
    assert prompt.row["prompt"] == chat
    assert prompt.text == "Hello"


def test_the_raw_template_adds_nothing_between_prompt_and_answer(stories: Any, tmp_path: Path) -> None:
    from posttrain.data.chat.encode import encode_example, encode_prompt
    from posttrain.data.example import Example

    raw = template_of(stories, "raw", tmp_path)
    assert raw is not None
    how = renderer(stories, raw.source, max_length=100)
    question = ({"role": "user", "content": "Once upon a time"},)
    answer = ({"role": "assistant", "content": ", there was a cat."},)
    start = encode_prompt(question, how, where="x")
    group = encode_example(Example("x", question, (answer,)), how)
    assert not isinstance(group, str)
    assert group.prompt.tolist() == start.tolist()
    assert start[0] == stories.bos_token_id
    assert group.completions[0].tokens[-1] == stories.eos_token_id


def test_held_out_prompts_are_not_trained_on(stories: Any, tmp_path: Path) -> None:
    rows = [{"prompt": f"Say {n % 20}"} for n in range(60)]
    prompts = ready(stories, tmp_path, rows, validation=0.3)
    train, held = ({p.text for p in some} for some in (prompts.train, prompts.held_out))
    assert train
    assert held
    assert not train & held
    assert prompts.summary.parts["validation"].groups == len(prompts.held_out)


def test_a_long_prompt_is_counted_and_skipped_or_cut_as_the_recipe_wants(stories: Any, tmp_path: Path) -> None:
    rows = [{"prompt": "short"}, {"prompt": "a long one, " * 40}]
    dropped = ready(stories, tmp_path, rows)
    assert dropped.summary.skipped[SkipReason.PROMPT_TOO_LONG].first == ("p.jsonl:2",)
    cut = ready(stories, tmp_path, rows, truncation="left")
    assert [len(p.tokens) <= 80 for p in cut.train] == [True, True]
    assert cut.train[1].tokens[0] == stories.bos_token_id
    with pytest.raises(InputError, match=r"^p.jsonl:2: \d+ tokens, and the answer may take 20 of max_length 100"):
        ready(stories, tmp_path, rows, truncation="error")


@pytest.mark.parametrize(
    ("rows", "options", "error"),
    [
        ([{"text": "x"}], {}, r"p.jsonl:1: .*prompt"),
        (
            [{"prompt": [{"role": "assistant", "content": "x"}]}],
            {},
            r"p.jsonl:1: prompt ends with the assistant's turn",
        ),
        ([{"prompt": " "}], {}, r"data: no row is left to train on. 1 row skipped, empty prompt: p.jsonl:1"),
        ([{"prompt": "x"}], {"answer": 100}, r"max_new_tokens: 100 leaves no room"),
    ],
)
def test_data_without_usable_prompts_are_refused_in_one_sentence(
    stories: Any, tmp_path: Path, rows: list[dict[str, Any]], options: dict[str, Any], error: str
) -> None:
    with pytest.raises(InputError, match=error):
        ready(stories, tmp_path, rows, **options)
