"""The answerer that is a model behind an OpenAI-compatible endpoint."""

from collections.abc import Sequence

from posttrain.endpoint import EndpointOptions
from posttrain.evaluate.answers import Answerer, ModelAnswer, OnDone
from posttrain.evaluate.options import SuiteOptions
from posttrain.evaluate.questions import Question
from posttrain.generation.remote import request_completions
from posttrain.generation.sampling import Sampling


def endpoint_answerer(options: EndpointOptions, *, seed: int = 0) -> Answerer:
    """The answers of a server's model. It gives texts alone: no probabilities, no losses, no rewards.

    Args:
        seed: of the requests; whether the server is deterministic is up to the server.
    """

    def generate(questions: Sequence[Question], suite: SuiteOptions, done: OnDone) -> list[list[ModelAnswer]]:
        groups = request_completions(
            [question.messages for question in questions],
            options,
            Sampling(suite.max_new_tokens, temperature=suite.temperature, seed=seed),
            n=suite.samples,
            wheres=[question.where for question in questions],
            arguments=[question.template_arguments for question in questions],
            on_done=done,
        )
        return [[ModelAnswer(completion.text) for completion in group] for group in groups]

    return Answerer(f"the model {options.model} of {options.url}", generate=generate)
