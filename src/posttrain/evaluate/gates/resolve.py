"""The suite and the measure that a gate is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from posttrain.evaluate.gates.options import BetterThan, NotWorse, read_gate
from posttrain.evaluate.measures import SuiteMeasure, result_key
from posttrain.evaluate.options import SuiteOptions
from posttrain.evaluate.suites.registry import suite_kind


@dataclass(frozen=True, slots=True)
class Subject:
    """What a gate is about.

    Args:
        suite: its name.
        key: the name of the result, ``suite`` or ``suite/measure``.
        measure: of the suite.
    """

    suite: str
    key: str
    measure: SuiteMeasure


def subject_of(gate: str, suites: Mapping[str, SuiteOptions]) -> Subject:
    """The suite and measure that a gate names: by ``suite``, ``suite/measure`` or ``measure``.

    Raises:
        ValueError: there is none, or several; or the gate compares a measure that has no better and worse.
    """
    claim = read_gate(gate)
    subjects = [subject for name, options in suites.items() for subject in _subjects(name, options)]
    subject = _named(claim.name, subjects)
    if isinstance(claim.claim, NotWorse | BetterThan) and subject.measure.better == "neither":
        raise ValueError(f"{subject.key} only describes the answers, and no value of it is better than another")
    return subject


def _subjects(suite: str, options: SuiteOptions) -> list[Subject]:
    measures = suite_kind(options).measures(options)
    return [Subject(suite, result_key(suite, measure.name, measures), measure) for measure in measures]


def _named(name: str, subjects: Sequence[Subject]) -> Subject:
    full = [subject for subject in subjects if name in (subject.key, f"{subject.suite}/{subject.measure.name}")]
    short = [subject for subject in subjects if name == subject.measure.name]
    matches = full or short
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise ValueError(f"{name} is a measure of several suites; write {' or '.join(s.key for s in matches)}")
    if of_suite := [subject.key for subject in subjects if subject.suite == name]:
        raise ValueError(f"the suite {name} has several measures; write {' or '.join(of_suite)}")
    known = [subject.key for subject in subjects]
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"results are {', '.join(known)}" if known else "there are no suites"
    raise ValueError(f"no suite measures {name}; {hint}")
