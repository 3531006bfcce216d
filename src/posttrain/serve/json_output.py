"""Answers that are JSON of a schema: llguidance says before each token which ones may come next."""

import json
from collections.abc import Callable
from functools import cached_property
from typing import Any

import llguidance.hf
import numpy as np
import torch
from torch import Tensor

from posttrain.policy.load import Policy
from posttrain.serve.problems import RequestProblem

SEPARATORS: Any = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""The spaces of `json.dumps`; free ones let a small model write spaces without end."""


class JsonGrammar:
    """Constraints for one model. The tables of its tokenizer are made at the first use, in about a second.

    Args:
        vocabulary: the width of the model's logits.
    """

    def __init__(self, policy: Policy, vocabulary: int) -> None:
        self.policy, self.vocabulary = policy, vocabulary

    @cached_property
    def _tokens(self) -> Any:
        ends = list(self.policy.end_tokens) or None
        return llguidance.hf.from_tokenizer(self.policy.tokenizer, n_vocab=self.vocabulary, eos_token=ends)

    def constraint_of(self, schema: dict[str, Any] | bool) -> Callable[[], "JsonConstraint"]:
        """A function that makes a constraint for each completion.

        Raises:
            RequestProblem: llguidance cannot apply the schema.
        """
        try:
            grammar = llguidance.LLMatcher.grammar_from_json_schema(json.dumps(schema), SEPARATORS)
            problems = llguidance.LLMatcher.validate_grammar_with_warnings(grammar, self._tokens)[1]
            first = llguidance.LLMatcher(self._tokens, grammar, log_level=0)
        except (ValueError, RecursionError) as error:
            raise _not_applicable(str(error)) from error
        if problems or first.is_error():
            raise _not_applicable(problems[0] if problems else first.get_error())
        return lambda: JsonConstraint(first.deep_copy(), self.vocabulary)


def _not_applicable(why: str) -> RequestProblem:
    return RequestProblem(f"response_format: the schema cannot be applied: {why}", "response_format")


class JsonConstraint:
    """The constraint of one completion; see `generation.request.Constraint`."""

    def __init__(self, matcher: Any, vocabulary: int) -> None:
        self.matcher, self.vocabulary = matcher, vocabulary
        self.problem: str | None = None

    def restrict(self, logits_V: Tensor) -> None:
        """Set the logits of the tokens that may not come next to minus infinity, in place."""
        bits = np.frombuffer(self.matcher.compute_bitmask(), np.uint8)
        allowed = np.unpackbits(bits, count=self.vocabulary, bitorder="little").astype(bool)
        if not allowed.any():
            self.problem = self.matcher.get_error() or "no token may come next"
            return
        logits_V[torch.from_numpy(~allowed).to(logits_V.device)] = -torch.inf

    def accept(self, token: int) -> bool:
        """Go on by the token that was drawn; whether the JSON is complete with it."""
        if self.problem is None and not self.matcher.consume_token(token):
            self.problem = self.matcher.get_error() or "the token does not fit"
        return self.problem is not None or self.matcher.is_stopped()
