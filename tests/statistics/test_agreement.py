"""Agreement equals published worked examples and slow independent code, missing ratings and ties included."""

import gzip
import json
import math
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from posttrain.statistics.agreement import (
    bootstrap_interval,
    cohen_kappa,
    fleiss_kappa,
    kendall_w,
    krippendorff_alpha,
)

X = math.nan

KRIPPENDORFF = np.array(  # "Computing Krippendorff's Alpha-Reliability" (2011), example C: 4 observers, 12 units
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, X, X, X],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, X, 3],
        [X, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, X],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, X],
    ]
).T


def ratings_of(counts: list[list[int]]) -> np.ndarray:
    rows = [[c for c, n in enumerate(row) for _ in range(n)] for row in counts]
    return np.array(rows, dtype=float)


FLEISS = ratings_of(  # 10 subjects, 14 raters, 5 categories, the example most texts give
    [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
)

ratings = st.lists(st.lists(st.sampled_from([1.0, 2.0, 3.0, 4.0, X]), min_size=3, max_size=3), min_size=2, max_size=12)


def test_alpha_of_krippendorffs_own_example_with_missing_ratings() -> None:
    assert krippendorff_alpha(KRIPPENDORFF) == pytest.approx(0.743, abs=5e-4)
    assert krippendorff_alpha(KRIPPENDORFF, "ordinal") == pytest.approx(0.815, abs=5e-4)


def alpha_by_pairs(rows: np.ndarray, far: Callable[[float, float], float]) -> float:
    """Alpha from its definition: mean difference of values within units, over that of all pairable values."""
    units = [[v for v in row if not math.isnan(v)] for row in rows]
    units = [unit for unit in units if len(unit) > 1]
    values = [v for unit in units for v in unit]
    within = sum(far(a, b) / (len(unit) - 1) for unit in units for a, b in permutations(unit, 2)) / len(values)
    across = sum(far(a, b) for a, b in permutations(values, 2)) / (len(values) * (len(values) - 1))
    return 1 - within / across


@given(ratings)
def test_alpha_equals_its_definition(rows: list[list[float]]) -> None:
    array = np.array(rows)
    pairable = [v for row in rows if sum(not math.isnan(v) for v in row) > 1 for v in row if not math.isnan(v)]
    assume(len(set(pairable)) > 1)

    def ordinal(a: float, b: float) -> float:
        low, high = sorted((a, b))
        ends = (pairable.count(low) + pairable.count(high)) / 2
        return (sum(low <= v <= high for v in pairable) - ends) ** 2 if low < high else 0.0

    assert krippendorff_alpha(array) == pytest.approx(alpha_by_pairs(array, lambda a, b: a != b), abs=1e-9)
    assert krippendorff_alpha(array, "ordinal") == pytest.approx(alpha_by_pairs(array, ordinal), abs=1e-9)


def test_fleiss_kappa_of_the_textbook_example() -> None:
    assert fleiss_kappa(FLEISS) == pytest.approx(0.210, abs=5e-4)


@given(ratings)
def test_fleiss_kappa_counts_pairs_of_raters(rows: list[list[float]]) -> None:
    units = [[v for v in row if not math.isnan(v)] for row in rows]
    units = [unit for unit in units if len(unit) > 1]
    values = [v for unit in units for v in unit]
    assume(len(set(values)) > 1)
    agree = [np.mean([a == b for a, b in permutations(unit, 2)]) for unit in units]
    chance = np.mean([a == b for a in values for b in values])
    assert fleiss_kappa(np.array(rows)) == pytest.approx((np.mean(agree) - chance) / (1 - chance), abs=1e-9)


def verdicts(data_dir: Path, name: str = "pandalm_testset_v1") -> list[dict[str, Any]]:
    with gzip.open(data_dir / f"preference/{name}.jsonl.gz", "rt") as file:
        return [json.loads(line) for line in file]


def test_agreement_of_pandalms_annotators_equals_the_published_figure(data_dir: Path) -> None:
    rows = np.array([[row[f"annotator{n}"] for n in (1, 2, 3)] for row in verdicts(data_dir)], dtype=float)
    assert fleiss_kappa(rows) == pytest.approx(0.8642, abs=5e-5)
    low, high = bootstrap_interval(lambda picked: fleiss_kappa(rows[picked]), len(rows)) or (X, X)
    assert 0.83 < low < 0.8642 < high < 0.89


def test_cohens_kappa_of_a_two_by_two_table() -> None:
    first = np.repeat([1.0, 1, 0, 0], [20, 5, 10, 15])
    second = np.repeat([1.0, 0, 1, 0], [20, 5, 10, 15])
    assert cohen_kappa(first, second) == pytest.approx(0.4)
    apart = np.array([X])
    assert cohen_kappa(np.append(first, [1.0]), np.append(second, apart)) == pytest.approx(0.4)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=30))
def test_cohens_kappa_from_the_confusion_matrix(pairs: list[tuple[int, int]]) -> None:
    table = np.zeros((4, 4))
    for a, b in pairs:
        table[a, b] += 1 / len(pairs)
    chance = table.sum(0) @ table.sum(1)
    assume(chance < 1 - 1e-12)
    first, second = np.array(pairs, dtype=float).T
    assert cohen_kappa(first, second) == pytest.approx((np.trace(table) - chance) / (1 - chance), abs=1e-9)


def test_kendalls_w_of_siegels_examples() -> None:
    applicants = np.array([[1, 6, 3, 2, 5, 4], [1, 5, 6, 4, 2, 3], [6, 3, 2, 5, 4, 1]], dtype=float)
    assert kendall_w(applicants) == pytest.approx(0.16, abs=5e-3)
    tied = np.array(
        [
            [1, 4.5, 2, 4.5, 3, 7.5, 6, 9, 7.5, 10],
            [2.5, 1, 2.5, 4.5, 4.5, 8, 9, 6.5, 10, 6.5],
            [2, 1, 4.5, 4.5, 4.5, 4.5, 8, 8, 8, 10],
        ]
    )
    assert kendall_w(tied) == pytest.approx(0.828, abs=5e-4)


@given(st.integers(3, 6).flatmap(lambda n: st.lists(st.lists(st.integers(1, 4), min_size=n, max_size=n), min_size=3)))
@settings(max_examples=50)
def test_kendalls_w_is_friedmans_statistic_scaled_with_ties(rows: list[list[int]]) -> None:
    ranks = np.array(rows, dtype=float)
    assume(any(len(set(row)) > 1 for row in rows))
    m, n = ranks.shape
    friedman = stats.friedmanchisquare(*ranks.T).statistic
    assert kendall_w(ranks) == pytest.approx(friedman / (m * (n - 1)), abs=1e-9)


def test_an_undefined_measure_is_nan() -> None:
    single, same = np.array([[1.0, X], [X, 2.0]]), np.ones((4, 3))
    for measure in (krippendorff_alpha, fleiss_kappa):
        assert math.isnan(measure(single))
        assert math.isnan(measure(same))
        assert math.isnan(measure(np.full((3, 2), X)))
    assert math.isnan(cohen_kappa(single[:, 0], single[:, 1]))
    assert math.isnan(kendall_w(same))
    assert math.isnan(kendall_w(np.array([[1.0, 2.0]])))
    assert bootstrap_interval(lambda picked: 1.0, 1) is None
    assert bootstrap_interval(lambda picked: X, 5) is None


def test_the_bootstrap_interval_covers_a_mean_in_95_percent_of_cases() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        sample = rng.normal(size=60)
        interval = bootstrap_interval(lambda picked, s=sample: float(s[picked].mean()), 60, draws=300, seed=seed)
        assert interval is not None
        covered += interval[0] < 0 < interval[1]
    assert 0.88 <= covered / 200 <= 0.99
