"""Holm's correction of p-values for several tests at once."""

from collections.abc import Sequence


def holm(p_values: Sequence[float], smallest: Sequence[float] | None = None) -> list[float]:
    """Adjusted p-values, in the order of `p_values`: those of at most alpha are rejected with familywise error alpha.

    The k-th smallest p-value is multiplied by the number of tests that are left, and never falls below the one before.
    S. Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 6 (1979).

    Args:
        smallest: the smallest p-value that each test can give. A test that cannot give a p-value as small as the one
            at hand cannot cause a false alarm at that level, so it is not counted (R. Tarone, "A Modified Bonferroni
            Method for Discrete Data", Biometrics 46, 1990; step-down form by G. Hommel and F. Krummenauer,
            "Improvements and Modifications of Tarone's Multiple Test Procedure for Discrete Data", Biometrics 54,
            1998). Without it every test is counted.
    """
    floors = [0.0] * len(p_values) if smallest is None else [p * (1 - 1e-9) for p in smallest]  # rounding aside
    order = sorted(range(len(p_values)), key=lambda test: p_values[test])
    adjusted, last = [0.0] * len(p_values), 0.0
    for rank, test in enumerate(order):
        p = p_values[test]
        last = max(last, min(1.0, p * max(1, sum(floors[other] <= p for other in order[rank:]))))
        adjusted[test] = last
    return adjusted
