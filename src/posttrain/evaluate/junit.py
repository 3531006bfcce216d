"""Results and gates as JUnit XML, which CI servers show: a test case for each gate, or for each result."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from posttrain.evaluate.estimates import Result
from posttrain.evaluate.measures import suite_of

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML cannot hold."""

_FIGURES = ("value", "threshold", "difference", "margin", "interval", "n", "clusters", "test")
"""The figures of a gate that a test case shows."""


def junit_of_results(models: Mapping[str, Mapping[str, Result]]) -> str:
    """A test suite for each model, a case for each of its results. A result passes; one without a value is skipped.

    Args:
        models: name of a model or a stage → its results.
    """
    root = Element("testsuites", name="posttrain eval")
    for model, results in models.items():
        cases: list[Element] = []
        for key, result in results.items():
            cases.append(_case(f"{model}.{suite_of(key)}", key, _sentence(result)))
            if result.estimate.value is None:
                SubElement(cases[-1], "skipped", message="no value")
        _add_suite(root, model, cases)
    return _xml(root)


def junit_of_gates(gates: Sequence[Mapping[str, Any]]) -> str:
    """A test suite for each stage, a case for each gate.

    A gate that stops the run and did not pass is a failure; one that only warns, or is waived, is skipped.

    Args:
        gates: the entries of ``gates.json``.
    """
    root = Element("testsuites", name="posttrain gates")
    for stage in dict.fromkeys(gate["stage"] for gate in gates):
        name = "run" if stage is None else str(stage)
        _add_suite(root, name, [_gate_case(name, gate) for gate in gates if gate["stage"] == stage])
    return _xml(root)


def _gate_case(stage: str, gate: Mapping[str, Any]) -> Element:
    sentence = ", ".join(f"{key} {gate[key]}" for key in _FIGURES if gate.get(key) is not None)
    case = _case(stage, gate["gate"], sentence)
    if gate["outcome"] != "pass":
        waiver = gate.get("waiver")
        waived = f"; waived by {waiver['by']}: {waiver['reason']}" if waiver else ""
        message = _legal(f"{gate['outcome']}: {sentence}{waived}")
        SubElement(case, "failure" if gate["blocks"] else "skipped", message=message)
    return case


def _add_suite(root: Element, name: str, cases: Sequence[Element]) -> None:
    counts = {kind: str(sum(case.find(kind) is not None for case in cases)) for kind in ("failure", "skipped")}
    numbers = {"tests": str(len(cases)), "failures": counts["failure"], "errors": "0", "skipped": counts["skipped"]}
    SubElement(root, "testsuite", {"name": _legal(name), **numbers}).extend(cases)


def _case(group: str, name: str, sentence: str) -> Element:
    case = Element("testcase", classname=_legal(group), name=_legal(name), time="0")
    SubElement(case, "system-out").text = _legal(sentence)
    return case


def _sentence(result: Result) -> str:
    estimate, ends = result.estimate, result.estimate.interval
    between = "" if ends is None else f", 95% interval {ends[0]:.6g} to {ends[1]:.6g}"
    return f"value {estimate.value}{between}, n {estimate.n} {estimate.counted}".strip()


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)


def _xml(root: Element) -> str:
    indent(root)
    return tostring(root, encoding="utf-8", xml_declaration=True).decode() + "\n"
