"""Supervised fine-tuning: cross-entropy on the loss-bearing tokens.

    L = -(1/N) Σ_n log π(y_n | x, y_<n)

N counts the loss-bearing tokens of the whole optimiser step, so that all of them have the same weight
(Ouyang et al. 2022, arXiv:2203.02155, step 1; Wei et al. 2021, arXiv:2109.01652, for instructions).

If messages have weights, the column ``token_weight`` holds w_n of each loss token, and the loss is a weighted mean:

    L = -(1/Σ_n w_n) Σ_n w_n log π(y_n | x, y_<n)

The sum of the weights divides, not the number of tokens. A token of weight 2 then counts as two tokens, a weight near 0
as no token (a message that is not learnt has none), and equal weights change nothing.

Dynamic fine-tuning (DFT; Wu et al. 2025, arXiv:2508.05629, eq. 9) multiplies each token's loss by the token's
probability, which is a constant for the gradient (sg):

    L = -(1/N) Σ_n sg[π(y_n | x, y_<n)] log π(y_n | x, y_<n)
"""

from torch import Tensor

from posttrain.core.outputs import Loss, Metrics, Objective, Outputs
from posttrain.core.packing import WEIGHT, Batch
from posttrain.objectives.options import SFTOptions


def sft_loss(outputs: Outputs, batch: Batch) -> Loss:
    """The summed negative log-likelihood of the loss tokens.

    The metric ``first_token_loss`` covers only the first loss token of each completion. A mean over all tokens does not
    show whether the model begins its answers well.
    """
    assert outputs.logp_N is not None
    total = -_weighted(outputs.logp_N, batch).sum()
    return Loss(total, _metrics(total, outputs.logp_N, batch))


def dft_loss(outputs: Outputs, batch: Batch) -> Loss:
    """The summed DFT loss, eq. 9, which is the metric ``dft_loss``.

    The metric ``loss`` is the negative log-likelihood, as in SFT. The DFT loss itself is 0 for a certain token and
    for an impossible one, so it shows neither progress nor divergence.
    """
    assert outputs.logp_N is not None
    nll_N = -_weighted(outputs.logp_N, batch)
    total = (outputs.logp_N.detach().exp() * nll_N).sum()
    metrics = _metrics(nll_N.sum(), outputs.logp_N, batch)
    return Loss(total, {**metrics, "dft_loss": (total.detach(), batch.counts["token"])})


def _weighted(values_N: Tensor, batch: Batch) -> Tensor:
    return values_N * batch.columns[WEIGHT] if WEIGHT in batch.columns else values_N


def _metrics(nll: Tensor, logp_N: Tensor, batch: Batch) -> Metrics:
    first_N = batch.completion_N.diff(prepend=batch.completion_N.new_tensor([-1])) > 0
    first = -logp_N.detach()[first_N].sum()
    return {"loss": (nll.detach(), batch.counts["token"]), "first_token_loss": (first, first_N.sum())}


SFT = Objective(sft_loss, wants=frozenset({"logp"}), needs=frozenset(), unit="token", uniform=True)

DFT = Objective(dft_loss, wants=frozenset({"logp"}), needs=frozenset(), unit="token")


def sft_objective(options: SFTOptions) -> Objective:
    """The objective of the SFT and IFT stages."""
    return DFT if options.loss == "dft" else SFT
