"""The paired comparison of two models from their saved samples."""

from collections.abc import Sequence
from dataclasses import replace

from posttrain.evaluate.estimates import estimate_of
from posttrain.evaluate.measures import SuiteMeasure
from posttrain.evaluate.sample import Sample
from posttrain.statistics.bootstrap import REPORT_DRAWS
from posttrain.statistics.paired import PairedComparison, compare_paired
from posttrain.statistics.paired_statistic import compare_statistic
from posttrain.statistics.power import detectable_loss
from posttrain.statistics.tango import PairedShares


def compare_samples(
    measure: SuiteMeasure,
    before: Sequence[Sample],
    after: Sequence[Sample],
    *,
    draws: int = REPORT_DRAWS,
    seed: int = 0,
) -> tuple[PairedComparison | None, tuple[float | None, float | None]]:
    """The paired comparison of two models' answers to the same questions, and both values over these.

    None where they have no answer in common that the measure applies to.

    Args:
        draws: bootstrap draws and permutations of a measure that is no mean.
    """
    first = {sample.key: sample for sample in before}
    pairs = [(first[sample.key], sample) for sample in after if sample.key in first]
    direction = "lower" if measure.better == "lower" else "higher"
    if measure.value is not None:
        numbers = [(measure.value(a), measure.value(b), b.cluster) for a, b in pairs]
        known = [(a, b, cluster) for a, b, cluster in numbers if a is not None and b is not None]
        if not known:
            return None, (None, None)
        olds, news, clusters = zip(*known, strict=True)
        own = None if len({*clusters}) == len(clusters) else clusters
        comparison = compare_paired(olds, news, clusters=own, better=direction, seed=seed)
        return comparison, (sum(olds) / len(olds), sum(news) / len(news))
    assert measure.statistic is not None
    if not pairs:
        return None, (None, None)
    olds, news = [a for a, _ in pairs], [_apart(b) for _, b in pairs]
    statistic = measure.statistic([*olds, *news])
    clusters = [sample.cluster for sample in olds]
    comparison = compare_statistic(statistic, len(pairs), clusters=clusters, better=direction, draws=draws, seed=seed)
    values = (estimate_of(measure, olds).value, estimate_of(measure, news).value)
    return comparison, values


def _apart(sample: Sample) -> Sample:
    """The sample with an id and a group of its own, so that a statistic of both models keeps their groups apart."""
    return replace(sample, id=f"after {sample.id}", group=None if sample.group is None else f"after {sample.group}")


def detectable_loss_of(comparison: PairedComparison) -> float | None:
    """The smallest loss that so many answers would show; None where they are no independent zeros and ones."""
    shares = comparison.distribution
    if not isinstance(shares, PairedShares) or comparison.clusters < comparison.n:
        return None
    churn = max(1 / comparison.n, 2 * min(shares.gains, shares.losses) / comparison.n)
    return detectable_loss(comparison.n, churn)
