"""Estimators of KL(π ‖ ref) from sampled tokens alone (Schulman 2020, "Approximating KL divergence").

With r = log π_ref(y) - log π(y) for y drawn from π:

    k1 = -r                  unbiased, noisy, may be negative
    k2 = r² / 2              biased, low variance
    k3 = exp(r) - 1 - r      unbiased, low variance, never negative
"""

from typing import Literal

from torch import Tensor

Estimator = Literal["k1", "k2", "k3"]


def kl_estimate(logp_N: Tensor, ref_logp_N: Tensor, estimator: Estimator = "k3") -> Tensor:
    """The estimate for each token, [N], with gradient through `logp_N`."""
    r_N = ref_logp_N - logp_N
    if estimator == "k1":
        return -r_N
    if estimator == "k2":
        return 0.5 * r_N.square()
    return r_N.exp() - 1.0 - r_N
