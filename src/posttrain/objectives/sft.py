"""Supervised fine-tuning: cross-entropy on the loss-bearing tokens.

    L = -(1/N) Σ_n log π(y_n | x, y_<n)

N counts the loss-bearing tokens of the whole optimiser step, so that all of them have the same weight
(Ouyang et al. 2022, arXiv:2203.02155, step 1; Wei et al. 2021, arXiv:2109.01652, for instructions).
"""

from posttrain.core.outputs import Loss, Objective, Outputs
from posttrain.core.packing import Batch


def sft_loss(outputs: Outputs, batch: Batch) -> Loss:
    """The summed negative log-likelihood of the loss tokens.

    The metric ``first_token_loss`` covers only the first loss token of each completion. A mean over all tokens does not
    show whether the model begins its answers well.
    """
    assert outputs.logp_N is not None
    total = -outputs.logp_N.sum()
    first_N = batch.completion_N.diff(prepend=batch.completion_N.new_tensor([-1])) > 0
    first = -outputs.logp_N.detach()[first_N].sum()
    return Loss(total, {"loss": (total.detach(), len(outputs.logp_N)), "first_token_loss": (first, first_N.sum())})


SFT = Objective(sft_loss, wants=frozenset({"logp"}), needs=frozenset(), unit="token", uniform=True)
