"""A pad token for reward models: in a batch, transformers reads each text's score before its first pad token."""

from typing import Any

from posttrain.policy.load import Policy

WORD_STARTS = ("Ġ", "▁")
"""The marks of byte-level and SentencePiece tokenizers for a space before a word. No text contains them."""


def settle_padding(policy: Policy) -> None:
    """Set a pad token that ends no completion, in tokenizer and configuration.

    It is another special token if one exists. Otherwise it is the last whole word of the vocabulary, the rarest one.
    No text contains the word's form with a space mark, so tokenization does not change.
    """
    tokenizer, config = policy.tokenizer, policy.base.config
    if tokenizer.pad_token_id is None or tokenizer.pad_token_id in policy.end_tokens:
        token = _special(tokenizer, policy.end_tokens) or _rare(tokenizer, policy.end_tokens)
        if token is not None:
            tokenizer.pad_token = token
    pad = tokenizer.pad_token_id
    config.pad_token_id = None if pad in policy.end_tokens else pad  # with None, transformers scores row by row


def _special(tokenizer: Any, ends: tuple[int, ...]) -> str | None:
    for token in (tokenizer.unk_token, tokenizer.bos_token, *tokenizer.all_special_tokens):
        if token is not None and tokenizer.convert_tokens_to_ids(token) not in ends:
            return token
    return None


def _rare(tokenizer: Any, ends: tuple[int, ...]) -> str | None:
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: -item[1])
    words = [token for token, number in vocabulary if number not in ends and token.startswith(WORD_STARTS)]
    return next((word for word in words if len(word) > 3), None)
