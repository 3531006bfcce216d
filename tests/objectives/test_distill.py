"""On-policy distillation: the policy gradient of the teacher's advantages is the gradient of the reverse KL."""

import numpy as np
import torch

from posttrain.core.group import Group
from posttrain.core.outputs import Outputs
from posttrain.core.packing import collate
from posttrain.data.sets.prompts import Prompt
from posttrain.generation.request import Generation
from posttrain.objectives.options import PolicyGradientOptions
from posttrain.objectives.policy_gradient import policy_gradient_loss
from posttrain.rollouts.distill import distill_advantages
from posttrain.rollouts.types import Rollout, RolloutState

VOCABULARY = 11


def test_over_every_answer_of_one_token_the_gradient_is_that_of_the_reverse_kl() -> None:
    torch.manual_seed(0)
    student = torch.randn(VOCABULARY, dtype=torch.float64, requires_grad=True)
    log_student, log_teacher = student.log_softmax(0), torch.randn(VOCABULARY, dtype=torch.float64).log_softmax(0)
    old = log_student.detach().numpy().astype(np.float32)
    written = tuple(Generation(np.array([v], np.int32), old[v : v + 1], True) for v in range(VOCABULARY))
    prompt = Prompt("p:1", ({"role": "user", "content": "?"},), np.array([1], np.int32), {})
    rollout = Rollout((prompt,), (written,), (("",) * VOCABULARY,), np.full((1, VOCABULARY), np.nan, np.float32), {})

    def teacher(groups: list[Group]) -> list[np.ndarray]:
        assert [len(group.completions) for group in groups] == [VOCABULARY]
        return [log_teacher.numpy().astype(np.float32)]

    groups, metrics, _ = distill_advantages(teacher)(rollout, RolloutState())
    batch = collate(groups)
    # An answer counts as often as the policy writes it.
    columns = {**batch.columns, "advantage": batch.columns["advantage"] * torch.from_numpy(np.exp(old))}
    object.__setattr__(batch, "columns", columns)
    loss = policy_gradient_loss(Outputs(log_student), batch, PolicyGradientOptions())
    (found,) = torch.autograd.grad(loss.total, student, retain_graph=True)
    kl = (log_student.exp() * (log_student - log_teacher)).sum()
    (expected,) = torch.autograd.grad(kl, student)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)
    assert expected.abs().max() > 0.01
    assert metrics["objective/kl"] is not None
