"""The demo's tokenizer, its initial weights, and its base model."""

from itertools import islice, pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posttrain.demo import notes, prose
from posttrain.demo.instructions import compact
from posttrain.demo.pretrain import fresh_model
from posttrain.demo.tokenizer import ASSISTANT, BEGIN, END, PAD, USER, train_tokenizer

BASE = Path(prose.__file__).parent / "base"


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer(islice(prose.documents(0), 2000), 700)


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_the_tokenizer_decodes_any_text_to_itself(tokenizer: Any, text: str) -> None:
    ids = tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    assert tokenizer.decode(ids) == text


def test_digits_are_split_singly(tokenizer: Any) -> None:
    assert tokenizer.tokenize("4071 mg")[:4] == list("4071")


@given(seed=st.integers(0, 10**6))
def test_names_and_codes_have_the_same_tokens_in_a_note_and_in_json(tokenizer: Any, seed: int) -> None:
    text, facts = notes.field_note(Random(seed), "test")
    note = " ".join(tokenizer.tokenize(text))
    reply = " ".join(tokenizer.tokenize(compact(facts.as_dict())))
    for value in (facts.clinic, facts.batch, facts.product):
        tokens = " ".join(tokenizer.tokenize(value))
        assert tokens in note
        assert tokens in reply


def test_the_chat_template_renders_turns_and_a_longer_chat_extends_a_shorter_one(tokenizer: Any) -> None:
    chat = [{"role": role, "content": f"turn {i}"} for i, role in enumerate(["user", "assistant", "user", "assistant"])]
    texts = [tokenizer.apply_chat_template(chat[:n], tokenize=False) for n in range(1, 5)]
    assert texts[1] == f"{BEGIN}{USER}turn 0{END}{ASSISTANT}turn 1{END}"
    for shorter, longer in pairwise(texts):
        assert longer.startswith(shorter)
    opened = tokenizer.apply_chat_template(chat[:1], tokenize=False, add_generation_prompt=True)
    assert texts[1].startswith(opened)
    assert tokenizer.eos_token == END != tokenizer.pad_token == PAD


def test_raw_text_holds_neither_chat_markers_nor_the_json_of_the_sft_stage() -> None:
    for text in islice(prose.documents(1), 3000):
        assert "<|" not in text
        assert '{"' not in text
        assert '":' not in text


def test_documents_are_the_same_for_the_same_seed() -> None:
    assert [*islice(prose.documents(7), 200)] == [*islice(prose.documents(7), 200)]
    assert [*islice(prose.documents(7), 200)] != [*islice(prose.documents(8), 200)]


def test_initial_weights_repeat_a_sequence_after_reading_it_once(tokenizer: Any) -> None:
    model = fresh_model(tokenizer)
    model.set_attn_implementation("sdpa")
    once = torch.randint(6, len(tokenizer), (1, 40), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        guess = model(torch.cat([once, once], 1)).logits[0].argmax(-1)
    assert (guess[41:79] == once[0, 2:]).float().mean() > 0.9


def test_the_base_model_loads_and_is_small() -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model: Any = AutoModelForCausalLM.from_pretrained(BASE)
    tokenizer: Any = AutoTokenizer.from_pretrained(BASE)
    assert model.config.model_type == "llama"
    assert model.config.tie_word_embeddings
    assert 0.5e6 < model.num_parameters() < 3e6
    assert len(tokenizer) == model.config.vocab_size
    assert tokenizer.eos_token_id == model.generation_config.eos_token_id != tokenizer.pad_token_id
    assert sum(path.stat().st_size for path in BASE.iterdir()) < 8e6
