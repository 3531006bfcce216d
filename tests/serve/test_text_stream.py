"""The text of a stream is the text of the whole answer, and nothing behind a stop string ever leaves."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from byte_model import save_byte_tokenizer
from posttrain.serve.text_stream import TextStream


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("tokenizer")
    save_byte_tokenizer(folder)
    return AutoTokenizer.from_pretrained(folder)


def pieces(tokenizer: Any, text: str, stop: list[str], opening: str = "") -> tuple[list[str], bool]:
    stream = TextStream(tokenizer, {2}, stop, opening)
    tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
    return [*(stream.push(token) for token in [*tokens, 2]), stream.end()], stream.stopped


def cut(text: str, stop: list[str]) -> str:
    """The text before the stop string that is complete first; of several, the longest one."""
    for end in range(len(text) + 1):
        if found := [at for at in map(text[:end].find, stop) if at >= 0]:
            return text[: min(found)]
    return text


@given(text=st.text(max_size=30), stop=st.lists(st.text(min_size=1, max_size=4), max_size=3))
@settings(deadline=None)
def test_the_pieces_are_the_text_up_to_the_first_stop_string(tokenizer: Any, text: str, stop: list[str]) -> None:
    text = text.encode("utf-8", "ignore").decode()
    parts, stopped = pieces(tokenizer, text, stop)
    assert "".join(parts) == cut(text, stop)
    assert stopped == any(one in text for one in stop)


@given(
    text=st.text(alphabet="ab", max_size=20), stop=st.lists(st.text(alphabet="ab", min_size=1, max_size=5), max_size=3)
)
@settings(deadline=None)
def test_a_part_of_a_stop_string_is_never_sent(tokenizer: Any, text: str, stop: list[str]) -> None:
    sent = ""
    for part in pieces(tokenizer, text, stop)[0]:
        sent += part
        assert cut(text, stop).startswith(sent)


def test_a_character_leaves_when_its_last_byte_came(tokenizer: Any) -> None:
    assert pieces(tokenizer, "é€", [])[0] == ["", "é", "", "", "€", "", ""]


def test_a_cut_character_is_shown_at_the_end(tokenizer: Any) -> None:
    stream = TextStream(tokenizer, set())
    half = tokenizer("é", add_special_tokens=False)["input_ids"][0]
    assert stream.push(half) + stream.end() == "\ufffd"


def test_the_opening_comes_first_and_may_hold_a_stop_string(tokenizer: Any) -> None:
    assert "".join(pieces(tokenizer, "b", [], opening="<think>")[0]) == "<think>b"
    assert "".join(pieces(tokenizer, "bc", ["ab"], opening="xa")[0]) == "x"
