"""Agreement between raters, corrected for agreement by chance.

Each measure is a function of sums over units. A bootstrap therefore counts once and only sums again.
Shape suffixes: `U` units (the things that are rated), `R` raters, `C` categories, `O` ranked objects, `P` pairs of
raters. A missing rating is NaN. A measure that the data cannot give is NaN, never 0.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Ratings = NDArray[np.float64]
Level = Literal["nominal", "ordinal"]

NAN = float("nan")


def krippendorff_alpha(ratings_UR: Ratings, level: Level = "nominal") -> float:
    """Krippendorff's alpha: 1 - observed / expected disagreement; any number of raters, missing ratings allowed.

    It is computed from the coincidence matrix o_ck. The difference of two categories is 0 or 1 (nominal), or the
    squared number of ratings between them, with half of their own (ordinal):
    (sum of n_g for g from c to k - (n_c + n_k) / 2)^2.
    K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), steps A to E.

    Returns:
        1 for perfect agreement, 0 for chance; NaN if no unit has two ratings or only one category is used.
    """
    return alpha_from_coincidences(coincidences(ratings_UR).sum(0), level)


def coincidences(ratings_UR: Ratings, values_C: Ratings | None = None) -> Ratings:
    """[U, C, C]: how often two ratings of a unit were c and k; each pair of raters counts 1 / (m - 1) times.

    Args:
        values_C: the categories, ascending; by default the categories that occur.
    """
    counts_UC = _counts(ratings_UR, values_C)
    others_U = np.maximum(counts_UC.sum(1) - 1, 1)  # a single rating has no pair: its line is zero
    pairs_UCC = counts_UC[:, :, None] * counts_UC[:, None, :]
    pairs_UCC -= counts_UC[:, :, None] * np.eye(counts_UC.shape[1])
    return pairs_UCC / others_U[:, None, None]


def alpha_from_coincidences(coincidences_CC: Ratings, level: Level = "nominal") -> float:
    """Krippendorff's alpha from coincidences that are summed over units."""
    margin_C = coincidences_CC.sum(1)
    difference_CC = _difference(margin_C, level)
    expected = margin_C @ difference_CC @ margin_C
    if expected == 0:
        return NAN
    return float(1 - (margin_C.sum() - 1) * (coincidences_CC * difference_CC).sum() / expected)


def fleiss_kappa(ratings_UR: Ratings) -> float:
    """Fleiss' kappa: (P - P_e) / (1 - P_e), P the mean share of agreeing pairs of raters within a unit.

    P_e is the sum of the squared shares of the categories. J. L. Fleiss, "Measuring nominal scale agreement among many
    raters", Psychological Bulletin 76 (1971), equations 1 to 7. If units have different numbers of ratings, each
    unit's share is over its own pairs; units with a single rating are left out.

    Returns:
        NaN if no unit has two ratings or only one category is used.
    """
    return fleiss_from_sums(rater_agreement(ratings_UR).sum(0))


def rater_agreement(ratings_UR: Ratings, values_C: Ratings | None = None) -> Ratings:
    """[U, 2 + C]: whether a unit has two ratings; its share of agreeing pairs of raters; its ratings by category.

    Args:
        values_C: the categories, ascending; by default the categories that occur.
    """
    counts_UC = _counts(ratings_UR, values_C)
    counts_UC = counts_UC * (counts_UC.sum(1) > 1)[:, None]
    sizes_U = counts_UC.sum(1)
    agreeing_U = (counts_UC * (counts_UC - 1)).sum(1) / np.maximum(sizes_U * (sizes_U - 1), 1)
    return np.column_stack([sizes_U > 0, agreeing_U, counts_UC]).astype(np.float64)


def fleiss_from_sums(sums: Ratings) -> float:
    """Fleiss' kappa from `rater_agreement`, summed over units."""
    units, agreed, counts_C = sums[0], sums[1], sums[2:]
    if not units:
        return NAN
    chance = float(((counts_C / counts_C.sum()) ** 2).sum())
    return NAN if chance == 1 else (float(agreed / units) - chance) / (1 - chance)


def cohen_kappa(first_U: Ratings, second_U: Ratings) -> float:
    """Cohen's kappa of two raters over the units that both of them rated: (p_o - p_e) / (1 - p_e).

    J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20 (1960).

    Returns:
        NaN if the raters share no unit, or if both always chose the same category.
    """
    both_U = ~(np.isnan(first_U) | np.isnan(second_U))
    values = np.union1d(first_U[both_U], second_U[both_U])
    first, second = (np.searchsorted(values, chosen[both_U]) for chosen in (first_U, second_U))
    table_CC = np.zeros((len(values), len(values)))
    np.add.at(table_CC, (first, second), 1)
    return float(cohen_from_tables(table_CC[None])[0])


def cohen_from_tables(tables_PCC: Ratings) -> Ratings:
    """[P]: Cohen's kappa of each table, whose cell (c, k) counts units that two raters put into c and k; else NaN."""
    total_P = tables_PCC.sum((1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        seen_P = np.trace(tables_PCC, axis1=1, axis2=2) / total_P
        chance_P = (tables_PCC.sum(1) * tables_PCC.sum(2)).sum(1) / total_P**2
        return np.where(chance_P < 1, (seen_P - chance_P) / (1 - chance_P), NAN)


def kendall_w(ranks_RO: Ratings) -> float:
    """Kendall's coefficient of concordance W of complete rankings of the same objects, corrected for ties.

    W = 12 S / (m^2 (n^3 - n) - m T). S is the sum of squared deviations of the objects' rank sums. T is the sum of
    t^3 - t over all groups of t tied objects; tied objects share their mean rank.
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
    """95% percentile interval of a measure, from items drawn with replacement.

    An item is drawn with all its judgments, because judgments of one item are not independent.
    B. Efron and R. Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.

    Args:
        measure: takes indices of items, which may repeat.
        items: the number of items.
        draws: the number of bootstrap draws.

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
    """[U, C]: how often each unit was put into each category; categories ascend."""
    if values_C is None:
        values_C = np.unique(ratings_UR[~np.isnan(ratings_UR)])
    return (ratings_UR[:, :, None] == values_C).sum(1).astype(np.float64)


def _difference(margin_C: Ratings, level: Level) -> Ratings:
    if level == "nominal":
        return 1 - np.eye(len(margin_C))
    middle_C = np.cumsum(margin_C) - margin_C / 2  # the ordinal difference of c and k is the distance of their middles
    return (middle_C[:, None] - middle_C) ** 2


def _mid_ranks(values_O: Ratings) -> Ratings:
    """Ranks from 1, the smallest; equal values share the mean of their ranks."""
    below = (values_O[:, None] > values_O).sum(1)
    return below + ((values_O[:, None] == values_O).sum(1) + 1) / 2
