"""Log-probs by a model in this process: of choices as answers, and of plain texts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from posttrain.core.group import Completion, Group, Ints
from posttrain.data.chat.encode import encode_example
from posttrain.data.chat.renderer import Renderer
from posttrain.data.example import Example
from posttrain.errors import InputError
from posttrain.evaluate.answers import ChoiceLogprobs, OnDone, TextLoss, TextLosses
from posttrain.evaluate.questions import Question
from posttrain.policy.inference import outputs_by_group
from posttrain.policy.load import Policy
from posttrain.policy.shape import positions_of

ROW_TOKENS = 4096
"""Tokens that are computed at once."""

LONGEST = 1 << 30
"""More tokens than any text has."""

PORTION = 16
"""Questions or texts whose tokens are held at once."""


def policy_choice_logprobs(policy: Policy, renderer: Renderer) -> ChoiceLogprobs:
    """Log-probs of choices. The question is read once for all its choices; the end token of an answer is not counted.

    Args:
        renderer: how conversations become the model's tokens.
    """

    whole = whole_rows(policy, renderer)

    def logprobs(questions: Sequence[Question], choices: Sequence[Sequence[str]], done: OnDone) -> list[list[TextLoss]]:
        found: list[list[TextLoss]] = []
        for start in range(0, len(questions), PORTION):
            part = slice(start, start + PORTION)
            groups = [_choice_group(q, texts, whole) for q, texts in zip(questions[part], choices[part], strict=True)]
            for group, outputs in zip(groups, outputs_by_group(policy, groups, {"logp"}, ROW_TOKENS), strict=True):
                assert outputs.logp_N is not None
                logp_N = outputs.logp_N.double().numpy()
                ends = np.cumsum([int(completion.loss.sum()) for completion in group.completions])
                parts = np.split(logp_N, ends[:-1])
                found.append([TextLoss(float(part_N.sum()), len(part_N)) for part_N in parts])
            done(len(found))
        return found

    return logprobs


def whole_rows(policy: Policy, renderer: Renderer) -> Renderer:
    """The renderer without a limit of its own: a prompt is cut from the left where the model cannot read all of it."""
    limit = positions_of(policy.base.config) or LONGEST
    return replace(renderer, max_length=limit, truncation="left", seen=Counter())


def _choice_group(question: Question, choices: Sequence[str], renderer: Renderer) -> Group:
    completions = tuple(({"role": "assistant", "content": choice},) for choice in choices)
    group = encode_example(Example(question.where, question.messages, completions), renderer)
    if not isinstance(group, Group):
        raise InputError(f"{question.where}: the choices have no log-probs: {group}")
    return replace(group, completions=tuple(_without_end(c, renderer) for c in group.completions))


def _without_end(completion: Completion, renderer: Renderer) -> Completion:
    """The completion without loss on the end token of its answer."""
    counted = np.flatnonzero(completion.loss)
    if len(counted) < 2 or int(completion.tokens[counted[-1]]) not in renderer.end_tokens:
        return completion
    loss = completion.loss.copy()
    loss[counted[-1]] = False
    return Completion(completion.tokens, loss)


def policy_text_losses(policy: Policy) -> TextLosses:
    """The loss of texts, read by windows: each token counts once, with at least ``window - stride`` tokens before it.

    A start token (or the end token, where the tokenizer has none) is put before a text, so that its first token counts.
    """

    def losses(texts: Sequence[str], window: int, stride: int, done: OnDone) -> list[TextLoss]:
        limit = positions_of(policy.base.config)
        if limit is not None and window > limit:
            raise InputError(f"`window`: {window} is more than the {limit} positions that the model has; lower it")
        found: list[TextLoss] = []
        for start in range(0, len(texts), PORTION):
            tokens = [_text_tokens(text, policy) for text in texts[start : start + PORTION]]
            windows = [_window_groups(tokens_T, window, stride) for tokens_T in tokens]
            outputs = iter(outputs_by_group(policy, [g for groups in windows for g in groups], {"logp"}, ROW_TOKENS))
            for tokens_T, groups in zip(tokens, windows, strict=True):
                parts = [next(outputs).logp_N for _ in groups]
                logp = sum(float(logp_N.double().sum()) for logp_N in parts if logp_N is not None)
                found.append(TextLoss(logp, len(tokens_T) - 1))
            done(len(found))
        return found

    return losses


def text_windows(tokens: int, window: int, stride: int) -> list[tuple[int, int, int]]:
    """(begin, first counted token, end) of each window over a text; the windows start `stride` tokens apart.

    https://huggingface.co/docs/transformers/perplexity. Token 0 is context alone.
    """
    windows: list[tuple[int, int, int]] = []
    counted = 1
    for begin in range(0, tokens, stride):
        end = min(begin + window, tokens)
        if counted < end:
            windows.append((begin, counted, end))
        counted = end
        if end == tokens:
            break
    return windows


def _window_groups(tokens_T: Ints, window: int, stride: int) -> list[Group]:
    """Each window as a group: the tokens before the counted ones are its prompt."""
    return [
        Group("", tokens_T[begin:first], (Completion(tokens_T[first:end], np.ones(end - first, dtype=np.bool_)),))
        for begin, first, end in text_windows(len(tokens_T), window, stride)
    ]


def _text_tokens(text: str, policy: Policy) -> Ints:
    tokenizer = policy.tokenizer
    start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    if start is None:
        raise InputError(
            f"{tokenizer.name_or_path}: the tokenizer has no start and no end token, so nothing comes before a text"
        )
    return np.array([start, *tokenizer(text, add_special_tokens=False)["input_ids"]], dtype=np.int32)
