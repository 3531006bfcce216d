"""The loss and gradient of a real small model equal those of TRL's GRPO trainer (1.16)."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from byte_model import save_byte_model
from posttrain.core.group import Completion, Floats, Group
from posttrain.objectives.options import PolicyGradientOptions
from posttrain.objectives.policy_gradient import policy_gradient_objective
from posttrain.policy.load import load_policy
from posttrain.train.step import accumulate

trl = pytest.importorskip("trl")
LONGEST = 12
COLUMNS = ("old_logp", "ref_logp", "advantage", "importance")

VARIANTS: dict[str, tuple[PolicyGradientOptions, dict[str, Any], dict[str, Any]]] = {
    "grpo": (PolicyGradientOptions(average="completion"), {}, {"loss_type": "grpo"}),
    "grpo, beta": (
        PolicyGradientOptions(average="completion"),
        {"kl_weight": 0.3},
        {"loss_type": "grpo", "beta": 0.3},
    ),
    "bnpo": (PolicyGradientOptions(), {}, {"loss_type": "bnpo"}),
    "dapo, clip-higher, beta": (
        PolicyGradientOptions(clip_high=0.28),
        {"kl_weight": 0.1},
        {"loss_type": "dapo", "epsilon_high": 0.28, "beta": 0.1},
    ),
    "dr grpo": (PolicyGradientOptions(average="constant"), {"length": LONGEST}, {"loss_type": "dr_grpo"}),
    "another engine wrote": (
        PolicyGradientOptions(),
        {"kl_weight": 0.1, "corrected": True},
        {"loss_type": "bnpo", "beta": 0.1, "use_vllm": True, "vllm_importance_sampling_correction": True},
    ),
    "gspo": (
        PolicyGradientOptions(average="completion", ratio="sequence", clip_low=0.03, clip_high=0.04),
        {},
        {"loss_type": "grpo", "importance_sampling_level": "sequence", "epsilon_low": 0.03, "epsilon_high": 0.04},
    ),
    "cispo": (
        PolicyGradientOptions(loss="cispo", clip_low=1.0, clip_high=0.1),
        {"kl_weight": 0.1},
        {"loss_type": "cispo", "epsilon_high": 1.1, "beta": 0.1},
    ),
    "sapo": (PolicyGradientOptions(loss="sapo", average="completion"), {}, {"loss_type": "sapo"}),
    "dual clip": (PolicyGradientOptions(dual_clip=1.25), {}, {"loss_type": "bnpo", "delta": 1.25}),
}


def groups_of(logps: list[list[Floats]], seed: int = 0) -> list[Group]:
    """Groups near the policy's log-probs, with some ratios beyond every clip, and one advantage per completion."""
    rng = np.random.default_rng(seed + 1)
    made: list[Group] = []
    for group, group_logps in zip(_bare(seed), logps, strict=True):
        near = [logp + rng.normal(0, 0.3, len(logp)) for logp in group_logps]
        ref = [logp + rng.normal(0, 0.5, len(logp)) for logp in group_logps]
        advantage = [
            np.full(len(logp), a) for logp, a in zip(group_logps, rng.normal(size=len(group_logps)), strict=True)
        ]
        importance = [rng.uniform(0.3, 2.0, len(logp)) for logp in group_logps]
        columns = {"old_logp": near, "ref_logp": ref, "advantage": advantage, "importance": importance}
        made.append(replace(group, columns={n: np.concatenate(v).astype(np.float32) for n, v in columns.items()}))
    return made


def _bare(seed: int) -> list[Group]:
    rng = np.random.default_rng(seed)

    def tokens(length: int) -> Any:
        return rng.integers(3, 250, length).astype(np.int32)

    shapes = ((4, (3, 12, 1)), (7, (5, 5, 9)))
    return [
        Group(f"{g}", tokens(p), tuple(Completion(tokens(n), np.ones(n, np.bool_)) for n in lengths))
        for g, (p, lengths) in enumerate(shapes)
    ]


def in_trls_way(groups: list[Group]) -> dict[str, Tensor]:
    """Prompts are padded on the left, completions on the right."""
    rows = [(group, k) for group in groups for k in range(len(group.completions))]
    prompts = max(len(group.prompt) for group in groups)
    inputs = {
        name: torch.zeros(len(rows), width, dtype=torch.long)
        for name, width in (
            ("prompt_ids", prompts),
            ("prompt_mask", prompts),
            ("completion_ids", LONGEST),
            ("completion_mask", LONGEST),
        )
    }
    columns = {name: torch.zeros(len(rows), LONGEST) for name in COLUMNS}
    for row, (group, k) in enumerate(rows):
        inputs["prompt_ids"][row, prompts - len(group.prompt) :] = torch.from_numpy(group.prompt).long()
        inputs["prompt_mask"][row, prompts - len(group.prompt) :] = 1
        length = len(group.completions[k].tokens)
        inputs["completion_ids"][row, :length] = torch.from_numpy(group.completions[k].tokens).long()
        inputs["completion_mask"][row, :length] = 1
        start = sum(len(c.tokens) for c in group.completions[:k])
        for name, values in columns.items():
            values[row, :length] = torch.from_numpy(group.columns[name][start : start + length])
    return {
        **inputs,
        "old_per_token_logps": columns["old_logp"],
        "ref_per_token_logps": columns["ref_logp"],
        "advantages": columns["advantage"][:, 0],
        "importance_sampling_ratio": columns["importance"],
        "num_items_in_batch": inputs["completion_mask"].sum(),
    }


def trls_loss(model: Any, groups: list[Group], options: dict[str, Any]) -> Tensor:
    from trl.trainer import grpo_trainer

    grpo_trainer.add_fused_lm_head(model, outputs=("log_probs", "entropy"))
    accelerator = SimpleNamespace(
        num_processes=1, autocast=nullcontext, reduce=lambda x, reduction: x, gather=lambda x: x, sync_gradients=True
    )
    known = {"loss_type": "grpo", "beta": 0.0, "epsilon_low": 0.2, "epsilon_high": 0.2, "use_vllm": False}
    trainer = SimpleNamespace(
        **{**known, "importance_sampling_level": "token", **options},
        model=model,
        accelerator=accelerator,
        args=SimpleNamespace(
            delta=options.get("delta"),
            sapo_temperature_pos=1.0,
            sapo_temperature_neg=1.05,
            use_bias_correction_kl=False,
            steps_per_generation=1,
            report_to=[],
            logging_steps=1,
        ),
        aux_loss_enabled=False,
        top_entropy_quantile=1.0,
        off_policy_mask_threshold=None,
        max_completion_length=LONGEST,
        current_gradient_accumulation_steps=1,
        _entropy_bonus_enabled=False,
        _metrics={mode: _Anything() for mode in ("train", "eval")},
    )
    trainer._get_per_token_logps_and_entropies = lambda *a, **k: inner(trainer, *a, **k)
    inner = grpo_trainer.GRPOTrainer._get_per_token_logps_and_entropies.__wrapped__
    return grpo_trainer.GRPOTrainer._compute_loss(trainer, model, in_trls_way(groups))


class _Anything(dict[str, list[float]]):
    def __missing__(self, key: str) -> list[float]:
        return self.setdefault(key, [])


@pytest.fixture(scope="module", params=["random", "stories260K"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "random":
        return str(save_byte_model(tmp_path_factory.mktemp("byte") / "model"))
    path: Path = request.getfixturevalue("data_dir")
    return str(path / "models" / "stories260K")


@pytest.mark.parametrize("name", VARIANTS)
def test_loss_and_gradient_are_trls(name: str, folder: str) -> None:
    from posttrain.policy.inference import outputs_by_group

    ours, more, theirs = VARIANTS[name]
    policy = load_policy(folder)
    bare = _bare(0)
    policy_logps = [
        out.logp_N.numpy() for out in outputs_by_group(policy, bare, {"logp"}, 999) if out.logp_N is not None
    ]
    lengths = [np.cumsum([len(c.tokens) for c in group.completions])[:-1] for group in bare]
    groups = groups_of([np.split(logp, at) for logp, at in zip(policy_logps, lengths, strict=True)])

    means = accumulate(policy, policy_gradient_objective(ours, **more), groups, 30)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).train()
    loss = trls_loss(model, groups, theirs)
    loss.backward()
    assert means["loss"].value == pytest.approx(float(loss.detach()), abs=1e-5, rel=1e-6)
    if ours.loss != "sapo":
        assert 0.1 < (means["clip_ratio"].value or 0) < 0.9
    for (parameter, ours), theirs in zip(policy.model.named_parameters(), model.parameters(), strict=True):
        assert ours.grad is not None
        assert theirs.grad is not None
        off = float((ours.grad - theirs.grad).norm())
        assert off <= 1e-5 + 1e-4 * float(theirs.grad.norm()), parameter
