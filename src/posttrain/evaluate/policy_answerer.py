"""The answerer that is a model in this process."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from posttrain.data.chat.answer_text import answer_text
from posttrain.data.chat.encode import encode_prompt
from posttrain.data.chat.renderer import Renderer
from posttrain.evaluate.answers import Answerer, Generate, ModelAnswer, OnDone
from posttrain.evaluate.options import SuiteOptions
from posttrain.evaluate.policy_logprobs import policy_choice_logprobs, policy_text_losses
from posttrain.evaluate.policy_rewards import policy_pair_rewards
from posttrain.evaluate.questions import Question
from posttrain.evaluate.suite_arguments import check_suite_arguments
from posttrain.generation.engine import generate_completions
from posttrain.generation.request import Generation
from posttrain.generation.sampling import Sampling
from posttrain.policy.load import Policy


def policy_answerer(policy: Policy, renderer: Renderer, *, seed: int = 0) -> Answerer:
    """A model's own answers and log-probs; for a reward model, its scores.

    Args:
        renderer: how conversations become the model's tokens.
        seed: of sampled answers.
    """
    if policy.task == "score":
        rewards = policy_pair_rewards(policy, renderer)
        return Answerer("the reward model", pair_rewards=rewards, check=partial(check_suite_arguments, renderer))
    return Answerer(
        "the model",
        generate=_generate(policy, renderer, seed),
        choice_logprobs=policy_choice_logprobs(policy, renderer),
        text_losses=policy_text_losses(policy),
        check=partial(check_suite_arguments, renderer),
    )


def _generate(policy: Policy, renderer: Renderer, seed: int) -> Generate:
    def generate(questions: Sequence[Question], options: SuiteOptions, done: OnDone) -> list[list[ModelAnswer]]:
        prompts = [
            encode_prompt(q.messages, renderer, where=q.where, arguments=q.template_arguments) for q in questions
        ]
        sampling = Sampling(options.max_new_tokens, temperature=options.temperature, seed=seed)
        groups = generate_completions(policy, prompts, sampling, n=options.samples, on_done=done)
        return [
            [_answer(completion, renderer, question) for completion in group]
            for question, group in zip(questions, groups, strict=True)
        ]

    return generate


def _answer(completion: Generation, renderer: Renderer, question: Question) -> ModelAnswer:
    probability = float(np.exp(completion.logp.mean(dtype=np.float64))) if len(completion.logp) else None
    return ModelAnswer(answer_text(completion.tokens, renderer, question.template_arguments), probability)
