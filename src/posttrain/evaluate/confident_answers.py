"""Measures of answers that may abstain: what wrong ones cost, and whether confidence can be trusted.

The label of a sample is "right", "wrong" or "abstained"; None where the metric does not apply.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from posttrain.evaluate.measures import SuiteMeasure, mean_of
from posttrain.evaluate.sample import Sample
from posttrain.statistics.calibration import brier_score, calibration_error
from posttrain.statistics.estimate import Measure as IndexMeasure
from posttrain.statistics.selective import risk_coverage, risk_coverage_area

Array = NDArray[np.float64]


def measures_of_confidence(wrong_penalty: float, confident: float) -> Sequence[SuiteMeasure]:
    """The measures of the suite `abstention`.

    Args:
        wrong_penalty: points that a wrong answer costs.
        confident: the confidence above which an answer is confident.
    """
    return (
        mean_of("accuracy"),
        SuiteMeasure("penalised_score", "higher", value=lambda s: _points(s, wrong_penalty), unit="value"),
        SuiteMeasure("coverage", "neither", value=lambda s: None if s.label is None else float(s.label != "abstained")),
        SuiteMeasure("selective_accuracy", "higher", value=_right_if_answered),
        SuiteMeasure("confident_wrong", "lower", value=lambda s: _confident_wrong(s, confident)),
        SuiteMeasure("ece", "lower", statistic=_of_confidence(calibration_error)),
        SuiteMeasure("brier", "lower", statistic=_of_confidence(brier_score), unit="value"),
        SuiteMeasure("aurc", "lower", statistic=_of_confidence(_area), unit="value"),
    )


def confidence_and_right(samples: Sequence[Sample]) -> tuple[Array, Array]:
    """[N] each: confidence, and 1 for right or 0 for wrong, of the answers given whose confidence is known."""
    known = [s for s in samples if s.label in ("right", "wrong") and s.confidence is not None]
    return np.array([s.confidence for s in known], np.float64), np.array(
        [s.label == "right" for s in known], np.float64
    )


def risk_coverage_of(samples: Sequence[Sample]) -> tuple[Array, Array]:
    """[N] coverage and [N] risk: the share of wrong answers among the most confident ones, of the answers given."""
    confidence_N, right_N = confidence_and_right(samples)
    return risk_coverage(confidence_N, 1 - right_N)


def _points(sample: Sample, wrong_penalty: float) -> float | None:
    """1 for what is right, right abstentions too; 0 for other abstentions; minus the penalty for a wrong answer."""
    if sample.label is None:
        return None
    return 1.0 if sample.values["accuracy"] == 1.0 else 0.0 if sample.label == "abstained" else -wrong_penalty


def _right_if_answered(sample: Sample) -> float | None:
    return float(sample.label == "right") if sample.label in ("right", "wrong") else None


def _confident_wrong(sample: Sample, confident: float) -> float | None:
    if sample.label not in ("right", "wrong") or sample.confidence is None:
        return None
    return float(sample.label == "wrong" and sample.confidence > confident)


def _area(confidence_N: Array, right_N: Array) -> float:
    return risk_coverage_area(confidence_N, 1 - right_N)


def _of_confidence(figure: Callable[[Array, Array], float]) -> Callable[[Sequence[Sample]], IndexMeasure]:
    """A figure of (confidence, right); NaN where no answer has a confidence."""

    def statistic(samples: Sequence[Sample]) -> IndexMeasure:
        counts_N = np.array([s.label in ("right", "wrong") and s.confidence is not None for s in samples])
        confidence_N = np.array([s.confidence or 0.0 for s in samples], dtype=np.float64)
        right_N = np.array([s.label == "right" for s in samples], dtype=np.float64)

        def of(picked: np.ndarray) -> float:
            counted = picked[counts_N[picked]]
            return figure(confidence_N[counted], right_N[counted])

        return of

    return statistic
