"""Classification figures against scikit-learn, also for answers that name no label."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, f1_score, matthews_corrcoef

from posttrain.statistics.classification import (
    classification_measure,
    confusion,
    label_cells,
    macro_f1,
    matthews_correlation,
    micro_f1,
)

LABELS = ["ask", "give", "refuse", "wait"]
ANSWERS = st.lists(
    st.tuples(st.sampled_from(LABELS), st.sampled_from([*LABELS, "something else"])), min_size=1, max_size=60
)


@given(ANSWERS)
def test_figures_are_scikit_learns(answers: list[tuple[str, str]]) -> None:
    true, predicted = (list(column) for column in zip(*answers, strict=True))
    counts = confusion(label_cells(true, predicted, LABELS), len(LABELS))
    present = sorted({*true, *predicted} & set(LABELS))
    assert np.array_equal(counts, confusion_matrix(true, predicted, labels=[*LABELS, "something else"])[:-1])
    f1 = {
        kind: f1_score(true, predicted, labels=present, average=kind, zero_division=0.0) for kind in ("macro", "micro")
    }
    assert macro_f1(counts) == pytest.approx(f1["macro"], abs=1e-9)
    assert micro_f1(counts) == pytest.approx(f1["micro"], abs=1e-9)
    assert matthews_correlation(counts) == pytest.approx(matthews_corrcoef(true, predicted), abs=1e-9)


def test_a_measure_counts_repeated_items_as_often_as_they_are_drawn() -> None:
    cells = label_cells(["ask", "give", "wait"], ["ask", None, "give"], LABELS)
    measure = classification_measure(macro_f1, cells, len(LABELS))
    assert measure(np.array([0, 0, 1])) == pytest.approx((1 + 0) / 2)
    assert measure(np.array([0, 2])) == pytest.approx((1 + 0 + 0) / 3)


def test_without_answers_there_is_no_value() -> None:
    nothing = confusion(label_cells([], [], LABELS), len(LABELS))
    assert all(math.isnan(figure(nothing)) for figure in (macro_f1, micro_f1, matthews_correlation))


def test_an_unknown_true_label_is_named() -> None:
    with pytest.raises(ValueError, match="'leave'"):
        label_cells(["ask", "leave"], ["ask", "ask"], LABELS)
