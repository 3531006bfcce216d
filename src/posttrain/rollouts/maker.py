"""Make one rollout: draw prompts, generate and score completions, replace groups that teach nothing, add advantages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from posttrain.advantages.grpo import varies
from posttrain.core.group import Group
from posttrain.data.chat.answer_text import answer_text
from posttrain.data.chat.renderer import Renderer
from posttrain.data.sets.prompts import Prompt
from posttrain.errors import RunError
from posttrain.generation.request import Generate, Generation
from posttrain.generation.sampling import Sampling
from posttrain.generation.vllm.writer import VllmWriter
from posttrain.policy.load import Policy
from posttrain.policy.shard import whole
from posttrain.ranks.exchange import spread
from posttrain.ranks.group import is_main
from posttrain.rollouts import metrics
from posttrain.rollouts.alarms import alarm_messages
from posttrain.rollouts.importance import Correct
from posttrain.rollouts.options import AlarmOptions
from posttrain.rollouts.scoring import Scorer, scored
from posttrain.rollouts.source import Make
from posttrain.rollouts.table import completion_rows, write_json_lines
from posttrain.rollouts.types import AdvantageFn, Metrics, Rollout, RolloutState
from posttrain.train.batches import Order

PATIENCE = 64
"""The run stops if no reward gave a number for the first `PATIENCE` prompts, since it would learn nothing."""

COMPARED = ("completions/mean_length", "entropy")
"""The metrics of the first rollout that alarms compare later rollouts with."""


@dataclass(frozen=True, slots=True)
class RolloutSpec:
    """How rollouts are generated and scored.

    Args:
        policy: the model that is trained.
        renderer: turns its tokens into text.
        write: generates completions with the policy's current weights.
        prompts: the prompts to draw from.
        order: the order of the prompts in each epoch.
        sampling: the sampling settings of completions.
        n: completions per prompt.
        size: prompts per rollout.
        scorer: scores the completions.
        most_draws: dynamic sampling draws at most `most_draws` times `size` prompts, to fill a rollout with groups
            whose rewards differ; 0 switches it off, and all groups are kept.
        mask_truncated: whether to ignore rewards of completions cut at the limit when rewards are compared; see
            `grpo_advantages`.
        needs_rewards: whether advantages come from rewards; if so, rewards that give no number stop the run.
        correct: adds importance weights to completions of an engine other than the trainer's own; None for its own.
        server: `write`, if it is a server, which loads weights before it generates.
    """

    policy: Policy
    renderer: Renderer
    write: Generate
    prompts: Sequence[Prompt]
    order: Order
    sampling: Sampling
    n: int
    size: int
    scorer: Scorer
    most_draws: int = 0
    mask_truncated: bool = False
    correct: Correct | None = None
    server: VllmWriter | None = None
    needs_rewards: bool = True


def rollout_maker(
    spec: RolloutSpec,
    advantages: AdvantageFn,
    alarms: AlarmOptions,
    tables: Path,
    *,
    on_note: Callable[[str], None],
    rollouts: int | None = None,
    on_rollout: Callable[[int, Rollout], None] = lambda number, rollout: None,
) -> Make:
    """Build the function that makes rollouts for a `Rollouts` source.

    Args:
        tables: the folder for ``rollout-N.jsonl``, which holds every completion with its rewards.
        on_note: receives the text of each alarm.
        rollouts: the total number of rollouts, if it is known.
        on_rollout: receives each rollout and its number.
    """
    enough = min(PATIENCE, len(spec.prompts))

    def make(number: int, state: RolloutState) -> tuple[list[Group], Metrics, RolloutState]:
        with whole(spec.policy):
            return rollout(number, state)

    def rollout(number: int, state: RolloutState) -> tuple[list[Group], Metrics, RolloutState]:
        if spec.server is not None:
            spec.server.load_for_rollout(number)
        every, chosen, cursor = _written(spec, state.cursor)
        if is_main():
            write_json_lines(tables / f"rollout-{number:08d}.jsonl", completion_rows(every, number))
            on_rollout(number, every)
        judged = state.judged + _judged(every, spec.scorer)
        if spec.needs_rewards and not judged and (cursor >= enough or number + 1 == rollouts):
            raise RunError(f"rollout {number + 1}: {_nothing_to_learn(every, spec.scorer, cursor)}")
        corrections: Metrics = {}
        if spec.correct is not None:
            chosen, corrections = spec.correct(chosen)
        if spec.server is not None and number + 1 != rollouts:
            prompts, ids = _next_prompts(spec, cursor)
            spec.server.begin_next(number, [prompt.tokens for prompt in prompts], spec.sampling, spec.n, ids)
        groups, more, state = advantages(chosen, replace(state, cursor=cursor, judged=judged))
        seconds = {} if spec.server is None else spec.server.figures()
        measured: dict[str, float | None] = {**metrics.figures(every), **corrections, **seconds, **more}
        if spec.most_draws:
            measured["num_drawn"] = float(len(every.prompts))
        for sentence in alarm_messages(measured, state.first if number else {}, alarms):
            raise_or_note(f"rollout {number + 1}: {sentence}", alarms, on_note)
        if number == 0:
            state = replace(state, first={**state.first, **{name: measured[name] for name in COMPARED}})
        return groups, measured, state

    return make


def _judged(rollout: Rollout, scorer: Scorer) -> int:
    """The number of completions with a number from at least one reward that has a weight."""
    known = [np.isfinite(rollout.components[name]) for name in scorer.learnt]
    return int(np.any(known, axis=0).sum()) if known else 0


def _nothing_to_learn(rollout: Rollout, scorer: Scorer, prompts: int) -> str:
    """The error for rewards that gave no number for any of the prompts, with each reward's reasons."""
    count = rollout.reward_GK.size
    problems: list[str] = []
    for name in sorted(scorer.learnt):
        reasons = rollout.not_applicable.get(name, {})
        failed = count - sum(reasons.values())
        parts = [f"not applicable to {times}, {reason}" for reason, times in reasons.items()]
        problems.append(f"`{name}`: {'; '.join([*parts, *([f'failed on {failed}'] if failed else [])])}")
    return (
        f"no reward gave a number for any of the {prompts} prompts drawn so far, so nothing can be learnt. Of the "
        f"{count} completions of this rollout, {'; '.join(problems)}. Correct the rewards, or the "
        "columns that they read"
    )


def raise_or_note(sentence: str, options: AlarmOptions, on_note: Callable[[str], None]) -> None:
    """Report an alarm, or stop the run, as the recipe's `alarms.action` says.

    Raises:
        RunError: the action is "stop".
    """
    if options.action == "stop":
        raise RunError(f"{sentence}. The run stops, because of `alarms.action: stop`; the last checkpoint is kept")
    on_note(f"alarm: {sentence}")


def write_and_score(
    spec: RolloutSpec, prompts: Sequence[Prompt], ids: Sequence[int], n: int, seed: int | None = None
) -> Rollout:
    """Generate completions of the prompts, and score them.

    Args:
        ids: a number for each prompt; with the seed it determines the prompt's random draws.
        seed: the seed of sampling; None for the stage's own.
    """
    sampling = spec.sampling if seed is None else replace(spec.sampling, seed=seed)

    def write(part: Sequence[tuple[Prompt, int]]) -> Sequence[Sequence[Generation]]:
        return spec.write([prompt.tokens for prompt, _ in part], sampling, n, [number for _, number in part])

    written = spread(list(zip(prompts, ids, strict=True)), write)
    texts = [
        [answer_text(completion.tokens, spec.renderer, prompt.template_arguments) for completion in group]
        for prompt, group in zip(prompts, written, strict=True)
    ]
    return scored(prompts, written, texts, spec.scorer)


def _written(spec: RolloutSpec, cursor: int) -> tuple[Rollout, Rollout, int]:
    """(all completions, those to learn from, number of prompts drawn so far).

    DAPO's dynamic sampling (arXiv:2503.14476, section 3.2) draws until the rewards differ in `size` groups. If there
    are fewer such groups after `most_draws`, the first other groups fill the rollout. These teach nothing.
    """
    every = _draw(spec, cursor)
    cursor += spec.size
    if not spec.most_draws:
        return every, every, cursor
    most = spec.most_draws * spec.size
    while len(good := _varied(every, spec.mask_truncated)) < spec.size and len(every.prompts) < most:
        every = every.joined(_draw(spec, cursor))
        cursor += spec.size
    uniform = [i for i in range(len(every.prompts)) if i not in set(good)]
    return every, every.chosen([*good, *uniform][: spec.size]), cursor


def _draw(spec: RolloutSpec, cursor: int) -> Rollout:
    prompts, ids = _next_prompts(spec, cursor)
    return write_and_score(spec, prompts, ids, spec.n)


def _next_prompts(spec: RolloutSpec, cursor: int) -> tuple[list[Prompt], range]:
    """The prompts after the first `cursor` ones, and their numbers over all epochs."""
    ids, count = range(cursor, cursor + spec.size), len(spec.prompts)
    orders = {epoch: spec.order(epoch) for epoch in {i // count for i in ids}}
    return [spec.prompts[orders[i // count][i % count]] for i in ids], ids


def _varied(rollout: Rollout, mask_truncated: bool) -> list[int]:
    return [i for i, reward_K in enumerate(rollout.learnt_GK(mask_truncated=mask_truncated)) if varies(reward_K)]
