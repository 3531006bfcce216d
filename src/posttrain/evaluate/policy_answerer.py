"""The answerer that is a model in this process. The other ranks of a run may help it."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

import numpy as np

from posttrain.data.chat.answer_text import answer_text
from posttrain.data.chat.encode import encode_prompt
from posttrain.data.chat.renderer import Renderer
from posttrain.evaluate.answers import Answerer, ModelAnswer, OnDone, TextLoss
from posttrain.evaluate.options import SuiteOptions
from posttrain.evaluate.policy_logprobs import policy_choice_logprobs, policy_text_losses
from posttrain.evaluate.policy_rewards import policy_pair_rewards
from posttrain.evaluate.questions import Question
from posttrain.evaluate.suite_arguments import check_suite_arguments
from posttrain.generation.engine import generate_completions
from posttrain.generation.request import Generation
from posttrain.generation.sampling import Sampling
from posttrain.policy.load import Policy
from posttrain.ranks.assist import Call, Function, assisted

A = TypeVar("A")


def policy_answerer(policy: Policy, renderer: Renderer, *, seed: int = 0) -> Answerer:
    """A model's own answers and log-probs; for a reward model, its scores.

    Args:
        renderer: how conversations become the model's tokens.
        seed: of sampled answers.
    """
    functions = _functions(policy, renderer, seed)
    return _answerer(policy, renderer, lambda name, items, more, done: list(functions[name](items, *more, done)))


def with_answerer(policy: Policy, renderer: Renderer, work: Callable[[Answerer], A], *, seed: int = 0) -> A:
    """Do something with `policy_answerer` on the main process; all ranks compute its answers."""
    functions = _functions(policy, renderer, seed)
    return assisted(functions, lambda call: work(_answerer(policy, renderer, call)))


def _answerer(policy: Policy, renderer: Renderer, call: Call) -> Answerer:
    check = partial(check_suite_arguments, renderer)
    if policy.task == "score":
        return Answerer(
            "the reward model", check=check, pair_rewards=lambda questions, done: call("rewards", questions, (), done)
        )
    return Answerer(
        "the model",
        check=check,
        generate=lambda questions, options, done: call("generate", list(enumerate(questions)), (options,), done),
        choice_logprobs=lambda questions, choices, done: call(
            "choices", list(zip(questions, choices, strict=True)), (), done
        ),
        text_losses=lambda texts, window, stride, done: call("texts", texts, (window, stride), done),
    )


def _functions(policy: Policy, renderer: Renderer, seed: int) -> Mapping[str, Function]:
    """What the model computes, by the names of `_answerer`."""
    if policy.task == "score":
        return {"rewards": policy_pair_rewards(policy, renderer)}
    logprobs = policy_choice_logprobs(policy, renderer)

    def choices(pairs: Sequence[tuple[Question, Sequence[str]]], done: OnDone) -> list[list[TextLoss]]:
        return logprobs([question for question, _ in pairs], [texts for _, texts in pairs], done)

    def generate(
        numbered: Sequence[tuple[int, Question]], options: SuiteOptions, done: OnDone
    ) -> list[list[ModelAnswer]]:
        prompts = [
            encode_prompt(q.messages, renderer, where=q.where, arguments=q.template_arguments) for _, q in numbered
        ]
        sampling = Sampling(options.max_new_tokens, temperature=options.temperature, seed=seed)
        ids = [number for number, _ in numbered]
        groups = generate_completions(policy, prompts, sampling, n=options.samples, ids=ids, on_done=done)
        return [
            [_answer(completion, renderer, question) for completion in group]
            for (_, question), group in zip(numbered, groups, strict=True)
        ]

    return {"generate": generate, "choices": choices, "texts": policy_text_losses(policy)}


def _answer(completion: Generation, renderer: Renderer, question: Question) -> ModelAnswer:
    probability = float(np.exp(completion.logp.mean(dtype=np.float64))) if len(completion.logp) else None
    return ModelAnswer(answer_text(completion.tokens, renderer, question.template_arguments), probability)
