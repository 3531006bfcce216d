"""How far people agree, beyond what chance alone would give.

Each measure is a function of sums over units, so that a bootstrap sums again what was counted once.
Shape suffixes: `U` units (what was rated), `R` raters, `C` categories, `O` objects ranked, `P` pairs of raters.
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
    return alpha_of(coincidences(ratings_UR).sum(0), level)


def coincidences(ratings_UR: Ratings, values_C: Ratings | None = None) -> Ratings:
    """[U, C, C]: how often two ratings of a unit were c and k, each pair of raters counted 1 / (m - 1) times.

    Args:
        values_C: the categories, ascending; those in use if not given.
    """
    counts_UC = _counts(ratings_UR, values_C)
    others_U = np.maximum(counts_UC.sum(1) - 1, 1)  # a single rating pairs with nothing: its line is zero
    pairs_UCC = counts_UC[:, :, None] * counts_UC[:, None, :]
    pairs_UCC -= counts_UC[:, :, None] * np.eye(counts_UC.shape[1])
    return pairs_UCC / others_U[:, None, None]


def alpha_of(together_CC: Ratings, level: Level = "nominal") -> float:
    """Krippendorff's alpha of summed coincidences."""
    margin_C = together_CC.sum(1)
    difference_CC = _difference(margin_C, level)
    expected = margin_C @ difference_CC @ margin_C
    if expected == 0:
        return NAN
    return float(1 - (margin_C.sum() - 1) * (together_CC * difference_CC).sum() / expected)


def fleiss_kappa(ratings_UR: Ratings) -> float:
    """Fleiss' kappa: (P - P_e) / (1 - P_e), P the mean share of agreeing pairs of raters within a unit.

    P_e is the sum of squared shares of the categories. J. L. Fleiss, "Measuring nominal scale agreement among many
    raters", Psychological Bulletin 76 (1971), equations 1 to 7. Where numbers of ratings differ, each unit's share
    is of its own pairs; units with a single rating are left out.

    Returns:
        NaN if no unit has two ratings or only one category is in use.
    """
    return fleiss_of(agreeing(ratings_UR).sum(0))


def agreeing(ratings_UR: Ratings, values_C: Ratings | None = None) -> Ratings:
    """[U, 2 + C]: whether a unit has two ratings; the share of its pairs of raters that agree; its ratings by category.

    Args:
        values_C: the categories, ascending; those in use if not given.
    """
    counts_UC = _counts(ratings_UR, values_C)
    counts_UC = counts_UC * (counts_UC.sum(1) > 1)[:, None]
    sizes_U = counts_UC.sum(1)
    agreeing_U = (counts_UC * (counts_UC - 1)).sum(1) / np.maximum(sizes_U * (sizes_U - 1), 1)
    return np.column_stack([sizes_U > 0, agreeing_U, counts_UC]).astype(np.float64)


def fleiss_of(sums: Ratings) -> float:
    """Fleiss' kappa of what `agreeing` gives, summed over units."""
    units, agreed, counts_C = sums[0], sums[1], sums[2:]
    if not units:
        return NAN
    chance = float(((counts_C / counts_C.sum()) ** 2).sum())
    return NAN if chance == 1 else (float(agreed / units) - chance) / (1 - chance)


def cohen_kappa(first_U: Ratings, second_U: Ratings) -> float:
    """Cohen's kappa of two raters over the units that both rated: (p_o - p_e) / (1 - p_e).

    J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20 (1960).

    Returns:
        NaN if they share no unit, or if both always used the same single category.
    """
    both_U = ~(np.isnan(first_U) | np.isnan(second_U))
    values = np.union1d(first_U[both_U], second_U[both_U])
    first, second = (np.searchsorted(values, chosen[both_U]) for chosen in (first_U, second_U))
    table_CC = np.zeros((len(values), len(values)))
    np.add.at(table_CC, (first, second), 1)
    return float(cohen_of(table_CC[None])[0])


def cohen_of(tables_PCC: Ratings) -> Ratings:
    """[P]: Cohen's kappa of each table of how often two raters gave c and k; NaN where it is undefined."""
    total_P = tables_PCC.sum((1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        seen_P = np.trace(tables_PCC, axis1=1, axis2=2) / total_P
        chance_P = (tables_PCC.sum(1) * tables_PCC.sum(2)).sum(1) / total_P**2
        return np.where(chance_P < 1, (seen_P - chance_P) / (1 - chance_P), NAN)


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


def _counts(ratings_UR: Ratings, values_C: Ratings | None = None) -> Ratings:
    """How often each category was given to each unit, categories in ascending order."""
    if values_C is None:
        values_C = np.unique(ratings_UR[~np.isnan(ratings_UR)])
    return (ratings_UR[:, :, None] == values_C).sum(1).astype(np.float64)


def _difference(margin_C: Ratings, level: Level) -> Ratings:
    if level == "nominal":
        return 1 - np.eye(len(margin_C))
    middle_C = np.cumsum(margin_C) - margin_C / 2  # the ordinal distance of c and k is that of their middles
    return (middle_C[:, None] - middle_C) ** 2


def _mid_ranks(values_O: Ratings) -> Ratings:
    """1 is the smallest; equal values share the mean of their places."""
    below = (values_O[:, None] > values_O).sum(1)
    return below + ((values_O[:, None] == values_O).sum(1) + 1) / 2
