"""`load`: a model that answers, texts in, texts out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from posttrain.api.recipes import checked_options
from posttrain.core.group import Group, Ints
from posttrain.data.chat.answer_text import answer_text
from posttrain.data.chat.encode import Renderer, encode_example, encode_prompt
from posttrain.data.chat.renderer import renderer_of
from posttrain.data.example import Example, Message
from posttrain.data.formats.messages import conversation
from posttrain.data.options import DataSource, RowOptions
from posttrain.data.skipped import SkipReason
from posttrain.errors import InputError
from posttrain.generation.engine import generate_completions
from posttrain.generation.options import SamplingOptions
from posttrain.generation.sampling import sampling_of
from posttrain.policy.load import Policy, Task, end_tokens_of
from posttrain.policy.open import open_policy
from posttrain.policy.options import PolicyOptions
from posttrain.policy.shape import positions_of

Prompt = str | Sequence[Mapping[str, Any]]
"""A question as text, or a conversation as messages with ``role`` and ``content``."""


@dataclass(frozen=True, slots=True, repr=False)
class Model:
    """A model that answers.

    Args:
        name: its folder or hub id.
        policy: the transformers model, its tokenizer, and how it is run.
        renderer: how conversations become its tokens.
    """

    name: str
    policy: Policy
    renderer: Renderer

    def generate(
        self,
        prompts: Sequence[Prompt],
        n: int = 1,
        *,
        max_new_tokens: int = 256,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        stop: Sequence[str] = (),
        seed: int = 0,
        rows: int = 128,
        template_arguments: Mapping[str, Any] | None = None,
    ) -> list[list[str]]:
        """Generate answers. The same seed gives the same answers, whatever else is generated beside them.

        Args:
            prompts: questions, or conversations as messages.
            n: answers to each prompt.
            max_new_tokens: an answer that has not ended by then is cut.
            temperature: above 1 answers vary more, below 1 less; 0 takes the most probable token each time.
            top_k: draw from the k most probable tokens only; 0 for all.
            top_p: draw from the most probable tokens of this mass only.
            min_p: draw from tokens at least this share as probable as the most probable one.
            stop: texts that end an answer.
            seed: of all draws.
            rows: answers generated at once; fewer take less memory.
            template_arguments: variables of the chat template, such as ``{"enable_thinking": False}``.

        Returns:
            for each prompt, its `n` answers.

        Raises:
            InputError: a prompt is no text and no conversation, or is too long for the model; or an option is wrong.
        """
        if isinstance(prompts, str):
            raise InputError("prompts: this is one text; put it into a list")
        if n < 1 or seed < 0:
            raise InputError(f"n and seed: should be at least 1 and 0, not {n} and {seed}")
        options = {"max_new_tokens": max_new_tokens, "top_k": top_k, "top_p": top_p, "min_p": min_p}
        options |= {"temperature": temperature or 1.0, "stop": tuple(stop), "rollout_rows": rows}
        sampling = replace(sampling_of(checked_options(SamplingOptions, options), seed), temperature=temperature)
        arguments = template_arguments or {}
        tokens = [self._encoded(prompt, number, max_new_tokens, arguments) for number, prompt in enumerate(prompts)]
        groups = generate_completions(self.policy, tokens, sampling, n=n, rows=rows)
        return [[answer_text(one.tokens, self.renderer, arguments) for one in group] for group in groups]

    def answer(self, prompt: Prompt, *, max_new_tokens: int = 256) -> str:
        """The most probable answer to one prompt, token by token.

        Raises:
            InputError: see `generate`.
        """
        return self.generate([prompt], max_new_tokens=max_new_tokens, temperature=0)[0][0]

    def group(
        self, prompt: Prompt, completions: Sequence[str], *, where: str = "group", **columns: Sequence[float]
    ) -> Group:
        """A prompt and its completions as this model's tokens, to train on with `posttrain.fit`.

        Loss falls on each completion through its end token.

        Args:
            prompt: a question, or a conversation as messages.
            completions: one text or more.
            where: a name of the group for messages.
            columns: a number for each completion, as an objective needs them: ``rank=[1, 2]``, where 1 is best.

        Raises:
            InputError: the group cannot train, as when it is too long; or a column has another length.
        """
        if wrong := [name for name, values in columns.items() if len(values) != len(completions)]:
            raise InputError(f"{where}: {wrong[0]} needs a number for each of the {len(completions)} completions")
        example = Example(
            where,
            self._messages(prompt, where),
            tuple(({"role": "assistant", "content": text},) for text in completions),
            {name: tuple(values) for name, values in columns.items()},
        )
        group = encode_example(example, self.renderer)
        if isinstance(group, SkipReason):
            raise InputError(f"{where}: cannot train, {group}")
        return group

    def _messages(self, prompt: Prompt, where: str) -> tuple[Message, ...]:
        return conversation([{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt, where)

    def _encoded(self, prompt: Prompt, number: int, max_new_tokens: int, arguments: Mapping[str, Any]) -> Ints:
        where = f"prompts[{number}]"
        tokens = encode_prompt(self._messages(prompt, where), self.renderer, where=where, arguments=arguments)
        positions = positions_of(self.policy.base.config)
        if positions is not None and len(tokens) + max_new_tokens > positions:
            raise InputError(
                f"{where}: {len(tokens)} tokens and max_new_tokens {max_new_tokens} are more than the {positions} "
                "positions the model has; shorten the prompt, or lower max_new_tokens"
            )
        return tokens

    def __repr__(self) -> str:
        weights = sum(p.numel() for p in self.policy.model.parameters())
        return f"Model({self.name}: {weights:,} weights, {self.policy.device})"


def load(
    model: str | Path,
    *,
    template: str | None = None,
    template_arguments: Mapping[str, Any] | None = None,
    device: str = "auto",
    precision: str = "auto",
    trust_remote_code: bool = False,
) -> Model:
    """Load a model that answers: a folder of a run, an adapter's folder, or a hub id.

    Args:
        model: folder or hub id.
        template: chat template: plain, chatml, raw (a text goes on) or a Jinja file; the model's own if None.
        template_arguments: variables that the chat template reads, such as ``{"enable_thinking": False}``.
        device: auto, cpu, cuda, cuda:1 or mps.
        precision: auto, float32 or bfloat16.
        trust_remote_code: run code that comes with the model; only if you trust its author.

    Raises:
        InputError: it cannot be loaded, or it scores and does not answer.
    """
    place = {"device": device, "precision": precision, "trust_remote_code": trust_remote_code}
    options = checked_options(PolicyOptions, place)
    return opened_model(str(model), options, template=template, template_arguments=template_arguments)


def opened_model(
    name: str,
    options: PolicyOptions,
    *,
    template: str | None,
    template_arguments: Mapping[str, Any] | None = None,
    task: Task = "causal",
) -> Model:
    """A model with the renderer of its conversations; see `load`.

    Args:
        task: "score" for a reward model.
    """
    rows = {"data": (DataSource(path="none"),), "template": template, "template_arguments": template_arguments or {}}
    row_options = checked_options(RowOptions, rows)  # no data is read
    policy = open_policy(name, options, task=task, train=False)
    renderer, _ = renderer_of(
        row_options,
        policy.tokenizer,
        end_tokens=end_tokens_of(name, policy.tokenizer, policy.base.config),
        positions=positions_of(policy.base.config),
        base=Path(),
    )
    policy.end_tokens = tuple(sorted(renderer.end_tokens))
    return Model(name, policy, renderer)
