"""Power and sample sizes against statsmodels, formulas and exact sums."""

import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower
from statsmodels.stats.proportion import samplesize_proportions_2indep_onetail

from posttrain.statistics.paired_tests import mcnemar
from posttrain.statistics.power import Sides, connor_items, detectable_loss, items_for_loss, mcnemar_power
from posttrain.statistics.sample_size import (
    design_effect,
    detectable_mean,
    intraclass_correlation,
    items_for_mean,
    mean_power,
    unpaired_items,
)


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize(("items", "loss", "discordance"), [(40, 0.2, 0.3), (25, 0.0, 0.4), (30, 0.3, 0.3)])
def test_power_is_the_sum_over_all_outcomes_that_show_a_loss(
    items: int, loss: float, discordance: float, sides: Sides
) -> None:
    expected = 0.0
    for losses in range(items + 1):
        for gains in range(items - losses + 1):
            if mcnemar(gains, losses).p_loss <= 0.05 / sides:
                shares = [(discordance + loss) / 2, (discordance - loss) / 2, 1 - discordance]
                expected += stats.multinomial.pmf([losses, gains, items - losses - gains], items, shares)
    assert mcnemar_power(items, loss, discordance, sides=sides) == pytest.approx(expected, abs=1e-9)


def test_without_a_loss_the_power_is_at_most_alpha() -> None:
    assert 0 < max(mcnemar_power(items, 0.0, 0.1) for items in range(10, 400, 10)) <= 0.05


def test_connors_formula_by_hand() -> None:
    # (1.6449 sqrt(0.2) + 0.8416 sqrt(0.2 - 0.01))^2 / 0.01 = 121.5
    assert connor_items(0.1, 0.2) == 122


@pytest.mark.parametrize(("loss", "discordance"), [(0.054, 0.073), (0.1, 0.2), (0.03, 0.1), (0.2, 0.2)])
def test_the_items_for_a_loss_are_the_fewest_and_not_below_connors(loss: float, discordance: float) -> None:
    items = items_for_loss(loss, discordance)
    assert mcnemar_power(items, loss, discordance) >= 0.8 > mcnemar_power(items - 1, loss, discordance)
    assert connor_items(loss, discordance) * 0.95 <= items <= connor_items(loss, discordance) * 1.35


def test_the_detectable_loss_has_the_power() -> None:
    loss = detectable_loss(200, 0.02)
    assert loss is not None
    assert 0.04 < loss < 0.05  # "with these 200 items a loss of 5 points can be seen"
    assert mcnemar_power(200, loss, 0.02 + loss) == pytest.approx(0.8, abs=1e-9)
    assert (detectable_loss(800, 0.02) or 1) < loss / 2
    assert detectable_loss(4, 0.0) is None


def test_impossible_losses_are_refused() -> None:
    with pytest.raises(ValueError, match="discordance"):
        mcnemar_power(100, 0.2, 0.1)
    with pytest.raises(ValueError, match="loss of 0"):
        items_for_loss(0.0, 0.1)
    with pytest.raises(ValueError, match="difference of 0"):
        items_for_mean(0.0, 1.0)
    with pytest.raises(ValueError, match="equal shares"):
        unpaired_items(0.5, 0.5)


@pytest.mark.parametrize(("sides", "alternative"), [(1, "larger"), (2, "two-sided")])
def test_means_have_statsmodels_power(sides: Sides, alternative: str) -> None:
    reference = TTestPower()
    expected = reference.power(0.3, 60, 0.05, alternative=alternative)
    assert mean_power(60, 0.6, 2.0, sides=sides) == pytest.approx(expected, abs=1e-9)
    needed = reference.solve_power(0.3, alpha=0.05, power=0.8, alternative=alternative)
    assert items_for_mean(0.3, 1.0, sides=sides) - 1 < needed <= items_for_mean(0.3, 1.0, sides=sides)
    shown = reference.solve_power(nobs=60, alpha=0.05, power=0.8, alternative=alternative)
    assert detectable_mean(60, 2.0, sides=sides) == pytest.approx(2 * shown, abs=1e-6)


def test_unpaired_shares_need_statsmodels_items() -> None:
    expected = samplesize_proportions_2indep_onetail(0.05, 0.75, 0.8, alpha=0.05, alternative="larger")
    assert unpaired_items(0.8, 0.75) - 1 < expected <= unpaired_items(0.8, 0.75)
    assert unpaired_items(0.75, 0.696) > 4 * items_for_loss(0.054, 0.073)


def test_clusters_cost_their_design_effect() -> None:
    assert design_effect([5] * 20, 0.3) == pytest.approx(2.2)
    assert design_effect([1] * 20, 0.3) == 1.0
    assert design_effect([1, 9], 1.0) == pytest.approx(8.2)


def test_the_intraclass_correlation_is_shrout_and_fleiss_icc_1() -> None:
    """P. Shrout and J. Fleiss, "Intraclass Correlations" (1979), table 2: ICC(1,1) is 0.17."""
    ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    values = [float(value) for row in ratings for value in row]
    clusters = [number for number, row in enumerate(ratings) for _ in row]
    assert intraclass_correlation(values, clusters) == pytest.approx(0.1657, abs=1e-4)
    assert intraclass_correlation([1.0, 1.0, 2.0, 2.0], [0, 0, 1, 1]) == 1.0
