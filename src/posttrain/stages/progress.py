"""Progress of a training stage in the terminal: the bar's text, a line per evaluation, and a line per rollout."""

from collections.abc import Iterator, Mapping

from posttrain.console import Advance
from posttrain.stages.context import Context
from posttrain.train.loop import Callbacks

Values = Mapping[str, float | int | None]

EVALUATED = 4
"""The number of held-out metrics in a line; ``metrics.jsonl`` has all of them."""


def callbacks_of(advance: Advance, context: Context) -> Callbacks:
    """Build the callbacks that update the progress bar and print the lines."""

    def on_step(step: int, total: int, values: Values) -> None:
        for sentence in rollout_lines(step, values):
            context.screen.note(sentence)
        advance(step, bar_text(values))
        context.on_metrics()

    def on_eval(step: int, metrics: Mapping[str, float | None]) -> None:
        known = [f"{name} {value:.4f}" for name, value in metrics.items() if value is not None]
        context.screen.note(f"step {step:,}: {', '.join(known[:EVALUATED])}")

    return Callbacks(on_step=on_step, on_eval=on_eval, on_note=context.screen.note, stop=context.stop)


def bar_text(values: Values) -> str:
    """The text beside the progress bar: the loss, the reward or accuracy if there is one, and the speed."""
    loss, speed, reward = values.get("loss"), values.get("tokens_per_second"), values.get("reward")
    accuracy = values.get("rewards/accuracies", values.get("accuracy"))
    words = [f"loss {loss:.4f}" if loss is not None else "no loss"]
    if reward is not None:
        words.append(f"reward {reward:.3f}")
    if accuracy is not None:
        words.append(f"accuracy {accuracy:.0%}")
    return "  ".join([*words, f"{speed:,.0f} tokens/s"])


def rollout_lines(step: int, values: Values) -> Iterator[str]:
    """Yield a line for the rollout that begins at a step, and a warning for each reason why it teaches nothing."""
    if (length := values.get("completions/mean_length")) is None:
        return
    parts = [f"{length:.0f} tokens per answer"]
    for name, words in LINE.items():
        if (value := values.get(name)) is not None:
            parts.append(f"{words} {value:.0%}" if name in RATIOS else f"{words} {value:.4g}")
    yield f"rollout at step {step:,}: {', '.join(parts)}"
    if values.get("completions/clipped_ratio") == 1.0:
        yield "warning: every answer was cut at max_new_tokens; raise it, or first train the model to end its answers"
    if values.get("frac_reward_zero_std") == 1.0:
        yield "warning: all rewards within each group are equal, so this rollout teaches nothing; look at completions/"


LINE = {
    "reward": "reward",
    "pass_rate": "full reward",
    "frac_reward_zero_std": "groups with equal rewards",
    "completions/clipped_ratio": "cut",
    "kl": "KL",
}
"""Metric in a rollout's line → its label."""

RATIOS = ("pass_rate", "frac_reward_zero_std", "completions/clipped_ratio")
