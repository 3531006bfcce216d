"""pass@k and pass^k: questions of which one of k answers is right, or all k are."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from posttrain.evaluate.measures import Statistic, SuiteMeasure
from posttrain.evaluate.sample import Sample
from posttrain.statistics.estimate import Measure as IndexMeasure
from posttrain.statistics.repeats import pass_at_k, pass_hat_k


def pass_measures(name: str, k: int) -> tuple[SuiteMeasure, ...]:
    """``NAME.pass@k`` and ``NAME.pass^k``; for k = 1 both are the same, and only the first is there.

    Args:
        name: of the value that is 1 where an answer is right.
    """
    at_k = SuiteMeasure(f"{name}.pass@{k}", "higher", statistic=_mean_over_questions(name, k, pass_at_k))
    hat_k = SuiteMeasure(f"{name}.pass^{k}", "higher", statistic=_mean_over_questions(name, k, pass_hat_k))
    return (at_k,) if k == 1 else (at_k, hat_k)


def _mean_over_questions(name: str, k: int, estimator: Callable[[int, int, int], float]) -> Statistic:
    """The mean over questions. Each answer carries 1 / (answers of its question), so that sums count questions.

    Questions with fewer than k scored answers are left out; NaN if there is no other.
    """

    def statistic(samples: Sequence[Sample]) -> IndexMeasure:
        values: dict[str, list[float]] = {}
        for sample in samples:
            if (value := sample.values.get(name)) is not None:
                values.setdefault(sample.id, []).append(value)
        passed = {key: estimator(len(v), v.count(1.0), k) for key, v in values.items() if len(v) >= k}
        sizes = Counter(sample.id for sample in samples)
        weight_N = np.array([1 / sizes[s.id] if s.id in passed else 0.0 for s in samples])
        passed_N = np.array([passed.get(s.id, 0.0) for s in samples])

        def measure(picked: np.ndarray) -> float:
            total = weight_N[picked].sum()
            return float((weight_N * passed_N)[picked].sum() / total) if total else float("nan")

        return measure

    return statistic
