"""What the policy's answers to held-out prompts are worth: rewards, gold rewards, length, KL."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from posttrain.core.group import Floats
from posttrain.data.sets.prompts import Prompt
from posttrain.files import read_json
from posttrain.rollouts.maker import RolloutSpec, raise_or_note, write_and_score
from posttrain.rollouts.metrics import deviation, figures, kl_figures, mean
from posttrain.rollouts.options import AlarmOptions
from posttrain.rollouts.scoring import Scorer, scored
from posttrain.rollouts.types import Reference, with_column
from posttrain.stages.context import Context
from posttrain.train.step import Mean

SHOWN = ("completions/mean_length", "completions/clipped_ratio")

APART = 7919
"""Added to the seed: held-out answers are drawn by other numbers than training's, the same at every evaluation."""


def held_out_rewards(
    spec: RolloutSpec,
    prompts: Sequence[Prompt],
    gold: Scorer,
    reference: Reference | None,
    alarms: AlarmOptions,
    context: Context,
) -> Callable[[], Mapping[str, Mean]]:
    """A function that samples one answer to each held-out prompt and measures it.

    It gives ``eval_reward``, ``eval_rewards/{name}``, ``eval_gold/{name}``, ``eval_kl`` (nats a completion) and
    lengths; and it raises the alarm when the reward went up since the start while a gold reward fell.
    """

    def measure() -> dict[str, Mean]:
        if spec.server is not None:
            spec.server.load_current()
        rollout = write_and_score(spec, prompts, range(len(prompts)), 1, spec.sampling.seed + APART)
        found = {"eval_reward": _mean(rollout.reward_GK)} if rollout.components else {}
        if len(rollout.components) > 1:
            found |= {f"eval_rewards/{name}": _mean(values) for name, values in rollout.components.items()}
        errors: dict[str, float] = {}
        if gold.rewards or gold.judges:
            judged = scored(prompts, rollout.written, rollout.texts, gold)
            for name, values in judged.components.items():
                found[f"eval_gold/{name}"] = _mean(values)
                errors[f"eval_gold/{name}"] = _error(values)
        if reference is not None:
            groups = rollout.groups()
            kl = kl_figures(with_column(groups, "ref_logp", reference(groups)))
            found["eval_kl"] = Mean(kl["objective/kl"], len(prompts))
        measured = figures(rollout)
        found |= {f"eval_{name}": Mean(measured[name], len(prompts)) for name in SHOWN}
        if alarms.gold and rollout.components and (context.folder / "before.json").is_file():
            before = {name: Mean(*pair) for name, pair in read_json(context.folder / "before.json").items()}
            for sentence in _hollow(before, found, errors):
                raise_or_note(sentence, alarms, context.screen.note)
        return found

    return measure


def _hollow(before: Mapping[str, Mean], now: Mapping[str, Mean], errors: Mapping[str, float]) -> list[str]:
    """Gold rewards that fell while the reward learnt from went up (Gao et al. 2022, arXiv:2210.10760)."""
    start, reward = before["eval_reward"].value, now["eval_reward"].value
    if start is None or reward is None or reward <= start:
        return []
    measured: list[str] = []
    for name, error in errors.items():
        was, found = before[name].value, now[name].value
        if was is not None and found is not None and found < was - 2.0 * error:
            measured.append(
                f"the reward went up ({start:.3g} to {reward:.3g}) while {name.removeprefix('eval_')} fell "
                f"({was:.3g} to {found:.3g}): the reward is being gamed. Raise beta, stop earlier, or fix the reward"
            )
    return measured


def _error(values: Floats) -> float:
    """Standard error of the mean; 0 where less than two are known."""
    return float(np.nan_to_num(deviation(values))) / max(1, int(np.isfinite(values).sum())) ** 0.5


def _mean(values: Floats) -> Mean:
    return Mean(mean(values), int(np.isfinite(values).sum()))
