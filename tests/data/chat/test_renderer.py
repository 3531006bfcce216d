"""A stage's renderer: its template, the tokens an answer ends with, its limit, and what is told about them."""

from pathlib import Path
from typing import Any

import pytest

from conversations import NO_END
from posttrain.data.chat.encode import Renderer
from posttrain.data.chat.renderer import LENGTH_LIMIT, renderer_of
from posttrain.data.options import DataOptions
from posttrain.errors import InputError


def made(
    tokenizer: Any, base: Path = Path(), *, ends: tuple[int, ...] = (2,), positions: int | None = None, **options: Any
) -> tuple[Renderer, list[str]]:
    how = DataOptions.model_validate({"data": "x.jsonl", **options})
    return renderer_of(how, tokenizer, end_tokens=ends, positions=positions, base=base)


def test_a_max_length_beyond_the_model_s_positions_is_refused(stories: Any) -> None:
    with pytest.raises(InputError, match=r"^max_length: 513 is more than the 512 positions the model has"):
        made(stories, positions=512, max_length=513)
    assert made(stories, positions=512, max_length=512)[0].max_length == 512
    assert made(stories, positions=None, max_length=10**6)[0].max_length == 10**6


def test_unset_max_length_is_the_model_s_limit_and_no_more_than_ours(stories: Any) -> None:
    lengths = [made(stories, positions=positions)[0].max_length for positions in (512, 10**6, None)]
    assert lengths == [512, LENGTH_LIMIT, LENGTH_LIMIT]


def test_answers_end_with_the_model_s_tokens_and_the_template_s(phi: Any) -> None:
    renderer, _ = made(phi, ends=(32000, 7))
    assert renderer.end_tokens == {32000, 7, phi.convert_tokens_to_ids("<|end|>")}


def test_what_the_template_does_is_told_as_sentences(qwen: Any, phi: Any) -> None:
    assert made(phi)[1] == ["the chat template drops system messages"]
    (told,) = made(qwen)[1]
    assert told.startswith("the chat template adds a system message of its own")
    assert made(qwen, template="chatml")[1] == []


def test_a_template_without_an_end_token_is_told(qwen: Any, stories: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.jinja").write_text(NO_END)
    for renderer, told in (made(qwen, tmp_path, template="mine.jinja"), made(stories, template="chatml")):
        assert told == [
            "the chat template ends an answer with no special token: the model will not learn where to stop"
        ]
        assert renderer.end_tokens == {2}


def test_a_model_without_a_template_reads_plain_text_only(stories: Any) -> None:
    renderer, told = made(stories)
    assert renderer.template is None
    assert renderer.end_tokens == {2}
    assert told == []


def test_truncation_is_the_recipe_s(stories: Any) -> None:
    assert [made(stories, truncation=how)[0].truncation for how in ("error", "left")] == ["error", "left"]
    assert made(stories)[0].truncation == "drop"
