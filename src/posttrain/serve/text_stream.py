"""The text of an answer while it is generated: whole characters, and nothing behind a stop string."""

from collections.abc import Collection, Sequence
from typing import Any

from tokenizers.decoders import DecodeStream

from posttrain.data.chat.answer_text import decode_tokens


class TextStream:
    """Turns tokens into text, piece by piece.

    A piece is held back while it may be the beginning of a stop string or of a character.

    Args:
        end_tokens: tokens that end an answer; they have no text.
        stop: strings that end an answer; neither they nor what follows is part of it.
        opening: text that stands before the first token.
    """

    def __init__(
        self, tokenizer: Any, end_tokens: Collection[int], stop: Sequence[str] = (), opening: str = ""
    ) -> None:
        self._backend, self._stream = tokenizer.backend_tokenizer, DecodeStream(skip_special_tokens=False)
        self._tokenizer, self._ends, self._stop = tokenizer, end_tokens, tuple(stop)
        self._tokens: list[int] = []
        self._decoded = 0
        self._held = opening
        self.stopped = False

    def push(self, token: int) -> str:
        """The text that is certain with the next token; perhaps empty."""
        if self.stopped or token in self._ends:
            return ""
        self._tokens.append(token)
        try:
            piece = self._stream.step(self._backend, token) or ""
        except Exception:  # tokenizers refuses some sequences of bytes that are no text
            self._stream = DecodeStream(skip_special_tokens=False)
            piece = self._text()[self._decoded :].rstrip("\ufffd")
        self._decoded += len(piece)
        return self._passed(piece)

    def end(self) -> str:
        """The text that was held back."""
        if self.stopped:
            return ""
        rest = self._passed(self._text()[self._decoded :])
        return rest if self.stopped else rest + self._held

    def _text(self) -> str:
        return decode_tokens(self._tokens, self._tokenizer)

    def _passed(self, piece: str) -> str:
        text = self._held + piece
        at = min((at for at in map(text.find, self._stop) if at >= 0), default=None)
        if at is not None:
            self.stopped, self._held = True, ""
            return text[:at]
        keep = max((_overlap(text, stop) for stop in self._stop), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]


def _overlap(text: str, stop: str) -> int:
    """The length of the longest end of a text that is the beginning of a stop string."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)
