"""Gates in a run: a stage that is not shown to be good stops it, and everything is kept."""

import json
from pathlib import Path

import pytest

import posttrain as pt
from command_line import Answer, Posttrain

RECIPE = """\
model: model
suites:
  valid: {data: asks.jsonl, metrics: json, max_new_tokens: 4}
  words: {data: asks.jsonl, metrics: {short: {kind: regex, pattern: "(?s).*"}}, max_new_tokens: 4}
stages:
  sft: {kind: sft, data: train.jsonl, max_length: 128, max_steps: 1, gates: GATES}
  more: {kind: sft, model: sft, data: train.jsonl, max_length: 128, max_steps: 1}
"""


@pytest.fixture
def gated(work: Path) -> Path:
    parts = ("one", "two")
    asks = [{"id": str(n), "input": f"Say {n}", "metadata": {"slice": parts[n % 2]}} for n in range(60)]
    (work / "asks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asks))
    return work


def run(folder: Path, posttrain: Posttrain, gates: str, *more: str) -> Answer:
    (folder / "gated.yaml").write_text(RECIPE.replace("GATES", gates) + "\n".join(more) + "\n")
    return posttrain("run", "gated.yaml", "--out", "out", "--json")


def verdicts(folder: Path) -> list[dict[str, object]]:
    return json.loads((folder / "out/gates.json").read_text())["gates"]


def test_a_run_whose_gates_pass_goes_on(gated: Path, posttrain: Posttrain) -> None:
    answer = run(gated, posttrain, '["words >= 0.9", "words not worse than base by 0.1"]', "gates: [words >= 0.9]")
    assert answer.code == 0, answer.err
    assert [(one["stage"], one["outcome"]) for one in verdicts(gated)] == [
        ("sft", "pass"),
        ("sft", "pass"),
        ("more", "pass"),
    ]


def test_a_failed_gate_stops_the_run_names_the_slice_and_keeps_everything(gated: Path, posttrain: Posttrain) -> None:
    answer = run(gated, posttrain, '["valid[two] >= 0.9"]')
    assert answer.code == 100
    assert "Traceback" not in answer.err
    for part in ("sft", "valid[two] >= 0.9", "30 answers", "stages/sft/behaviour/samples_valid.jsonl", "waiver"):
        assert part in answer.err
    assert (gated / "out/stages/sft/model/model.safetensors").is_file()
    assert not (gated / "out/stages/more").exists()
    assert (gated / "out/summary.json").is_file()
    (verdict,) = verdicts(gated)
    assert (verdict["outcome"], verdict["blocks"], verdict["n"]) == ("fail", True, 30)


def test_a_waiver_or_a_warning_lets_the_same_run_go_on_without_training_again(
    gated: Path, posttrain: Posttrain
) -> None:
    assert run(gated, posttrain, '["valid better than base"]').code == 100
    model = (gated / "out/stages/sft/model/model.safetensors").stat().st_mtime_ns
    warned = run(gated, posttrain, '[{gate: "valid better than base", on_inconclusive: warn}]')
    assert warned.code == 0, warned.err
    assert (gated / "out/stages/sft/model/model.safetensors").stat().st_mtime_ns == model
    waived = run(gated, posttrain, '[{gate: "valid >= 0.9", waiver: {by: A. Reviewer, reason: only a trial}}]')
    assert waived.code == 0, waived.err
    assert verdicts(gated)[0]["waiver"] == {"by": "A. Reviewer", "reason": "only a trial"}


@pytest.mark.parametrize(
    ("gates", "messages"),
    [
        ('["valid > 0.9"]', ("gated.yaml:6", "stages.sft.gates.0", ">=")),
        ('["vald >= 0.9"]', ("gated.yaml:6", "stages.sft.gates.0", "did you mean valid")),
        ('["valid better than more"]', ("stages.sft.gates.0", "more is no earlier stage", "base")),
        ('["valid not worse than base"]', ("stages.sft.gates.0", "margin")),
        ('[{gate: "valid >= 0.9", waiver: {by: x}}]', ("stages.sft.gates.0.waiver.reason", "missing")),
    ],
)
def test_a_wrong_gate_is_refused_before_anything_runs(
    gated: Path, posttrain: Posttrain, gates: str, messages: tuple[str, ...]
) -> None:
    answer = run(gated, posttrain, gates)
    assert answer.code == 2, answer.err
    for message in messages:
        assert message in answer.err
    assert not (gated / "out").exists()


def test_an_unknown_slice_is_one_error(gated: Path, posttrain: Posttrain) -> None:
    answer = run(gated, posttrain, '["valid[three] >= 0.9"]')
    assert answer.code == 2
    assert "stages.sft.gates: `valid[three] >= 0.9`" in answer.err
    assert "one, two" in answer.err


def test_gate_repeats_the_verdicts_from_saved_answers(gated: Path, posttrain: Posttrain) -> None:
    assert run(gated, posttrain, '["words >= 0.9", "valid[two] >= 0.9"]').code == 100
    before = verdicts(gated)
    again = posttrain("gate", "out", "--json")
    assert again.code == 100
    assert json.loads(again.out)["gates"] == before
    other = posttrain("gate", "out", "--gate", "words >= 0.5")
    assert other.code == 0, other.err
    assert "pass" in other.out
    assert verdicts(gated) == before, "a question from the command line changes no record"


def test_a_plan_says_which_gate_needs_more_questions(gated: Path, posttrain: Posttrain) -> None:
    (gated / "gated.yaml").write_text(RECIPE.replace("GATES", '["words >= 0.99", "words >= 0.9"]'))
    answer = posttrain("plan", "gated.yaml", "--json")
    assert answer.code == 0, answer.err
    notes = [note for note in json.loads(answer.out)[0]["notes"] if "gate" in note]
    assert len(notes) == 1
    assert "`words >= 0.99`" in notes[0]
    assert "299 can show it" in notes[0]


def test_in_python_a_gate_that_does_not_pass_is_an_exception(gated: Path) -> None:
    (gated / "gated.yaml").write_text(RECIPE.replace("GATES", '["valid >= 0.9"]'))
    with pytest.raises(pt.GateStopped, match=r"valid >= 0\.9"):
        pt.run("gated.yaml", out="out", quiet=True)
    assert verdicts(gated)[0]["outcome"] == "fail"
