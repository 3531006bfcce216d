"""The length-controlled win rate: what the win rate would be if both answers had the same length.

A logistic regression of the verdict on the difference of lengths. The win rate at difference 0 is the prediction.
Y. Dubois et al., "Length-Controlled AlpacaEval: A Simple Way to Debias Automatic Evaluators", COLM (2024),
arXiv:2404.04475. Their model also has a term for the difficulty of each prompt and one for the model; two models on one
set of prompts need the intercept and the length term alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from posttrain.evaluate.compare.verdicts import POINTS, PairVerdict, judged
from posttrain.statistics.bootstrap import Bootstrapped, bootstrap
from posttrain.statistics.clusters import cluster_codes
from posttrain.statistics.confidence import two_sided
from posttrain.statistics.estimate import Estimate

Floats = NDArray[np.float64]

PENALTY = 0.04
"""Of the squared slope, halved: a normal prior of standard deviation 5. It keeps the slope finite where length alone
decides every verdict, and hardly moves other slopes. The intercept has no penalty."""

DRAWS = 1_000
"""Bootstrap draws of the interval."""

STEPS = 60
"""Most steps of Newton's method."""


@dataclass(frozen=True, slots=True)
class LengthControl:
    """The win rate at equal length.

    Args:
        rate: with its 95% interval, from clusters drawn with replacement.
        slope: log-odds of a win per unit of tanh(difference / its standard deviation); positive if longer answers win.
            None where all differences are equal, or all verdicts.
    """

    rate: Estimate
    slope: float | None

    def as_json(self) -> dict[str, Any]:
        """``value, interval, n, slope``."""
        return {**self.rate.as_json(), "slope": self.slope}


def length_controlled(verdicts: Sequence[PairVerdict], *, seed: int = 0) -> LengthControl | None:
    """The win rate of model A at equal length, in characters; None if no pair was judged."""
    known = judged(verdicts)
    if not known:
        return None
    points_N = np.array([POINTS[outcome] for _, outcome in known])
    terms_N = length_terms([len(pair.a) - len(pair.b) for pair, _ in known])
    codes_N = cluster_codes([pair.cluster for pair, _ in known], len(known))

    def rate(picked: NDArray[np.intp]) -> float:
        return float(special.expit(logistic_fit(terms_N[picked], points_N[picked])[0]))

    distribution = bootstrap(rate, codes_N, draws=DRAWS, method="percentile", seed=seed)
    ends = two_sided(distribution) if isinstance(distribution, Bootstrapped) else None
    fixed = np.ptp(terms_N) == 0 or np.all(points_N == points_N[0])
    intercept, slope = logistic_fit(terms_N, points_N)
    value = float(special.expit(intercept))
    return LengthControl(Estimate(value, len(known), ends, "share", "pairs"), None if fixed else slope)


def length_terms(differences: Sequence[int]) -> Floats:
    """[N]: tanh(difference / standard deviation of the differences), as Dubois et al. use it; 0 without spread."""
    differences_N = np.array(differences, dtype=np.float64)
    spread = float(differences_N.std())
    return np.tanh(differences_N / spread) if spread > 0 else np.zeros_like(differences_N)


def logistic_fit(terms_N: Floats, points_N: Floats, penalty: float = PENALTY) -> tuple[float, float]:
    """Intercept and slope that maximise the penalised likelihood, by Newton's method with halved steps.

    Args:
        points_N: 0, 1, or between: half a win counts as half an observation of each.

    Returns:
        an infinite intercept if all points are 0 or all are 1.
    """
    if np.all(points_N == points_N[0]):
        return float(special.logit(points_N[0])), 0.0
    design_N2 = np.column_stack([np.ones_like(terms_N), terms_N])
    ridge_2 = np.array([0.0, penalty])
    fitted_2 = np.array([float(special.logit(points_N.mean())), 0.0])
    best = _loss(design_N2, points_N, ridge_2, fitted_2)
    for _ in range(STEPS):
        shares_N = special.expit(design_N2 @ fitted_2)
        gradient_2 = design_N2.T @ (points_N - shares_N) - ridge_2 * fitted_2
        weights_N = shares_N * (1 - shares_N)
        hessian_22 = (design_N2 * weights_N[:, None]).T @ design_N2 + np.diag(ridge_2)
        step_2 = np.linalg.lstsq(hessian_22, gradient_2, rcond=None)[0]
        loss = _loss(design_N2, points_N, ridge_2, fitted_2 + step_2)
        while loss > best and np.abs(step_2).max() > 1e-12:
            step_2 = step_2 / 2
            loss = _loss(design_N2, points_N, ridge_2, fitted_2 + step_2)
        if loss > best:
            break
        fitted_2, best = fitted_2 + step_2, loss
        if np.abs(step_2).max() < 1e-10:
            break
    return float(fitted_2[0]), float(fitted_2[1])


def _loss(design_N2: Floats, points_N: Floats, ridge_2: Floats, fitted_2: Floats) -> float:
    logits_N = design_N2 @ fitted_2
    return float((np.logaddexp(0, logits_N) - points_N * logits_N).sum() + (ridge_2 * fitted_2**2).sum() / 2)
