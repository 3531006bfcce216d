"""Results of other tools: files that lm-evaluation-harness 0.4.13 and Inspect 0.3.285 wrote (shortened)."""

import json
import shutil
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import pyarrow
import pytest

from posttrain.errors import InputError
from posttrain.evaluate.behaviour import read_results, saved_samples
from posttrain.evaluate.imported.inspect_log import ZSTANDARD
from posttrain.evaluate.imported.write import import_evaluations, read_evaluation
from posttrain.statistics.intervals import wilson

FILES = Path(__file__).parent / "files"
HARNESS = FILES / "lm_eval" / "results_2026-01-31T12-00-00.000000.json"
INSPECT = FILES / "inspect_log.json"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run" / "stages" / "sft" / "model").mkdir(parents=True)
    return tmp_path / "run"


def inspect_zip(path: Path, log: dict[str, Any], *, zstandard: bool) -> Path:
    """An ``.eval`` file. Python's zipfile writes no zstandard, so the method is set in the stored members' headers."""
    members = {"header.json": {key: value for key, value in log.items() if key != "samples"}}
    members |= {f"samples/{s['id']}_epoch_{s['epoch']}.json": s for s in log["samples"]}
    with ZipFile(path, "w", ZIP_STORED) as file:
        for name, value in members.items():
            data = json.dumps(value).encode()
            file.writestr(name, pyarrow.Codec("zstd").compress(data, asbytes=True) if zstandard else data)
    if zstandard:
        data = bytearray(path.read_bytes())
        for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
            at = data.find(signature)
            while at >= 0:
                data[at + offset : at + offset + 2] = ZSTANDARD.to_bytes(2, "little")
                at = data.find(signature, at + 4)
        path.write_bytes(data)
    return path


def test_values_and_intervals_of_lm_evaluation_harness() -> None:
    evaluation = read_evaluation(HARNESS)
    found = {key: (r.estimate.value, r.estimate.n, r.estimate.unit, r.better) for key, r in evaluation.results.items()}
    assert found == {
        "stories/exact_match.first": (0.375, 8, "share", "higher"),
        "stories/exact_match.whole": (0.0, 8, "share", "higher"),
        "choice": (0.0, 8, "share", "higher"),
    }
    assert evaluation.results["stories/exact_match.first"].estimate.interval == pytest.approx(wilson(3, 8))
    assert (evaluation.tool, evaluation.version) == ("lm-evaluation-harness", "0.4.13")
    assert evaluation.model == "stories260K"


def test_samples_of_lm_evaluation_harness_have_their_rows_and_one_value_for_each_filter() -> None:
    samples = read_evaluation(HARNESS).samples
    first = samples["stories"][0]
    assert (first.id, first.question, first.target, first.slice) == ("s0", "Once upon a time", "there", "b")
    assert first.answer.startswith(", there was a little girl")
    assert first.values == {"exact_match.first": 1.0, "exact_match.whole": 0.0}
    assert sum(s.values["exact_match.first"] or 0 for s in samples["stories"]) == 3


def test_the_answer_to_a_multiple_choice_is_its_most_probable_choice() -> None:
    rows = [json.loads(line) for line in (HARNESS.parent / HARNESS.name.replace("results_", "samples_choice_"))
            .with_suffix(".jsonl").read_text().splitlines()]  # fmt: skip
    choices = ["there", "was", "happy"]
    for sample, row in zip(read_evaluation(HARNESS).samples["choice"], rows, strict=True):
        logprobs = [float(value) for value, _ in row["filtered_resps"]]
        assert sample.answer == [*choices, row["doc"]["target"]][logprobs.index(max(logprobs))]


def test_without_samples_the_interval_comes_from_the_standard_error(tmp_path: Path) -> None:
    shutil.copy(HARNESS, tmp_path)
    result = read_evaluation(tmp_path / HARNESS.name).results["stories/exact_match.first"]
    error = json.loads(HARNESS.read_text())["results"]["stories"]["exact_match_stderr,first"]
    assert result.estimate.interval == pytest.approx((0.375 - 1.959964 * error, 0.375 + 1.959964 * error), abs=1e-6)


def test_a_value_that_is_no_mean_of_the_samples_stays_as_reported(tmp_path: Path) -> None:
    shutil.copytree(HARNESS.parent, tmp_path / "x")
    document = json.loads(HARNESS.read_text())
    document["results"]["stories"] |= {"exact_match,first": 0.4, "perplexity,none": 12.5, "bleu,none": float("nan")}
    document["higher_is_better"]["stories"] |= {"perplexity": False}
    (tmp_path / "x" / HARNESS.name).write_text(json.dumps(document))
    results = read_evaluation(tmp_path / "x" / HARNESS.name).results
    assert results["stories/exact_match.first"].estimate.value == 0.4
    assert (results["stories/perplexity"].better, results["stories/perplexity"].estimate.unit) == ("lower", "value")
    assert results["stories/bleu"].estimate.value is None


@pytest.mark.parametrize("form", ["json", "deflated", "zstandard"])
def test_values_and_samples_of_an_inspect_log(tmp_path: Path, form: str) -> None:
    log = json.loads(INSPECT.read_text())
    path = INSPECT if form == "json" else inspect_zip(tmp_path / "x.eval", log, zstandard=form == "zstandard")
    evaluation = read_evaluation(path)
    found = {key: (r.estimate.value, r.estimate.n, r.better) for key, r in evaluation.results.items()}
    assert found == {"sums/match": (0.75, 24, "higher"), "sums/includes": (pytest.approx(5 / 6), 24, "higher")}
    assert (evaluation.tool, evaluation.version, evaluation.model) == ("Inspect", "0.3.285", "mockllm/model")
    samples = evaluation.samples["sums"]
    assert [(s.id, s.repeat) for s in samples[:3]] == [("q0", 0), ("q0", 1), ("q1", 0)]
    assert (samples[0].answer, samples[0].target, samples[0].slice) == ("I cannot say 1 so", "1", "even")
    assert samples[0].values == {"match": 0.0, "includes": 1.0}
    assert samples[0].group == "0"
    assert {s.cluster for s in samples} == {f"group {n}" for n in range(4)}


def test_scores_of_inspect_become_numbers_and_long_texts_are_attached(tmp_path: Path) -> None:
    log = json.loads(INSPECT.read_text())
    sample = log["samples"][0]
    for value in ("C", "I", "P", "N", True, 0.25, "yes", "3", "none", float("nan")):
        sample["scores"][f"s{len(sample['scores'])}"] = {"value": value}
    sample["scores"]["parts"] = {"value": {"a": "C", "b": 2}}
    sample |= {"input": [{"role": "user", "content": "attachment://1f"}], "attachments": {"1f": "a long text"}}
    (tmp_path / "x.json").write_text(json.dumps(log))
    first = next(s for s in read_evaluation(tmp_path / "x.json").samples["sums"] if s.id == sample["id"])
    assert first.question == "a long text"
    numbers = [value for name, value in first.values.items() if name.startswith("s")]
    assert numbers == [1.0, 0.0, 0.5, 0.0, 1.0, 0.25, 1.0, 3.0, None, None]
    assert (first.values["a"], first.values["b"]) == (1.0, 2.0)


def test_imports_lie_beside_the_stages_with_tool_version_and_stage(run: Path, tmp_path: Path) -> None:
    document = json.loads(HARNESS.read_text()) | {"model_name": str(run / "stages" / "sft" / "model")}
    shutil.copytree(HARNESS.parent, tmp_path / "lm")
    (tmp_path / "lm" / HARNESS.name).write_text(json.dumps(document))
    harness, inspect = import_evaluations(run, [tmp_path / "lm", INSPECT], None)
    assert {path.name for path in (run / "imported").iterdir()} == {harness.folder.name, inspect.folder.name}
    source = json.loads((harness.folder / "source.json").read_text())
    assert (source["tool"], source["version"], source["stage"]) == ("lm-evaluation-harness", "0.4.13", "sft")
    assert read_results(harness.folder) == harness.evaluation.results
    assert saved_samples(inspect.folder, "sums") == inspect.evaluation.samples["sums"]
    assert json.loads((inspect.folder / "source.json").read_text())["stage"] is None


def test_a_file_is_imported_once_and_a_second_one_does_not_replace_it(run: Path, tmp_path: Path) -> None:
    (first,) = import_evaluations(run, [INSPECT], "sft")
    (again,) = import_evaluations(run, [INSPECT], "sft")
    assert (again.new, again.folder) == (False, first.folder)
    log = json.loads(INSPECT.read_text())
    log["eval"]["model"] = "other"
    (tmp_path / "x.json").write_text(json.dumps(log))
    (other,) = import_evaluations(run, [tmp_path / "x.json"], None)
    assert other.folder != first.folder


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.json", "{", "is not JSON"),
        ("x.json", '{"a": 1}', "is no file of results of lm-evaluation-harness or Inspect"),
        ("x.json", '{"results": {"t": []}, "configs": {}, "n-shot": {}}', "is not as"),
        ("x.json", '{"version": 2, "status": "error", "eval": {}}', "status 'error', not success"),
        ("x.eval", "PK", "is no whole zip file"),
        ("x.txt", "", "name results_DATE.json"),
    ],
)
def test_a_wrong_file_is_one_sentence_and_nothing_is_written(
    run: Path, tmp_path: Path, name: str, content: str, message: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        import_evaluations(run, [INSPECT, tmp_path / name], None)
    assert not (run / "imported").exists()


def test_an_unfinished_or_damaged_inspect_log_is_refused(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "x.eval", "w") as file:
        file.writestr("_journal/start.json", "{}")
    with pytest.raises(InputError, match="the evaluation did not end"):
        read_evaluation(tmp_path / "x.eval")
    whole = inspect_zip(tmp_path / "y.eval", json.loads(INSPECT.read_text()), zstandard=True).read_bytes()
    (tmp_path / "y.eval").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="no whole zip file"):
        read_evaluation(tmp_path / "y.eval")


def test_the_place_must_be_a_run_with_that_stage(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no run directory"):
        import_evaluations(tmp_path, [INSPECT], None)
    with pytest.raises(InputError, match=r"--stage dpo: .* has no such stage"):
        import_evaluations(run, [INSPECT], "dpo")
    with pytest.raises(InputError, match=r"has no results_DATE\.json"):
        import_evaluations(run, [run], None)
