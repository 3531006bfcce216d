"""The verdict of each gate, from saved samples alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from posttrain.errors import InputError
from posttrain.evaluate.comparison import compare_samples, detectable_loss_of
from posttrain.evaluate.estimates import estimate_of, interval_of
from posttrain.evaluate.gates.gate_verdict import GateVerdict
from posttrain.evaluate.gates.options import Gate, NotWorse, Threshold, read_gate
from posttrain.evaluate.gates.resolve import Subject
from posttrain.evaluate.measures import SuiteMeasure
from posttrain.evaluate.sample import Sample
from posttrain.statistics.bootstrap import bootstrap
from posttrain.statistics.clusters import cluster_codes, mean_distribution
from posttrain.statistics.verdicts import Verdict, against_threshold, better, decide, not_worse

SamplesOf = Callable[[str, str], Sequence[Sample]]
"""(stage's name or "base", suite) → the saved samples of its model.

Raises:
    InputError: there are none.
"""


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What the samples say about a claim, before correction for the number of gates."""

    verdict: Verdict
    value: float | None
    n: int
    clusters: int
    test: str
    interval: tuple[float, float] | None = None
    reference: float | None = None
    difference: float | None = None
    detectable: float | None = None


def verdicts_of(
    stage: str, gates: Sequence[tuple[Gate, Subject]], samples_of: SamplesOf, *, share: float = 1.0, seed: int = 0
) -> list[GateVerdict]:
    """The verdicts of a stage's gates. A gate with ``[*]`` has one for each slice.

    Args:
        gates: each with the suite and measure that it is about.
        share: the part of the error probability that these gates may use, since a run has other gates too.
        seed: of bootstrap and permutations.

    Raises:
        InputError: a gate names a slice that the suite has not.
    """
    cases = [
        (gate, subject, part)
        for gate, subject in gates
        for part in _slices(gate, subject, samples_of(stage, subject.suite))
    ]
    evidence = [_evidence(stage, gate, subject, part, samples_of, seed) for gate, subject, part in cases]
    decided = decide([one.verdict for one in evidence], share=share)
    return [
        _verdict(stage, gate, subject, part, one, verdict)
        for (gate, subject, part), one, verdict in zip(cases, evidence, decided, strict=True)
    ]


def _slices(gate: Gate, subject: Subject, samples: Sequence[Sample]) -> list[str | None]:
    """The slices that a gate is about; None for all answers together."""
    part = read_gate(gate.gate).slice
    known = list(dict.fromkeys(str(sample.slice) for sample in samples))
    if part == "*":
        return [*known]
    if part is not None and part not in known:
        raise InputError(f"`{gate.gate}`: the suite {subject.suite} has no slice {part} (slices: {', '.join(known)})")
    return [part]


def _evidence(
    stage: str, gate: Gate, subject: Subject, part: str | None, samples_of: SamplesOf, seed: int
) -> _Evidence:
    claim, measure = read_gate(gate.gate).claim, subject.measure
    samples = _inside(samples_of(stage, subject.suite), part)
    if isinstance(claim, Threshold):
        return _against(claim, measure, samples, seed)
    before = _inside(samples_of(claim.reference, subject.suite), part)
    comparison, values = compare_samples(measure, before, samples, seed=seed)
    if comparison is None:
        return _Evidence(Verdict("inconclusive", 1.0, 1.0), values[1], 0, 0, "no common answers", reference=values[0])
    verdict = not_worse(comparison, claim.margin) if isinstance(claim, NotWorse) else better(comparison)
    return _Evidence(
        verdict,
        values[1],
        comparison.n,
        comparison.clusters,
        comparison.test,
        comparison.interval,
        values[0],
        comparison.difference,
        detectable_loss_of(comparison),
    )


def _against(claim: Threshold, measure: SuiteMeasure, samples: Sequence[Sample], seed: int) -> _Evidence:
    value = estimate_of(measure, samples).value
    if measure.value is not None:
        pairs = [(number, sample) for sample in samples if (number := measure.value(sample)) is not None]
        clusters = [sample.cluster for _, sample in pairs]
        distribution = mean_distribution([number for number, _ in pairs], clusters) if pairs else None
    else:
        assert measure.statistic is not None
        clusters = [sample.cluster for sample in samples]
        distribution = bootstrap(measure.statistic(samples), cluster_codes(clusters, len(samples)), seed=seed)
    if distribution is None or value is None:
        return _Evidence(Verdict("inconclusive", 1.0, 1.0), value, len(clusters), len({*clusters}), "no value")
    test = "exact bounds" if measure.value is not None else "bootstrap"
    verdict = against_threshold(distribution, claim.value, claim.direction)
    return _Evidence(verdict, value, len(clusters), len({*clusters}), test, interval_of(distribution, measure))


def _inside(samples: Sequence[Sample], part: str | None) -> list[Sample]:
    return [sample for sample in samples if part is None or str(sample.slice) == part]


def _verdict(
    stage: str, gate: Gate, subject: Subject, part: str | None, evidence: _Evidence, verdict: Verdict
) -> GateVerdict:
    claim = read_gate(gate.gate).claim
    stops = verdict.outcome == "fail" or (verdict.outcome == "inconclusive" and gate.on_inconclusive == "stop")
    reference = None if isinstance(claim, Threshold) else {"stage": claim.reference, "value": evidence.reference}
    return GateVerdict(
        stage=stage,
        gate=gate.gate,
        key=subject.key if part is None else f"{subject.key}[{part}]",
        unit=subject.measure.unit,
        outcome=verdict.outcome,
        blocks=stops and gate.waiver is None,
        value=evidence.value,
        reference=reference,
        threshold=claim.value if isinstance(claim, Threshold) else None,
        margin=claim.margin if isinstance(claim, NotWorse) else None,
        difference=evidence.difference,
        interval=evidence.interval,
        n=evidence.n,
        clusters=evidence.clusters,
        test=evidence.test,
        p_pass=verdict.p_pass,
        p_fail=verdict.p_fail,
        detectable=evidence.detectable,
        on_inconclusive=gate.on_inconclusive,
        waiver=None if gate.waiver is None else {"by": gate.waiver.by, "reason": gate.waiver.reason},
    )
