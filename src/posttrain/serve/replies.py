"""Replies in OpenAI's form: whole ones, and the parts of a stream."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Literal

from posttrain.data.chat.answer_text import decode_tokens
from posttrain.generation.request import Token
from posttrain.serve.answering import Count, Piece

Kind = Literal["chat", "text"]

_OBJECTS = {"chat": ("chat.completion", "chat.completion.chunk"), "text": ("text_completion", "text_completion")}


@dataclass(frozen=True, slots=True)
class Reply:
    """The parts that all replies to one request share.

    Args:
        tokenizer: of the model, for the texts of tokens.
        top: None, or the number of most probable tokens to list with each token.
    """

    kind: Kind
    model: str
    tokenizer: Any
    top: int | None
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, pieces: Sequence[Piece], count: Count) -> dict[str, Any]:
        """The reply with all answers.

        Args:
            pieces: of all answers, in the order in which they came.
        """
        choices: list[dict[str, Any]] = []
        for index in range(max((piece.index for piece in pieces), default=-1) + 1):
            own = [piece for piece in pieces if piece.index == index]
            text = "".join(piece.text for piece in own)
            tokens = tuple(token for piece in own for token in piece.tokens)
            content_part = {"message": {"role": "assistant", "content": text, "refusal": None}}
            choices.append(
                {
                    "index": index,
                    **(content_part if self.kind == "chat" else {"text": text}),
                    "logprobs": self._logprobs(tokens, 0),
                    "finish_reason": own[-1].finish,
                }
            )
        return {**self._head(_OBJECTS[self.kind][0]), "choices": choices, "usage": usage(count)}

    def opening(self, index: int) -> dict[str, Any]:
        """The first part of an answer in a stream of a chat: its role."""
        return self._part(index, {"delta": {"role": "assistant", "content": ""}}, None, None)

    def part(self, piece: Piece) -> dict[str, Any]:
        """The next part of an answer in a stream."""
        delta = {"delta": {"content": piece.text} if piece.text else {}}
        content_part = delta if self.kind == "chat" else {"text": piece.text}
        return self._part(piece.index, content_part, self._logprobs(piece.tokens, piece.offset), piece.finish)

    def last(self, count: Count) -> dict[str, Any]:
        """The part of a stream that tells the usage."""
        return {**self._head(_OBJECTS[self.kind][1]), "choices": [], "usage": usage(count)}

    def _part(self, index: int, content_part: dict[str, Any], logprobs: Any, finish: str | None) -> dict[str, Any]:
        choice = {"index": index, **content_part, "logprobs": logprobs, "finish_reason": finish}
        return {**self._head(_OBJECTS[self.kind][1]), "choices": [choice]}

    def _head(self, name: str) -> dict[str, Any]:
        return {
            "id": f"{'chatcmpl' if self.kind == 'chat' else 'cmpl'}-{self.id}",
            "object": name,
            "created": self.created,
            "model": self.model,
        }

    def _logprobs(self, tokens: Sequence[Token], offset: int) -> dict[str, Any] | None:
        if self.top is None:
            return None
        if self.kind == "chat":
            return {"content": [self._with_logprob(token) for token in tokens], "refusal": None}
        texts = [self._text(token.id) for token in tokens]
        return {
            "tokens": texts,
            "token_logprobs": [token.logp for token in tokens],
            "top_logprobs": [self._by_text(token) for token in tokens],
            "text_offset": list(accumulate(map(len, texts), initial=offset))[:-1],
        }

    def _by_text(self, token: Token) -> dict[str, float]:
        """Text → log-prob of the most probable tokens; of several with one text the most probable one counts."""
        found: dict[str, float] = {}
        for id, logp in token.top:
            found.setdefault(self._text(id), logp)
        return found

    def _with_logprob(self, token: Token) -> dict[str, Any]:
        assert token.logp is not None
        top = [self._entry(id, logp) for id, logp in token.top]
        return {**self._entry(token.id, token.logp), "top_logprobs": top}

    def _entry(self, id: int, logp: float) -> dict[str, Any]:
        text = self._text(id)
        whole = "\ufffd" not in text  # else the token is a part of a character
        return {"token": text, "logprob": logp, "bytes": list(text.encode()) if whole else None}

    def _text(self, id: int) -> str:
        return decode_tokens([id], self.tokenizer)


def usage(count: Count) -> dict[str, int]:
    """The tokens that a request has cost."""
    total = count.prompt_tokens + count.completion_tokens
    return {
        "prompt_tokens": count.prompt_tokens,
        "completion_tokens": count.completion_tokens,
        "total_tokens": total,
    }
