"""How far people agree, beyond what chance alone would give.

Shape suffixes: `U` units (what was rated), `R` raters, `C` categories in use, `O` objects ranked.
A rating that is missing is NaN. A measure that the data cannot give is NaN, never 0.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Ratings = NDArray[np.float64]
Level = Literal["nominal", "ordinal"]

NAN = float("nan")


def krippendorff_alpha(ratings_UR: Ratings, level: Level = "nominal") -> float:
    """Krippendorff's alpha: 1 - observed / expected disagreement, any number of raters, missing ratings allowed.

    From the coincidence matrix o_ck; the difference of two categories is 0 or 1 (nominal), or the ratings that lie
    between them, half of their own included (ordinal): (sum of n_g for g from c to k - (n_c + n_k) / 2)^2.
    K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), steps A to E.

    Returns:
        1 for perfect agreement, 0 for chance; NaN if no unit has two ratings or only one category is in use.
    """
    counts_UC = _counts(ratings_UR)
    sizes_U = counts_UC.sum(1)
    paired_UC, sizes_U = counts_UC[sizes_U > 1], sizes_U[sizes_U > 1]
    scaled_UC = paired_UC / (sizes_U[:, None] - 1)
    together_CC = scaled_UC.T @ paired_UC - np.diag(scaled_UC.sum(0))
    margin_C = together_CC.sum(1)
    difference_CC = _difference(margin_C, level)
    total = margin_C.sum()
    expected = margin_C @ difference_CC @ margin_C
    if expected == 0:
        return NAN
    return float(1 - (total - 1) * (together_CC * difference_CC).sum() / expected)


def fleiss_kappa(ratings_UR: Ratings) -> float:
    """Fleiss' kappa: (P - P_e) / (1 - P_e), P the mean share of agreeing pairs of raters within a unit.

    P_e is the sum of squared shares of the categories. J. L. Fleiss, "Measuring nominal scale agreement among many
    raters", Psychological Bulletin 76 (1971), equations 1 to 7. Where numbers of ratings differ, each unit's share
    is of its own pairs; units with a single rating are left out.

    Returns:
        NaN if no unit has two ratings or only one category is in use.
    """
    counts_UC = _counts(ratings_UR)
    counts_UC = counts_UC[counts_UC.sum(1) > 1]
    if not counts_UC.size:
        return NAN
    sizes_U = counts_UC.sum(1)
    agreeing_U = (counts_UC * (counts_UC - 1)).sum(1) / (sizes_U * (sizes_U - 1))
    chance = float(((counts_UC.sum(0) / counts_UC.sum()) ** 2).sum())
    return NAN if chance == 1 else (float(agreeing_U.mean()) - chance) / (1 - chance)


def cohen_kappa(first_U: Ratings, second_U: Ratings) -> float:
    """Cohen's kappa of two raters over the units that both rated: (p_o - p_e) / (1 - p_e).

    J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20 (1960).

    Returns:
        NaN if they share no unit, or if both always used the same single category.
    """
    both_U = ~(np.isnan(first_U) | np.isnan(second_U))
    first_U, second_U = first_U[both_U], second_U[both_U]
    if not first_U.size:
        return NAN
    values = np.union1d(first_U, second_U)
    shares = [(chosen[:, None] == values).mean(0) for chosen in (first_U, second_U)]
    chance = float(shares[0] @ shares[1])
    return NAN if chance == 1 else float((np.mean(first_U == second_U) - chance) / (1 - chance))


def kendall_w(ranks_RO: Ratings) -> float:
    """Kendall's coefficient of concordance of several complete rankings of the same objects, corrected for ties.

    W = 12 S / (m^2 (n^3 - n) - m T), with S the squared deviations of the objects' rank sums, and T the sum of
    t^3 - t over every group of t tied objects; tied objects share their mean rank.
    M. G. Kendall, "Rank Correlation Methods" (1948); S. Siegel, "Nonparametric Statistics" (1956), page 234.

    Returns:
        NaN for fewer than two rankings or objects, or if every ranking ties everything.
    """
    m, n = ranks_RO.shape
    if m < 2 or n < 2:
        return NAN
    mid_RO = np.array([_mid_ranks(ranks_O) for ranks_O in ranks_RO])
    ties = sum(float((t**3 - t).sum()) for t in (np.unique(r, return_counts=True)[1] for r in ranks_RO))
    spread = float(((mid_RO.sum(0) - m * (n + 1) / 2) ** 2).sum())
    most = m * m * (n**3 - n) - m * ties
    return NAN if most == 0 else 12 * spread / most


def bootstrap_interval(
    measure: Callable[[NDArray[np.intp]], float], items: int, *, draws: int = 1000, seed: int = 0
) -> tuple[float, float] | None:
    """95% percentile interval of a measure over items drawn with replacement.

    Items are drawn whole, with all that was said of them: verdicts on one item are not independent.
    B. Efron and R. Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.

    Args:
        measure: of the items at these indices, some of them more than once.
        items: how many there are.
        draws: how often they are drawn.

    Returns:
        None for fewer than two items, or if the measure is undefined in most draws.
    """
    if items < 2:
        return None
    rng = np.random.default_rng(seed)
    drawn = np.array([measure(rng.integers(items, size=items)) for _ in range(draws)])
    drawn = drawn[~np.isnan(drawn)]
    if drawn.size < draws / 2:
        return None
    low, high = np.percentile(drawn, (2.5, 97.5))
    return float(low), float(high)


def _counts(ratings_UR: Ratings) -> Ratings:
    """How often each category was given to each unit, categories in ascending order."""
    values = np.unique(ratings_UR[~np.isnan(ratings_UR)])
    if not values.size:
        return np.zeros((0, 0))
    return np.stack([(ratings_UR == value).sum(1) for value in values], axis=1).astype(np.float64)


def _difference(margin_C: Ratings, level: Level) -> Ratings:
    if level == "nominal":
        return 1 - np.eye(len(margin_C))
    middle_C = np.cumsum(margin_C) - margin_C / 2  # the ordinal distance of c and k is that of their middles
    return (middle_C[:, None] - middle_C) ** 2


def _mid_ranks(values_O: Ratings) -> Ratings:
    """1 is the smallest; equal values share the mean of their places."""
    below = (values_O[:, None] > values_O).sum(1)
    return below + ((values_O[:, None] == values_O).sum(1) + 1) / 2
